// A gateway in a process of its own, for tests and benchmarks that measure its memory. Arguments: host=port …; it answers each line on its input with a line about itself.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { startGateway } from "./gateway.ts";
import { conditionOf, routeOf } from "./raw-peers.conformance.ts";
import { RouteTable } from "./route-table.ts";

export interface OwnProcessReport {
  port: number;
  rssBytes: number;
  requests: number;
  activeRequests: number;
}

/** Starts one; `report` asks it, `stop` ends it. */
export async function startOwnProcess(routes: Record<string, number>) {
  const pairs = Object.entries(routes).map(([host, port]) => `${host}=${port}`);
  const child = spawn(process.execPath, [import.meta.path, ...pairs], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async () => JSON.parse((await lines.next()).value ?? "null") as OwnProcessReport;
  const { port } = await read();
  return {
    port,
    pid: child.pid ?? 0,
    report() {
      child.stdin.write("\n");
      return read();
    },
    async stop() {
      child.stdin.end();
      await exited;
    },
  };
}

if (import.meta.main) {
  const table = new RouteTable();
  const routes = process.argv.slice(2).map((pair) => pair.split("="));
  table.replace(
    "env-1",
    routes.map(([host = "", port]) => routeOf(host, Number(port))),
  );
  const gateway = await startGateway({ port: 0, table, condition: async () => conditionOf() });
  const say = () => {
    const { requests, activeRequests } = gateway.stats();
    process.stdout.write(`${JSON.stringify({ port: gateway.port, rssBytes: process.memoryUsage.rss(), requests, activeRequests })}\n`);
  };
  say();
  for await (const _line of createInterface({ input: process.stdin })) say();
  await gateway.stop();
}
