// The daemon is killed with SIGKILL at every journal point of preparing, refreshing and claiming: what is left is a member, an environment, or nothing.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { PoolList, PoolView } from "../../src/api/pool.ts";
import { eventually, type HermeticWorld, hermeticWorld, leftovers } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

const minute = 60_000;
const points = (steps: string[]) => steps.flatMap((step) => [`before:${step}`, `after:${step}`]);
const files = {
  ...smallApp,
  "wt.yaml": smallApp["wt.yaml"]!.replace(
    "services:",
    `resources:
  db: { type: sqlite, path: data/app.db, migrate: "${process.execPath} migrate.mjs" }
services:`,
  ),
  "migrate.mjs": `import { Database } from "bun:sqlite";
new Database(process.env.DB_PATH, { create: true }).run("create table notes (text)");
`,
  ".gitignore": "prepared.txt\ndata\n",
};

const parent = (world: HermeticWorld) => `${world.repository}.worktrees`;
const pool = async (world: HermeticWorld): Promise<PoolView> => (JSON.parse(await world.ok(["pool", "--json"])) as PoolList).pools[0]!;
const pooled = (world: HermeticWorld) =>
  (existsSync(parent(world)) ? readdirSync(parent(world)) : []).filter((name) => name.startsWith(".wt-pool-"));
const registered = (world: HermeticWorld) => {
  const place = join(world.repository, ".git/worktrees");
  return existsSync(place) ? readdirSync(place) : [];
};
/** Directories of environments and members in the state. */
const states = (world: HermeticWorld) => {
  const place = join(world.directory, "state/worldtree/environments");
  return existsSync(place) ? readdirSync(place) : [];
};

/** The daemon that the next command starts dies at `point`. */
async function armed(world: HermeticWorld, point: string): Promise<Record<string, string>> {
  await world.ok(["daemon", "stop"]);
  return { WT_TEST_FAULT: `kill@${point}` };
}

/** Kept by nobody: the daemon is dead by its own hand. */
async function died(world: HermeticWorld): Promise<void> {
  expect(
    await eventually(
      () => world.processes(),
      (pids) => pids.length === 0,
      20_000,
    ),
  ).toEqual([]);
}

/** Whatever the ledger knows is there, and nothing else is. */
async function isSettled(world: HermeticWorld, environments: string[]): Promise<void> {
  await world.ok(["pool", "refill"]);
  const { members, problem } = await pool(world);
  expect(problem).toBeNull();
  expect(members).toMatchObject([{ state: "ready", current: true }]);
  expect(pooled(world)).toEqual(members.map(({ name }) => `.${name}`));
  expect((await world.list()).environments.map(({ slug }) => slug).sort()).toEqual([...environments, "main"].sort());
  expect(registered(world)).toHaveLength(environments.length + 1);
  expect(readFileSync(join(members[0]!.path, "prepared.txt"), "utf8")).toBe("prepared\n");
  const doctor = JSON.parse(await world.ok(["doctor", "--json"])) as { findings: { message: string; level: string; code: string }[] };
  expect(doctor.findings.filter(({ code }) => /_left$|orphaned|worktree_missing|branch_gone|lease/.test(code))).toEqual([]);
}

async function isOff(world: HermeticWorld, environments: number): Promise<void> {
  await world.ok(["pool", "set", "0"]);
  expect(pooled(world)).toEqual([]);
  expect(registered(world)).toHaveLength(environments);
  // The main one's is there with the first service it starts.
  expect(states(world).length).toBeLessThanOrEqual(environments + 1);
}

async function killedWhileClaiming(world: HermeticWorld, point: string): Promise<void> {
  await world.ok(["pool", "set", "1"]);
  await world.ok(["pool", "refill"]);
  const failed = await world.wt(["create", "a"], { env: await armed(world, point) });
  expect(failed.code).not.toBe(0);
  const whole = point.endsWith(":start");
  await isSettled(world, whole ? ["a"] : []);
  if (!whole) expect(leftovers(world, "a")).toEqual([]);
  expect(await world.git(["for-each-ref", "refs/wt"])).toBe("");
}

