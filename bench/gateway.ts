// The gateway against no proxy at all and against Caddy: throughput, added latency, WebSocket echo, memory. `bun bench/gateway.ts` prints a table.
import { readFileSync } from "node:fs";
import { startOwnProcess } from "../src/gateway/own-process.conformance.ts";
import { startCaddy, startUpstream } from "./gateway-peers.ts";

export interface BenchRow {
  what: string;
  measure: string;
  value: number;
  unit: string;
  peer: string;
  /** Our value over the peer's. */
  ratio: number;
  bar: string;
  met: boolean;
}

const host = "a.localhost";
const bodies = { "30 B": "/small", "16 KB": "/large" } as const;
const rounds = 3;
const million = 1_000_000;

/** Starts everything it needs in processes of its own, and ends it. A peer whose program is missing is left out, with a line that says so. */
export async function benchGateway(): Promise<{ rows: BenchRow[] }> {
  const rows: BenchRow[] = [];
  const ending: (() => unknown)[] = [];
  try {
    const upstream = await startUpstream();
    ending.push(() => upstream.stop());
    const gateway = await startOwnProcess({ [host]: upstream.port });
    ending.push(() => gateway.stop());
    const caddy = await startCaddy(upstream.port);
    if (caddy) ending.push(() => caddy.stop());
    const ports = { direct: upstream.port, gateway: gateway.port, ...(caddy ? { caddy: caddy.port } : {}) };
    if (Bun.which("wrk")) {
      rows.push(...(await benchThroughput(ports)), ...(await benchLatency(ports)));
      rows.push(...(await benchMemory(gateway, upstream.port)));
    } else {
      console.log("skipped: throughput, latency and memory under load (wrk is not installed)");
    }
    rows.push(await benchWebSocket(ports));
  } finally {
    for (const end of ending.reverse()) await end();
  }
  return { rows };
}

type Ports = { direct: number; gateway: number; caddy?: number };
type Load = { requestsPerSecond: number; medianMs: number };

async function benchThroughput(ports: Ports): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const [size, path] of Object.entries(bodies)) {
    const best = await compare(ports, { path, connections: 50 });
    const what = `gateway, ${size}, 50 connections`;
    const value = Math.round(best.gateway.requestsPerSecond);
    rows.push(row({ what, measure: "throughput", value, unit: "req/s", peer: "direct", ratio: value / best.direct.requestsPerSecond }));
    if (!best.caddy) continue;
    const ratio = value / best.caddy.requestsPerSecond;
    rows.push(row({ what, measure: "throughput", value, unit: "req/s", peer: "Caddy", ratio, bar: "> 1 ×", met: ratio > 1 }));
  }
  return rows;
}

async function benchLatency(ports: Ports): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const [size, path] of Object.entries(bodies)) {
    const best = await compare(ports, { path, connections: 1 });
    const what = `gateway, ${size}, 1 connection`;
    const addedMs = best.gateway.medianMs - best.direct.medianMs;
    const ratio = best.gateway.medianMs / best.direct.medianMs;
    rows.push(
      row({
        what,
        measure: "added latency, median",
        value: addedMs,
        unit: "ms",
        peer: "direct",
        ratio,
        bar: "< 0.3 ms",
        met: addedMs < 0.3,
      }),
    );
    if (!best.caddy) continue;
    const caddyMs = best.caddy.medianMs - best.direct.medianMs;
    rows.push(
      row({
        what,
        measure: "added latency, median",
        value: addedMs,
        unit: "ms",
        peer: `Caddy (${caddyMs.toFixed(3)} ms)`,
        ratio: addedMs / caddyMs,
        bar: "< 1 ×",
        met: addedMs < caddyMs,
      }),
    );
  }
  return rows;
}

/** The median of some rounds that take turns, so that a noisy neighbour hits all alike. */
async function compare(ports: Ports, load: { path: string; connections: number }): Promise<{ direct: Load; gateway: Load; caddy?: Load }> {
  const seen: Record<string, Load[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, port] of Object.entries(ports)) {
      const list = seen[name] ?? [];
      list.push(await runWrk(port, { ...load, seconds: 2 }));
      seen[name] = list;
    }
  }
  const middle = (name: string): Load => {
    const list = seen[name] ?? [];
    return { requestsPerSecond: median(list.map((one) => one.requestsPerSecond)), medianMs: median(list.map((one) => one.medianMs)) };
  };
  return { direct: middle("direct"), gateway: middle("gateway"), ...(seen.caddy ? { caddy: middle("caddy") } : {}) };
}

