// What the daemon costs: memory fresh, with environments and after many requests through its gateway, and its share of a core while nothing happens.
import { existsSync, readFileSync } from "node:fs";
import { type BenchWorld, sourceFiles } from "./bench-world.ts";
import type { BenchRow } from "./gateway.ts";
import { compared, skipped } from "./measure.ts";

const services = 3;
/** Until the daemon has nothing left to do. */
const settleMs = 6_000;
/** Linux counts a process's time in hundredths of a second. */
const ticksPerSecond = 100;

const app = {
  "wt.yaml": "project: cost\nservices:\n  web: { run: exec node server.mjs, route: / }\n",
  "server.mjs": `import http from "node:http";
http.createServer((request, response) => response.end("x".repeat(30))).listen(Number(process.env.PORT), "127.0.0.1");
`,
};

export interface CostOptions {
  requests: number;
  idleSeconds: number;
}

export async function benchDaemonCost(world: BenchWorld, { requests, idleSeconds }: CostOptions): Promise<BenchRow[]> {
  if (!existsSync("/proc/self/stat")) {
    skipped("memory and idle time of the daemon", "needs Linux's /proc");
    return [];
  }
  await world.stop();
  const repository = await world.repository("cost", { ...app, ...sourceFiles(200) });
  await world.wt(repository, ["list"]);
  const pid = await world.daemonPid();
  await Bun.sleep(settleMs);
  const rows = [
    compared({ what: "daemon, fresh", measure: "resident memory", ...bytes(pid), peer: null, bar: under(residentMb(pid), 60, "MB") }),
    await idleRow("daemon, fresh", pid, idleSeconds),
  ];
  if (!Bun.which("node")) {
    skipped("the daemon with environments", "node is not installed");
    return rows;
  }
  await world.wt(repository, ["trust", "--yes"]);
  for (let index = 1; index <= services; index++) await world.wt(repository, ["create", `cost-${index}`]);
  await Bun.sleep(settleMs);
  const what = `daemon, ${services} environments running`;
  rows.push(compared({ what, measure: "resident memory", ...bytes(pid), peer: null, bar: under(residentMb(pid), 60, "MB") }));
  rows.push(await idleRow(what, pid, idleSeconds));
  if (Bun.which("wrk")) rows.push(await loadRow(world, pid, requests));
  else skipped("memory of the daemon under load", "wrk is not installed");
  await world.stop();
  return rows;
}

async function idleRow(what: string, pid: number, seconds: number): Promise<BenchRow> {
  const before = cpuTicks(pid);
  const startMs = performance.now();
  await Bun.sleep(seconds * 1000);
  const used = (cpuTicks(pid) - before) / ticksPerSecond;
  const percent = (100 * used * 1000) / (performance.now() - startMs);
  return compared({
    what,
    measure: `processor time over ${seconds} s of nothing`,
    value: percent,
    unit: "% of a core",
    peer: null,
    bar: under(percent, 1, "%"),
  });
}

/** Compared with itself after the first tenth, when every buffer has its size. */
async function loadRow(world: BenchWorld, pid: number, requests: number): Promise<BenchRow> {
  let done = 0;
  const until = async (count: number) => {
    while (done < count) done += await runWrk(world, Math.min(10, Math.max(2, (count - done) / 20_000)));
  };
  await until(requests / 10);
  await Bun.sleep(settleMs);
  const early = residentMb(pid);
  const first = done;
  await until(first + requests);
  await Bun.sleep(settleMs);
  const late = residentMb(pid);
  return compared({
    what: `daemon, after ${(done / 1e6).toFixed(1)} million requests through its gateway`,
    measure: "resident memory",
    value: late,
    unit: "MB",
    peer: [`itself, ${((done - first) / 1e6).toFixed(1)} million requests earlier`, early],
    bar: { text: "grows < 15 MB", met: late - early < 15 },
  });
}

async function runWrk(world: BenchWorld, seconds: number): Promise<number> {
  const host = `Host: cost-1.localhost:${world.gatewayPort}`;
  const command = ["wrk", "-t1", "-c50", `-d${Math.round(seconds)}s`, "-H", host, `http://127.0.0.1:${world.gatewayPort}/`];
  const { stdout } = await world.run(command);
  const count = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  if (!(count > 0) || /Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk saw errors:\n${stdout}`);
  return count;
}

function bytes(pid: number): { value: number; unit: string } {
  return { value: residentMb(pid), unit: "MB" };
}

function residentMb(pid: number): number {
  return (Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024) / 1e6;
}

/** User and system time. */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function under(value: number, limit: number, unit: string): { text: string; met: boolean } {
  return { text: `< ${limit} ${unit}`, met: value < limit };
}
