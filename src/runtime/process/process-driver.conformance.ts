// A world of its own for each case: real processes, a temporary directory, and the proof afterwards that no process is left.
import { expect } from "bun:test";
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../os/clock.ts";
import { createMarkReader } from "../../os/process-mark.ts";
import { type ProcessInfo, readProcessTable } from "../../os/process-table.ts";
import { type Behaviour, eventually, type RuntimeHarness } from "../runtime-driver.conformance.ts";
import type { RuntimeDriver, ServiceInstance, ServiceSpec } from "../runtime-driver.ts";
import { markVariable } from "./instance-identity.ts";
import { createProcessDriver } from "./process-driver.ts";

export interface ProcessHarness extends RuntimeHarness {
  directory: string;
  /** Part of every mark of this case. */
  nonce: string;
  command(command: string, overrides?: Partial<ServiceSpec>): ServiceSpec;
  /** Live processes that carry a mark of this case. */
  marked(): Promise<ProcessInfo[]>;
  /** Waits until the log holds the text. */
  logged(spec: ServiceSpec, text: string): Promise<void>;
}

const commands: Record<Exclude<Behaviour["kind"], "exit" | "die" | "print">, string> = {
  run: "exec sleep 300",
  "ignore-stop": "trap '' TERM; echo ready; while :; do sleep 1; done",
  detach: "sleep 300 & exit 0",
  listen: `exec '${process.execPath}' -e 'require("node:net").createServer().listen(Number(process.env.PORT), "127.0.0.1")'`,
};

export async function createProcessHarness(options: { rotateLogBytes?: number } = {}): Promise<ProcessHarness> {
  const directory = mkdtempSync(join(tmpdir(), "wt-process-"));
  const nonce = randomUUID();
  const ports = await freePorts(6);
  const drivers: RuntimeDriver[] = [];
  const cleanups: (() => Promise<void>)[] = [];
  const reopen = () => {
    const driver = createProcessDriver({ clock: systemClock, ...options });
    drivers.push(driver);
    return driver;
  };
  const command = (text: string, overrides: Partial<ServiceSpec> = {}): ServiceSpec => {
    const port = ports.pop() ?? null;
    return {
      environmentId: "env",
      nonce,
      service: "web",
      generation: 1,
      command: text,
      directory,
      env: { PATH: process.env.PATH ?? "", PORT: String(port) },
      port,
      logPath: join(directory, "logs", `${randomUUID()}.log`),
      stop: { signal: "SIGTERM", graceMs: 500 },
      ...overrides,
    };
  };
  const marked = async () => {
    const processes = await readProcessTable();
    const marks = await createMarkReader(markVariable, Date.now).read(processes);
    return processes.filter((each) => each.pid !== process.pid && each.alive && marks.get(each.pid)?.includes(`/${nonce}`));
  };
  const logged = (spec: ServiceSpec, text: string) =>
    eventually(async () => expect(existsSync(spec.logPath) && readFileSync(spec.logPath, "latin1").includes(text)).toBe(true));

  return {
    directory,
    nonce,
    driver: reopen(),
    reopen,
    command,
    marked,
    logged,
    spec: (behaviour, overrides) => command(commandOf(behaviour), overrides),
    async start(spec, behaviour): Promise<ServiceInstance> {
      const instance = await (drivers[0] ?? reopen()).start(spec);
      if (behaviour.kind === "ignore-stop") await logged(spec, "ready");
      return instance;
    },
    brokenSpec: () => command("true", { directory: join(directory, "missing") }),
    async isHeld() {
      const processes = await marked();
      return processes.length > 0 && processes.every((each) => each.halted);
    },
    async listenAsStranger(port) {
      const server = createServer().listen(port, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      cleanups.push(async () => void server.close());
    },
    async dispose() {
      for (const cleanup of cleanups) await cleanup();
      for (const driver of drivers) await driver.close();
      const last = createProcessDriver({ clock: systemClock });
      for (const environmentId of ["env", "another"]) {
        for (const mark of [nonce, `${nonce}-other`]) {
          for (const instance of await last.find({ environmentId, nonce: mark }))
            await last.stop(instance, { signal: "SIGKILL", graceMs: 0 });
        }
      }
      await last.close();
      rmSync(directory, { recursive: true, force: true });
      expect(await marked()).toEqual([]);
    },
  };
}

function commandOf(behaviour: Behaviour): string {
  if (behaviour.kind === "exit") return `exit ${behaviour.code}`;
  if (behaviour.kind === "die") return `kill -${behaviour.signal.slice(3)} $$`;
  if (behaviour.kind === "print") return behaviour.lines.map((line) => `echo '${line}'`).join("; ");
  return commands[behaviour.kind];
}

/** Free at this moment; the system does not give them out again soon. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      return server;
    }),
  );
  return servers.map((server) => {
    const address = server.address();
    server.close();
    return typeof address === "object" && address ? address.port : 0;
  });
}
