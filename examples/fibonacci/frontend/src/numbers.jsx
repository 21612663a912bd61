import { useEffect, useState } from "react";

/** What this branch's database holds, and which migrations made it. `seen` changes when there may be something new. */
export function Numbers({ seen }) {
  const [database, setDatabase] = useState(null);

  useEffect(() => {
    const abort = new AbortController();
    fetch("/api/numbers", { signal: abort.signal })
      .then(async (response) => {
        if (response.ok) setDatabase(await response.json());
      })
      .catch(() => undefined);
    return () => abort.abort();
  }, [seen]);

  if (!database) return null;
  const { migrations, count, columns, numbers } = database;
  return (
    <section>
      <h2>
        Schema <b data-testid="schema">{migrations.at(-1)}</b>, {count} numbers
      </h2>
      <table>
        <thead>
          <tr>
            {columns.map((name) => (
              <th key={name}>{name}</th>
            ))}
          </tr>
        </thead>
        <tbody data-testid="numbers">
          {numbers.map((row) => (
            <tr key={row.n}>
              {columns.map((name) => (
                <td key={name}>{String(row[name])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
