// A world of its own for tests that run real servers: nothing of it is left afterwards.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import type { JsonValue } from "../../errors/wt-error.ts";
import { systemClock } from "../../os/clock.ts";
import type { ResourceCall, ResourceSpec } from "../resource-driver.ts";
import { createPostgresDriver, type PostgresDriver } from "./postgres-driver.ts";
import { findServerProcesses } from "./server-spawn.ts";

export interface PostgresHarness {
  directory: string;
  state: string;
  worktree: string;
  /** What happened in the background. */
  failures: unknown[];
  reports: string[];
  driver: PostgresDriver;
  /** Another driver on the same state, as the next daemon has it. The one before must be closed or count as dead. */
  next(): PostgresDriver;
  spec(name: string, options?: { [key: string]: JsonValue }): Promise<ResourceSpec>;
  call(over?: Partial<ResourceCall>): ResourceCall;
  /** Runs one query as the app. */
  query(url: string, sql: string): Promise<Record<string, unknown>[]>;
  dispose(): Promise<void>;
}

export async function createPostgresHarness(options: { parent?: string; overlayFromBytes?: number } = {}): Promise<PostgresHarness> {
  const directory = mkdtempSync(join(options.parent ?? tmpdir(), "wt-pg-"));
  chmodSync(directory, 0o700);
  const state = join(directory, "state");
  const worktree = join(directory, "worktree");
  mkdirSync(worktree);
  const specs: ResourceSpec[] = [];
  const failures: unknown[] = [];
  const reports: string[] = [];
  const drivers: PostgresDriver[] = [];
  const over = options.overlayFromBytes === undefined ? {} : { overlayFromBytes: options.overlayFromBytes };
  const make = () => {
    const driver = createPostgresDriver({ stateDirectory: state, clock: systemClock, report: (error) => failures.push(error), ...over });
    drivers.push(driver);
    return driver;
  };
  const harness: PostgresHarness = {
    directory,
    state,
    worktree,
    failures,
    reports,
    driver: make(),
    next() {
      harness.driver = make();
      return harness.driver;
    },
    async spec(name, written = {}) {
      const parsed = harness.driver.parseOptions(written);
      if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
      const spec: ResourceSpec = {
        environmentId: name,
        nonce: `nonce-${name}`,
        name: "db",
        label: `wt_test_${name}_db`,
        options: parsed.options,
        // Longer than a socket's path may be.
        directory: join(state, "environments-of-this-world-with-a-rather-long-name-for-a-directory", name, "resources", "db"),
        worktree,
        mainWorktree: worktree,
        main: false,
        port: await freePort(),
      };
      specs.push(spec);
      return spec;
    },
    call: (over = {}) => ({
      abort: new AbortController().signal,
      report: (line) => void reports.push(line),
      run: async (command, variables) => {
        const child = Bun.spawn(["/bin/sh", "-c", command], { cwd: worktree, env: { PATH: process.env.PATH ?? "", ...variables } });
        if ((await child.exited) !== 0) throw new Error(`${command} failed`);
      },
      ...over,
    }),
    async query(url, sql) {
      const client = new SQL({ url, max: 1 });
      try {
        return [...(await client.unsafe(sql))];
      } finally {
        await client.close();
      }
    },
    async dispose() {
      for (const spec of specs) await harness.driver.remove({ ...spec }).catch((error: unknown) => failures.push(error));
      for (const driver of drivers) await driver.close();
      for (const spec of specs) {
        for (const left of await findServerProcesses(join(spec.directory, "data"))) process.kill(left.pid, "SIGKILL");
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return harness;
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** Until the check passes; fails with what it said last. */
export async function eventually(check: () => Promise<void> | void, deadlineMs = 10_000): Promise<void> {
  const endMs = Date.now() + deadlineMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > endMs) throw error;
      await Bun.sleep(20);
    }
  }
}
