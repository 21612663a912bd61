/** Jobs in memory. A job that its worker does not finish in time goes back to the queue. */
export function createQueue({ kept = 20, leaseMs = 30_000, now = Date.now } = {}) {
  const jobs = [];
  const waiting = new Set();
  let lastId = 0;

  function takeNext() {
    const job = jobs.find((each) => each.state === "queued" || (each.state === "running" && now() - each.takenAtMs > leaseMs));
    if (!job) return null;
    job.state = "running";
    job.takenAtMs = now();
    return job;
  }

  return {
    list: () => [...jobs].reverse(),
    find: (id) => jobs.find((job) => job.id === id) ?? null,
    add(n) {
      lastId += 1;
      const job = { id: lastId, n, state: "queued", takenAtMs: 0, result: null };
      jobs.push(job);
      while (jobs.length > kept && jobs[0].state === "done") jobs.shift();
      for (const wake of waiting) wake();
      return job;
    },
    finish(id, result) {
      const job = this.find(id);
      if (!job) return null;
      Object.assign(job, { state: "done", result });
      return job;
    },
    /** The next job, or null after `timeoutMs` without one or when `abort` fires. */
    async take(timeoutMs, abort) {
      const deadline = now() + timeoutMs;
      for (;;) {
        if (abort.aborted) return null;
        const job = takeNext();
        if (job) return job;
        const leftMs = deadline - now();
        if (leftMs <= 0) return null;
        await new Promise((resolve) => {
          const timer = setTimeout(done, Math.min(leftMs, 1000));
          function done() {
            clearTimeout(timer);
            waiting.delete(done);
            abort.removeEventListener("abort", done);
            resolve();
          }
          waiting.add(done);
          abort.addEventListener("abort", done);
        });
      }
    },
  };
}
