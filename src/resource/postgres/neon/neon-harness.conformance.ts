// A fake project, a driver that knows its key, and specs for it.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import type { JsonValue } from "../../../errors/wt-error.ts";
import { systemClock } from "../../../os/clock.ts";
import type { ResourceCall, ResourceSpec } from "../../resource-driver.ts";
import { createPostgresDriver, type PostgresDriver } from "../postgres-driver.ts";
import type { TestServer } from "../test-server.conformance.ts";
import { type FakeNeon, projectId, startFakeNeon } from "./fake-neon.conformance.ts";
import { helperName } from "./neon-branches.ts";

export interface NeonWorld {
  neon: FakeNeon;
  driver: PostgresDriver;
  directory: string;
  specs: ResourceSpec[];
  reports: string[];
  /** Another driver, as the next daemon has it. */
  next(env?: Record<string, string>): PostgresDriver;
  spec(options?: { [key: string]: JsonValue }): Promise<ResourceSpec>;
  call(over?: Partial<ResourceCall>): ResourceCall;
  query(url: string, sql: string): Promise<Record<string, unknown>[]>;
  makingName(spec: ResourceSpec): string;
  dispose(): Promise<void>;
}

export async function createNeonWorld(server: TestServer): Promise<NeonWorld> {
  const neon = await startFakeNeon(server);
  const directory = mkdtempSync(join(tmpdir(), "wt-neon-"));
  const worktree = join(directory, "worktree");
  mkdirSync(worktree);
  const specs: ResourceSpec[] = [];
  const reports: string[] = [];
  const make = (env: Record<string, string> = { NEON_API_KEY: neon.key }) =>
    createPostgresDriver({
      stateDirectory: join(directory, "state"),
      configDirectory: join(directory, "config"),
      clock: systemClock,
      env,
      neon: { apiUrl: neon.apiUrl, pollMs: 2 },
    });
  const world: NeonWorld = {
    neon,
    driver: make(),
    directory,
    specs,
    reports,
    next(env) {
      world.driver = make(env);
      return world.driver;
    },
    async spec(options = {}) {
      const parsed = world.driver.parseOptions({ remote: "neon", project: projectId, ...options });
      if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
      const name = `n${specs.length + 1}`;
      const spec: ResourceSpec = {
        environmentId: name,
        nonce: `nonce-${name}`,
        name: "db",
        label: `wt_shop_${name}_db`,
        options: parsed.options,
        directory: join(directory, "state/environments", name, "resources/db"),
        worktree,
        mainWorktree: worktree,
        main: false,
        port: null,
      };
      specs.push(spec);
      return spec;
    },
    call: (over = {}) => ({
      abort: new AbortController().signal,
      report: (line) => void reports.push(line),
      run: async () => undefined,
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
    makingName: (spec) => helperName(spec, "making", "crashed1"),
    async dispose() {
      await world.driver.close();
      await neon.dispose();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return world;
}
