import { useEffect, useState } from "react";

/** Work for the background worker, and what became of it. */
export function Jobs({ n }) {
  const [jobs, setJobs] = useState([]);
  const waiting = jobs.some((job) => job.state !== "done");

  async function refresh() {
    const response = await fetch("/api/jobs");
    if (response.ok) setJobs((await response.json()).jobs);
  }

  async function add() {
    await fetch("/api/jobs", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ n }) });
    await refresh();
  }

  useEffect(() => {
    refresh().catch(() => undefined);
    const timer = setInterval(() => refresh().catch(() => undefined), waiting ? 300 : 3000);
    return () => clearInterval(timer);
  }, [waiting]);

  return (
    <section>
      <button type="button" onClick={() => add().catch(() => undefined)}>
        Let the worker compute fibonacci({n})
      </button>
      <ul>
        {jobs.slice(0, 5).map((job) => (
          <li key={job.id} className={job.state}>
            <span>
              #{job.id} fibonacci({job.n})
            </span>
            <span>{job.state === "done" ? `${job.result.value.slice(0, 24)} · ${job.result.algorithm}` : job.state}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
