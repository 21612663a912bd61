// A world of its own for tests that run real servers: nothing of it is left afterwards.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import { type JsonValue, WtError } from "../../errors/wt-error.ts";
import { type Clock, systemClock } from "../../os/clock.ts";
import type { ResourceCall, ResourceDriver, ResourceSpec } from "../resource-driver.ts";
import { createMysqlDriver } from "./mysql-driver.ts";
import { findServers, serverHome } from "./server-home.ts";
import { type Flavor, findServerPrograms } from "./server-programs.ts";

/** null: servers can be run here. */
export const whyNoServer: string | null = await findServerPrograms({ type: "mysql", version: null, path: process.env.PATH ?? "" }).then(
  () => null,
  () => "neither MariaDB nor MySQL is installed",
);

export interface MysqlHarness {
  directory: string;
  state: string;
  worktree: string;
  /** What happened in the background. */
  failures: unknown[];
  reports: string[];
  driver: ResourceDriver;
  /** Another driver on the same state, as the next daemon has it. The one before must be closed or count as dead. */
  next(over?: { path?: string }): ResourceDriver;
  spec(name: string, options?: { [key: string]: JsonValue }): Promise<ResourceSpec>;
  call(over?: Partial<ResourceCall>): ResourceCall;
  /** Runs one query as the app. */
  query(url: string, sql: string): Promise<Record<string, unknown>[]>;
  dispose(): Promise<void>;
}

/** Templates are made once for all tests of a file: copied in before, they are what a machine has that made a branch before. */
export interface KeptTemplates {
  directory: string;
  remove(): void;
}

export function keepTemplates(): KeptTemplates {
  const directory = mkdtempSync(join(tmpdir(), "wt-my-keep-"));
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

export interface HarnessOptions {
  parent?: string;
  type?: Flavor;
  kept?: KeptTemplates;
  clock?: Clock;
}

export async function createMysqlHarness({
  parent,
  type = "mysql",
  kept,
  clock = systemClock,
}: HarnessOptions = {}): Promise<MysqlHarness> {
  const directory = mkdtempSync(join(parent ?? tmpdir(), "wt-my-"));
  chmodSync(directory, 0o700);
  const state = join(directory, "state");
  const worktree = join(directory, "worktree");
  for (const place of [state, worktree]) mkdirSync(place, { mode: 0o700 });
  const before = kept ? join(kept.directory, type) : "";
  if (existsSync(before)) Bun.spawnSync(["cp", "-a", before, state]);
  const specs: ResourceSpec[] = [];
  const failures: unknown[] = [];
  const reports: string[] = [];
  const drivers: ResourceDriver[] = [];
  const make = (over: { path?: string } = {}) => {
    const driver = createMysqlDriver({ type, stateDirectory: state, clock, report: (error) => failures.push(error), ...over });
    drivers.push(driver);
    return driver;
  };
  const harness: MysqlHarness = {
    directory,
    state,
    worktree,
    failures,
    reports,
    driver: make(),
    next(over) {
      harness.driver = make(over);
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
      run: runIn(worktree),
      ...over,
    }),
    query,
    async dispose() {
      for (const spec of specs) await harness.driver.remove({ ...spec }).catch((error: unknown) => failures.push(error));
      for (const driver of drivers) await driver.close();
      for (const spec of specs) for (const left of await findServers(serverHome(spec.directory).data)) process.kill(left.pid, "SIGKILL");
      if (before && !existsSync(before)) Bun.spawnSync(["cp", "-a", join(state, type), before]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return harness;
}

function runIn(worktree: string): ResourceCall["run"] {
  return async (command, variables) => {
    const env = { PATH: process.env.PATH ?? "", ...variables };
    const child = Bun.spawn(["/bin/sh", "-c", command], { cwd: worktree, env, stderr: "pipe" });
    const said = await new Response(child.stderr).text();
    if ((await child.exited) === 0) return;
    throw new WtError({ kind: "machine", code: "command_failed", message: `The command ${command} failed: ${said.trim()}.` });
  };
}

export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new SQL({ url, max: 1 });
  try {
    return [...(await client.unsafe(sql).simple())];
  } finally {
    await client.close({ timeout: 0 });
  }
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
