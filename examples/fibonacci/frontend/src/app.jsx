import { useEffect, useState } from "react";
import { Jobs } from "./jobs.jsx";
import { Numbers } from "./numbers.jsx";

export function App({ environment }) {
  const [n, setN] = useState(42);
  const [answer, setAnswer] = useState(null);
  const [problem, setProblem] = useState(null);

  useEffect(() => {
    const abort = new AbortController();
    fetch(`/api/fibonacci/${n}`, { signal: abort.signal })
      .then(async (response) => {
        const body = await response.json();
        if (!response.ok) throw new Error(body.error);
        setAnswer(body);
        setProblem(null);
      })
      .catch((error) => {
        if (!abort.signal.aborted) setProblem(error.message);
      });
    return () => abort.abort();
  }, [n]);

  return (
    <main>
      <header>
        <h1>Fibonacci</h1>
        <span className="badge" data-testid="environment">
          {environment}
        </span>
      </header>
      <label>
        n
        <input type="range" min="0" max="300" value={n} onChange={(event) => setN(Number(event.target.value))} />
        <output>{n}</output>
      </label>
      <p className="value" data-testid="value">
        {answer?.value ?? "…"}
      </p>
      {answer && (
        <p className="how">
          <b data-testid="algorithm">{answer.algorithm}</b>, {answer.steps} {answer.steps === 1 ? "step" : "steps"}, answered by the backend of{" "}
          <b>{answer.environment}</b>, asked {answer.requests} {answer.requests === 1 ? "time" : "times"}
        </p>
      )}
      {problem && <p className="problem">{problem}</p>}
      <Jobs n={n} />
      <Numbers seen={answer} />
    </main>
  );
}
