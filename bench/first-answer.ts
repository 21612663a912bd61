// From `wt create` to the first HTTP 200 through the gateway, against the same work done by hand without a gateway.
import { cpSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { type BenchWorld, freePort } from "./bench-world.ts";
import type { BenchRow } from "./gateway.ts";
import { type Contestant, compared, skipped, takeTurns } from "./measure.ts";

const pollMs = 5;
const deadlineMs = 120_000;

const oneServer = {
  "wt.yaml": "project: one\nservices:\n  web: { run: exec node server.mjs, route: / }\n",
  "server.mjs": `import http from "node:http";
http.createServer((request, response) => response.end("ok\\n")).listen(Number(process.env.PORT), "127.0.0.1");
`,
};

export async function benchFirstAnswer(world: BenchWorld, rounds: number): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  if (Bun.which("node")) rows.push(...(await benchOneServer(world, rounds)));
  else skipped("create to the first HTTP 200", "node is not installed");
  if (Bun.which("node") && Bun.which("npm")) rows.push(...(await benchExample(world, Math.max(2, Math.floor(rounds / 2)))));
  else skipped("create to the first HTTP 200 on the example", "npm is not installed");
  await world.stop();
  return rows;
}

async function benchOneServer(world: BenchWorld, rounds: number): Promise<BenchRow[]> {
  const repository = await world.repository("one-server", oneServer);
  await world.wt(repository, ["trust", "--yes"]);
  const services = (port: number) => [{ command: ["node", "server.mjs"], env: { PORT: String(port) } }];
  const byHand: Contestant = async (round) => ({ hand: await handMade(world, { repository, name: `hand-${round}`, setup: [], services }) });
  const result = await takeTurns([ownFirstAnswer(world, repository), byHand], rounds);
  const { answer = 0, command = 0, hand = 0 } = result;
  const what = "wt create of one small server, warm";
  return [
    compared({
      what,
      measure: "to the first HTTP 200 at its URL",
      value: answer,
      peer: ["git worktree add, then node, by hand", hand],
      bar: { text: "< 1000 ms", met: answer < 1000 },
    }),
    compared({ what, measure: "until the command ends (Healthy)", value: command, peer: ["git worktree add, then node, by hand", hand] }),
  ];
}

/** The example as a repository of its own, trusted. */
export async function exampleRepository(world: BenchWorld): Promise<string> {
  const repository = join(world.directory, "fibonacci");
  const source = resolve(import.meta.dir, "../examples/fibonacci");
  cpSync(source, repository, { recursive: true, filter: (path) => !["node_modules", "dist"].includes(basename(path)) });
  await world.repository("fibonacci", { ".gitignore": "node_modules/\ndist/\n" });
  await world.wt(repository, ["trust", "--yes"]);
  return repository;
}

async function benchExample(world: BenchWorld, rounds: number): Promise<BenchRow[]> {
  const repository = await exampleRepository(world);
  const services = (port: number) => {
    const backend = freePort();
    const env = { BACKEND_URL: `http://127.0.0.1:${backend}` };
    return [
      { command: ["node", "backend/server.mjs"], env: { PORT: String(backend) } },
      { command: ["node", "worker/worker.mjs"], env },
      { command: ["node_modules/.bin/vite", "frontend", "--port", String(port), "--strictPort", "--host", "127.0.0.1"], env },
    ];
  };
  const setup = ["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund"];
  const byHand: Contestant = async (round) => ({ hand: await handMade(world, { repository, name: `hand-${round}`, setup, services }) });
  const result = await takeTurns([ownFirstAnswer(world, repository), byHand], rounds);
  const { answer = 0, hand = 0, worktree = 0, setup: setupMs = 0, database = 0 } = result;
  const what = "wt create of the example (Vite, API, worker, database), npm's cache warm";
  const peer = ["git worktree add, npm ci, three programs, by hand, without a database", hand] as const;
  return [
    compared({ what, measure: "to the first HTTP 200 at its URL", value: answer, peer }),
    compared({ what, measure: "of it: the worktree", value: worktree, peer: null }),
    compared({ what, measure: "of it: setup (npm ci)", value: setupMs, peer: null }),
    compared({ what, measure: "of it: the database", value: database, peer: null }),
    compared({ what, measure: "of it: services and the rest", value: answer - worktree - setupMs - database, peer: null }),
  ];
}

/** `wt create` until its URL answers with 200, and what its steps took. */
export function ownFirstAnswer(world: BenchWorld, repository: string, args: readonly string[] = []): Contestant {
  return async (round) => {
    const name = `own-${round}`;
    const startMs = performance.now();
    const creating = world.wt(repository, ["create", name, ...args]);
    const [answered, created] = await Promise.all([
      untilAnswer(world.gatewayPort, { host: `${name}.localhost:${world.gatewayPort}` }),
      creating,
    ]);
    await world.wt(repository, ["delete", name, "--force", "--branch"]);
    return {
      answer: answered - startMs,
      command: created.totalMs,
      worktree: stepMs(created.stderr, /worktree/i),
      claim: stepMs(created.stderr, /^(Take a prepared worktree|Check out the files|Look what differs)/),
      setup: stepMs(created.stderr, /npm ci/),
      database: stepMs(created.stderr, /^Prepare db/),
    };
  };
}

/** `<label>: done in 402 ms`, as `wt create` says it in a pipe. */
function stepMs(progress: string, label: RegExp): number {
  let sum = 0;
  for (const line of progress.split("\n")) {
    const [, what = "", amount, unit] = /^(.*): done in ([\d.]+) (ms|s)$/.exec(line) ?? [];
    if (amount !== undefined && label.test(what)) sum += Number(amount) * (unit === "s" ? 1000 : 1);
  }
  return sum;
}

export interface HandMade {
  repository: string;
  name: string;
  setup: string[];
  services: (port: number) => { command: string[]; env: Record<string, string> }[];
}

/** What somebody would do who knows every command by heart and types without a pause. */
export async function handMade(world: BenchWorld, { repository, name, setup, services }: HandMade): Promise<number> {
  const path = `${repository}.bare/${name}`;
  const port = freePort();
  const startMs = performance.now();
  await world.git(repository, ["worktree", "add", "-q", "-b", name, path]);
  if (setup.length > 0) await world.run(setup, { cwd: path });
  const children = services(port).map(({ command, env }) =>
    Bun.spawn(command, { cwd: path, env: { ...world.env, ...env }, stdio: ["ignore", "ignore", "ignore"] }),
  );
  try {
    return (await untilAnswer(port, {})) - startMs;
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map((child) => child.exited));
    await world.git(repository, ["worktree", "remove", "--force", path]);
    await world.git(repository, ["branch", "-q", "-D", name]);
  }
}

/** When the first 200 came. */
export async function untilAnswer(port: number, headers: Record<string, string>): Promise<number> {
  const deadline = performance.now() + deadlineMs;
  while (performance.now() < deadline) {
    const options = { headers, signal: AbortSignal.timeout(deadlineMs), redirect: "manual" as const, keepalive: false };
    const answer = await fetch(`http://127.0.0.1:${port}/`, options).catch(() => null);
    await answer?.arrayBuffer().catch(() => undefined);
    if (answer?.status === 200) return performance.now();
    await Bun.sleep(pollMs);
  }
  throw new Error(`Nothing answered with 200 on port ${port} within ${deadlineMs / 1000} seconds.`);
}