async function benchMemory(gateway: Awaited<ReturnType<typeof startOwnProcess>>, upstreamPort: number): Promise<BenchRow[]> {
  const until = async (requests: number) => {
    let report = await gateway.report();
    while (report.requests < requests) {
      await runWrk(gateway.port, { path: bodies["30 B"], connections: 50, seconds: 3 });
      report = await gateway.report();
    }
    return report;
  };
  const start = await until(100_000);
  const end = await until(start.requests + million);
  const megabytes = (bytes: number) => bytes / 1e6;
  const grownMb = megabytes(end.rssBytes - start.rssBytes);
  const what = `gateway, after ${(end.requests / 1e6).toFixed(1)} million requests`;
  const ratio = end.rssBytes / start.rssBytes;
  const rows = [
    row({
      what,
      measure: "resident memory",
      value: megabytes(end.rssBytes),
      unit: "MB",
      peer: "itself, a million earlier",
      ratio,
      bar: "grows < 15 MB",
      met: grownMb < 15,
    }),
  ];
  const waiting = countTimeWait(upstreamPort);
  if (waiting !== null) {
    rows.push(
      row({
        what,
        measure: "upstream sockets in TIME_WAIT",
        value: waiting,
        unit: "",
        peer: "none",
        ratio: waiting,
        bar: "< 200",
        met: waiting < 200,
      }),
    );
  }
  return rows;
}

/** Sockets to this port that wait for the network to forget them; null where the system does not list them. */
function countTimeWait(port: number): number | null {
  const hexPort = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  try {
    const lines = readFileSync("/proc/net/tcp", "latin1").split("\n");
    return lines.filter((line) => line.trim().split(/\s+/)[2]?.endsWith(hexPort) && line.trim().split(/\s+/)[3] === "06").length;
  } catch {
    return null;
  }
}

async function benchWebSocket(ports: Ports): Promise<BenchRow> {
  const direct: number[] = [];
  const gateway: number[] = [];
  for (let round = 0; round < rounds; round++) {
    direct.push(await echoMedianMs(ports.direct));
    gateway.push(await echoMedianMs(ports.gateway));
  }
  const addedMs = median(gateway) - median(direct);
  const ratio = median(gateway) / median(direct);
  return row({
    what: "gateway, WebSocket echo",
    measure: "added latency, median",
    value: addedMs,
    unit: "ms",
    peer: "direct",
    ratio,
    bar: "< 0.3 ms",
    met: addedMs < 0.3,
  });
}

/** Median round trip of 3000 short messages, one after another. */
function echoMedianMs(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const times: number[] = [];
    const options = { headers: { Host: host } };
    const socket = new WebSocket(`ws://127.0.0.1:${port}/echo`, options as unknown as string[]);
    let sentMs = 0;
    const send = () => {
      sentMs = performance.now();
      socket.send("0123456789abcdef0123456789abcdef");
    };
    socket.onopen = send;
    socket.onmessage = () => {
      times.push(performance.now() - sentMs);
      if (times.length < 3000) return send();
      socket.close();
      resolve(median(times));
    };
    socket.onerror = () => reject(new Error(`The WebSocket on port ${port} failed.`));
  });
}

async function runWrk(port: number, load: { path: string; connections: number; seconds: number }): Promise<Load> {
  const command = [
    "wrk",
    "-t1",
    `-c${load.connections}`,
    `-d${load.seconds}s`,
    "--latency",
    "-H",
    `Host: ${host}`,
    `http://127.0.0.1:${port}${load.path}`,
  ];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0 || /Non-2xx|Socket errors/.test(text)) throw new Error(`wrk saw errors:\n${text}`);
  const requestsPerSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]);
  const [, amount, unit] = /50%\s+([\d.]+)(us|ms|s)/.exec(text) ?? [];
  const medianMs = Number(amount) * (unit === "us" ? 0.001 : unit === "s" ? 1000 : 1);
  if (!(requestsPerSecond > 0) || !(medianMs > 0)) throw new Error(`wrk said something unexpected:\n${text}`);
  return { requestsPerSecond, medianMs };
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** Without a bar there is nothing to miss. */
function row(given: Omit<BenchRow, "bar" | "met"> & Partial<Pick<BenchRow, "bar" | "met">>): BenchRow {
  return { bar: "", met: true, ...given };
}

if (import.meta.main) {
  const { rows } = await benchGateway();
  console.table(rows.map((one) => ({ ...one, value: Number(one.value.toFixed(3)), ratio: Number(one.ratio.toFixed(2)) })));
}