async function isMadeAfterAll(world: HermeticWorld): Promise<void> {
  await world.ok(["create", "a"]);
  expect(await (await world.fetch("a.localhost")).text()).toContain("web of a");
  await isOff(world, 1);
}

describe("SIGKILL while a member is claimed", () => {
  test.each(points(["claim_worktree", "check_out", "renew", "start"]))(
    "for a new branch, %s",
    async (point) => {
      await using world = await hermeticWorld({ files });
      await killedWhileClaiming(world, point);
      if (!point.endsWith(":start")) expect(await world.git(["branch", "--list", "a"])).toBe("");
      await isMadeAfterAll(world);
    },
    2 * minute,
  );

  test.each(points(["check_out", "setup:0", "resource:db"]))(
    "for a branch with another input, %s",
    async (point) => {
      await using world = await hermeticWorld({ files });
      await world.git(["checkout", "--quiet", "-b", "a"]);
      await world.write({ "input.txt": "of a\n" });
      await world.commit("another input");
      const commit = await world.git(["rev-parse", "a"]);
      await world.git(["checkout", "--quiet", "main"]);
      await killedWhileClaiming(world, point);
      expect(await world.git(["rev-parse", "a"])).toBe(commit);
      await isMadeAfterAll(world);
    },
    2 * minute,
  );
});

describe("SIGKILL while a member is prepared", () => {
  test.each(points(["worktree", "ports", "setup:0", "resource:db"]))(
    "%s",
    async (point) => {
      await using world = await hermeticWorld({ files });
      const env = await armed(world, point);
      await world.wt(["pool", "set", "1"], { env });
      await died(world);
      await isSettled(world, []);
      await isOff(world, 0);
    },
    2 * minute,
  );
});

describe("SIGKILL while a member is refreshed", () => {
  test.each(points(["check_out", "renew", "resource:db"]))(
    "%s",
    async (point) => {
      await using world = await hermeticWorld({ files });
      await world.ok(["pool", "set", "1"]);
      await world.ok(["pool", "refill"]);
      const env = await armed(world, point);
      await world.write({ "input.txt": "2\n" });
      await world.commit("another input");
      await world.wt(["pool"], { env });
      await died(world);
      await isSettled(world, []);
      await isOff(world, 0);
    },
    2 * minute,
  );
});

describe("SIGKILL while a member is given back", () => {
  test.each(points(["sweep", "remove_resource:db", "remove_worktree", "remove_files", "release"]))(
    "%s",
    async (point) => {
      await using world = await hermeticWorld({ files });
      await world.ok(["pool", "set", "1"]);
      await world.ok(["pool", "refill"]);
      const failed = await world.wt(["pool", "set", "0"], { env: await armed(world, point) });
      expect(failed.code).not.toBe(0);
      await world.ok(["list"]);
      expect(
        await eventually(
          () => pooled(world),
          (names) => names.length === 0,
          20_000,
        ),
      ).toEqual([]);
      const left = await eventually(
        () => pool(world),
        ({ members }) => members.length === 0,
      );
      expect(left.members).toEqual([]);
      await isOff(world, 0);
    },
    2 * minute,
  );
});

describe("a create that is interrupted", () => {
  test(
    "while it claims: nothing of it stays, and the pool fills itself again",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["pool", "set", "1"]);
      await world.ok(["pool", "refill"]);
      await world.ok(["daemon", "stop"]);
      const interrupt = new AbortController();
      const env = { WT_TEST_FAULT: "slow=2000@before:renew" };
      const created = world.wt(["create", "a"], { env, abort: interrupt.signal });
      await eventually(() => existsSync(join(parent(world), "a/input.txt")), Boolean);
      interrupt.abort();
      expect((await created).code).toBe(130);
      await isSettled(world, []);
      expect(leftovers(world, "a")).toEqual([]);
      await isOff(world, 0);
    },
    2 * minute,
  );
});
