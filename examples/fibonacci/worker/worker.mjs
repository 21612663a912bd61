import { setTimeout as sleep } from "node:timers/promises";
import { fibonacci, label } from "../backend/algorithm.mjs";

const backend = process.env.BACKEND_URL;
if (!backend) {
  console.error("BACKEND_URL is not set: the worker does not know where the backend is.");
  process.exit(1);
}

const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => stop.abort());

async function post(path, body) {
  const response = await fetch(backend + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: stop.signal,
  });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.status === 204 ? null : response.json();
}

async function workOnce() {
  const job = await post("/worker/next", {});
  if (!job) return;
  const { value, steps } = fibonacci(job.n);
  await post(`/worker/results/${job.id}`, { value: String(value), steps, algorithm: label, worker: process.pid });
  console.log(`job ${job.id}: fibonacci(${job.n}) in ${steps} steps, ${label}`);
}

console.log(`worker ready (${label}), backend ${backend}`);
let pauseMs = 100;
while (!stop.signal.aborted) {
  try {
    await workOnce();
    pauseMs = 100;
  } catch (error) {
    if (stop.signal.aborted) break;
    console.error(`the backend does not answer (${error.message}); again in ${pauseMs} ms`);
    await sleep(pauseMs, undefined, { signal: stop.signal }).catch(() => undefined);
    pauseMs = Math.min(pauseMs * 2, 5000);
  }
}
