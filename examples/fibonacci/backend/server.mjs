import { createServer } from "node:http";
import { fibonacci, label } from "./algorithm.mjs";
import { createQueue } from "./queue.mjs";
import { close, overview, record } from "./store.mjs";

const port = Number(process.env.PORT ?? 8000);
const host = process.env.HOST ?? "127.0.0.1";
const environment = process.env.APP_NAME ?? "no name";
const largest = 10_000;
const queue = createQueue();

class BadRequest extends Error {}

function parseIndex(value) {
  const n = Number(value);
  if (!Number.isInteger(n) || n < 0 || n > largest) throw new BadRequest(`n must be a whole number from 0 to ${largest}.`);
  return n;
}

async function readJson(request) {
  let text = "";
  for await (const chunk of request) {
    text += chunk;
    if (text.length > 100_000) throw new BadRequest("The body is too long.");
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new BadRequest("The body must be JSON.");
  }
}

function answer(response, status, body) {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" });
  response.end(body === null ? undefined : `${JSON.stringify(body)}\n`);
}

const routes = [
  ["GET", /^\/healthz$/, () => [200, { ok: true, environment, algorithm: label }]],
  [
    "GET",
    /^\/api\/fibonacci\/([^/]+)$/,
    async (_request, index) => {
      const n = parseIndex(index);
      const { value, steps } = fibonacci(n);
      const answer = { n, value: String(value), steps, algorithm: label };
      return [200, { ...answer, requests: await record(answer), environment }];
    },
  ],
  ["GET", /^\/api\/numbers$/, async () => [200, { ...(await overview()), environment }]],
  ["GET", /^\/api\/jobs$/, () => [200, { jobs: queue.list() }]],
  ["POST", /^\/api\/jobs$/, async (request) => [201, queue.add(parseIndex((await readJson(request))?.n))]],
  [
    "GET",
    /^\/api\/jobs\/(\d+)$/,
    (_request, id) => {
      const job = queue.find(Number(id));
      return job ? [200, job] : [404, { error: `There is no job ${id}.` }];
    },
  ],
  // For the worker. Not below /api, so not on the app's own URL.
  [
    "POST",
    /^\/worker\/next$/,
    async (request, _id, response) => {
      const gone = new AbortController();
      response.once("close", () => gone.abort());
      request.resume();
      const job = await queue.take(10_000, gone.signal);
      return job ? [200, job] : [204, null];
    },
  ],
  [
    "POST",
    /^\/worker\/results\/(\d+)$/,
    async (request, id) => {
      const job = queue.finish(Number(id), await readJson(request));
      if (job) await record({ ...job.result, n: job.n });
      return job ? [200, job] : [404, { error: `There is no job ${id}.` }];
    },
  ],
];

async function handle(request, response) {
  const { pathname } = new URL(request.url, "http://backend");
  for (const [method, pattern, run] of routes) {
    const match = pattern.exec(pathname);
    if (!match || method !== request.method) continue;
    answer(response, ...(await run(request, match[1], response)));
    return;
  }
  answer(response, 404, { error: `There is no ${request.method} ${pathname}.` });
}

const server = createServer((request, response) => {
  handle(request, response).catch((error) => {
    const status = error instanceof BadRequest ? 400 : 500;
    if (status === 500) console.error(error);
    if (!response.headersSent) answer(response, status, { error: error.message || error.code });
    else response.destroy();
  });
});

server.listen(port, host, () => console.log(`backend (${label}) listens on http://${host}:${port}`));

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => {
    server.close(() => close().finally(() => process.exit(0)));
    server.closeAllConnections();
  });
}
