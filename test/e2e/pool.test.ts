// `wt pool`: worktrees that are prepared before anybody asks for them, and what becomes of them when somebody does.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PoolList, PoolView } from "../../src/api/pool.ts";
import { eventually, type HermeticWorld, hermeticWorld } from "../support/hermetic-world.ts";

const minute = 60_000;
/** Below the ports that systems give away by themselves, and apart from those of other runs. */
const base = 14_000 + (process.pid % 4_000);

/** Each command notes that it ran, outside of the worktree, with the name that it was told. */
const files = {
  "wt.yaml": `project: shop
copy: [.env]
setup:
  - { run: "echo install $WT_ENVIRONMENT >> ../ran.txt; mkdir -p deps && cp lock.txt deps/", inputs: [lock.txt] }
resources:
  db: { type: sqlite, path: data/app.db, migrate: "${process.execPath} migrate.mjs" }
services:
  web: { run: exec node server.mjs, route: /, needs: [db] }
  slotted: { run: exec node server.mjs, port: ${base}, needs: [db] }
`,
  "lock.txt": "1\n",
  "migrate.mjs": `import { Database } from "bun:sqlite";
import { appendFileSync, readFileSync } from "node:fs";
const db = new Database(process.env.DB_PATH, { create: true });
db.run("create table " + readFileSync("table.txt", "utf8").trim() + " (text)");
appendFileSync("../ran.txt", "migrate " + process.env.WT_ENVIRONMENT + "\\n");
`,
  "table.txt": "notes\n",
  "server.mjs": `import http from "node:http";
http.createServer((_, response) => response.end([process.env.WT_ENVIRONMENT, process.env.WT_BRANCH, process.env.WT_SLOT, process.cwd()].join(" ")))
  .listen(Number(process.env.PORT), process.env.HOST);
`,
  ".gitignore": "data\ndeps\n.env\n.venv\nnamed.txt\n",
};

const parent = (world: HermeticWorld) => `${world.repository}.worktrees`;
const ran = (world: HermeticWorld) => {
  const place = join(parent(world), "ran.txt");
  const lines = existsSync(place) ? readFileSync(place, "utf8").trim().split("\n") : [];
  writeFileSync(place, "");
  return lines.filter(Boolean);
};
const pool = async (world: HermeticWorld): Promise<PoolView> => (JSON.parse(await world.ok(["pool", "--json"])) as PoolList).pools[0]!;
const members = (world: HermeticWorld) => readdirSync(parent(world)).filter((name) => name.startsWith(".wt-pool-"));
const full = (world: HermeticWorld) => world.ok(["pool", "refill"]);
const tables = async (world: HermeticWorld, name: string) => {
  const printed = await world.ok(["db", "psql", "-e", name, "--json", "-c", "select name from sqlite_master order by 1"]);
  return (JSON.parse(printed) as { rows: string[][] }).rows.flat();
};

async function shop(size: number, changes: Record<string, string> = {}): Promise<HermeticWorld> {
  const world = await hermeticWorld({ files: { ...files, ...changes } });
  await world.write({ ".env": "KEY=1\n" });
  await world.ok(["pool", "set", String(size)]);
  await full(world);
  return world;
}

/** Everything that was made for the branch is there and works. */
async function isWhole(world: HermeticWorld, slug: string): Promise<void> {
  const environment = await world.status(slug);
  expect(environment).toMatchObject({ slug, path: join(parent(world), slug), status: "Healthy" });
  expect(await (await world.fetch(`${slug}.localhost`)).text()).toContain(`${slug} ${environment.branch} ${environment.slot} `);
}

describe("a create with a prepared worktree", () => {
  test(
    "takes it: its own name, branch, path, slot and ports, and nothing is set up again",
    async () => {
      await using world = await shop(1);
      const [member] = members(world);
      expect(ran(world)).toEqual([expect.stringMatching(/^install wt-pool-/), expect.stringMatching(/^migrate wt-pool-/)]);
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
      await world.ok(["create", "feature/a"]);
      const environment = await world.status("feature-a");
      expect(environment).toMatchObject({
        slug: "feature-a",
        branch: "feature/a",
        path: join(parent(world), "feature-a"),
        slot: 1,
        status: "Healthy",
      });
      expect(environment.services.find(({ name }) => name === "slotted")?.port).toBe(base + 1);
      expect(await (await world.fetch("feature-a.localhost")).text()).toBe(`feature-a feature/a 1 ${environment.path}`);
      expect(existsSync(join(parent(world), member!))).toBe(false);
      expect(readFileSync(join(environment.path, ".env"), "utf8")).toBe("KEY=1\n");
      expect(await tables(world, "feature-a")).toEqual(["notes"]);
      expect((await world.git(["status", "--porcelain"], environment.path)).trim()).toBe("");
      expect((await world.git(["rev-parse", "--abbrev-ref", "HEAD"], environment.path)).trim()).toBe("feature/a");
      // The pool fills itself again; only the new member was set up.
      await full(world);
      expect(ran(world).every((line) => / wt-pool-/.test(line))).toBe(true);
      expect(members(world)).toHaveLength(1);
      expect(members(world)).not.toEqual([member!]);
      await world.ok(["delete", "feature-a", "--branch"]);
      await world.ok(["pool", "set", "0"]);
      expect(members(world)).toEqual([]);
      expect((await world.git(["worktree", "list"])).trim().split("\n")).toHaveLength(1);
    },
    2 * minute,
  );
});

describe("what differs is done again", () => {
  test(
    "a changed lockfile, another migration, other copied files; what names the old path is made anew",
    async () => {
      const yaml = files["wt.yaml"].replace("resources:", "  - { run: sh venv.sh, inputs: [venv.sh] }\nresources:");
      // Who wrote what is told by the time, to a tick of the file system's clock.
      const venv = `sleep 0.1; echo venv $WT_ENVIRONMENT >> ../ran.txt
test ! -e .venv && mkdir -p .venv/bin && echo "#!$PWD/.venv/bin/python" > .venv/bin/pip
`;
      await using world = await shop(1, { "wt.yaml": yaml, "venv.sh": venv });
      await world.git(["branch", "other"]);
      await world.git(["checkout", "--quiet", "-b", "newer"]);
      await world.write({ "lock.txt": "2\n", "table.txt": "letters\n" });
      await world.commit("newer");
      await world.git(["checkout", "--quiet", "main"]);
      const [member] = (await pool(world)).members;
      expect(member?.again).toEqual([{ path: ".venv", because: ".venv/bin/pip" }]);
      expect(member?.againSteps).toHaveLength(1);
      ran(world);
      // Of the same commit: only what names the member.
      await world.ok(["create", "other"]);
      expect(ran(world).filter((line) => line.endsWith(" other"))).toEqual(["venv other"]);
      const pip = readFileSync(join(parent(world), "other/.venv/bin/pip"), "utf8");
      expect(pip).toBe(`#!${join(parent(world), "other")}/.venv/bin/python\n`);
      await full(world);
      // Of another one: what reads what has changed, and what nobody can tell.
      await world.write({ ".env": "KEY=2\n" });
      ran(world);
      await world.ok(["create", "newer"]);
      expect(ran(world).filter((line) => line.endsWith(" newer"))).toEqual(["install newer", "venv newer", "migrate newer"]);
      expect(readFileSync(join(parent(world), "newer/deps/lock.txt"), "utf8")).toBe("2\n");
      expect(readFileSync(join(parent(world), "newer/.env"), "utf8")).toBe("KEY=2\n");
      expect(await tables(world, "newer")).toEqual(["letters"]);
      await isWhole(world, "newer");
      await world.ok(["pool", "set", "0"]);
    },
    2 * minute,
  );

  test(
    "the base moves on: members follow, and only what reads what changed runs again",
    async () => {
      await using world = await shop(1);
      const [before] = (await pool(world)).members;
      ran(world);
      await world.write({ "page.txt": "new\n" });
      await world.commit("a page");
      await full(world);
      const [after] = (await pool(world)).members;
      expect(after).toMatchObject({ name: before!.name, current: true, commit: (await world.git(["rev-parse", "main"])).trim() });
      // Its inputs are the same; the migration may read any file.
      expect(ran(world)).toEqual([`migrate ${before!.name}`]);
      await world.write({ "lock.txt": "3\n" });
      await world.commit("a dependency");
      await full(world);
      expect(ran(world)).toEqual([`install ${before!.name}`, `migrate ${before!.name}`]);
      await world.ok(["create", "a"]);
      expect(existsSync(join(parent(world), "a/page.txt"))).toBe(true);
      await isWhole(world, "a");
      await world.ok(["pool", "set", "0"]);
    },
    2 * minute,
  );
});

describe("several at once", () => {
  test(
    "each member becomes one environment, and who comes too late makes its own",
    async () => {
      await using world = await shop(2);
      const names = members(world).map((name) => name.slice(1));
      ran(world);
      const slugs = ["a", "b", "c", "d"];
      await Promise.all(slugs.map((slug) => world.ok(["create", slug])));
      // The two others were set up under their own names.
      expect(ran(world).filter((line) => /^install [abcd]$/.test(line))).toHaveLength(2);
      for (const slug of slugs) await isWhole(world, slug);
      const { environments } = await world.list();
      expect(environments.map(({ slot }) => slot).sort()).toEqual([0, 1, 2, 3, 4]);
      for (const name of names) expect(existsSync(join(parent(world), `.${name}`))).toBe(false);
      await world.ok(["pool", "set", "0"]);
    },
    2 * minute,
  );

  test(
    "a create that wants none gets none",
    async () => {
      await using world = await shop(1);
      const before = members(world);
      ran(world);
      await world.ok(["create", "a", "--no-pool"]);
      expect(ran(world)).toEqual(["install a", "migrate a"]);
      expect(members(world)).toEqual(before);
      await world.ok(["pool", "set", "0"]);
    },
    minute,
  );
});

describe("a member that waits to be refreshed", () => {
  test(
    "can be claimed meanwhile, and that is no failure of the pool",
    async () => {
      const yaml = files["wt.yaml"].replace("echo install", "while test -e ../hold; do sleep 0.05; done; echo install");
      await using world = await shop(1, { "wt.yaml": yaml });
      await world.write({ hold: "" }, parent(world));
      const held = world.wt(["create", "a", "--no-pool"]);
      await world.write({ "page.txt": "new\n" });
      await world.commit("a page");
      const waiting = await eventually(
        () => pool(world),
        ({ working }) => working?.what === "waiting to prepare",
        20_000,
      );
      expect(waiting.working?.what).toBe("waiting to prepare");
      await world.ok(["create", "b"]);
      expect(existsSync(waiting.members[0]!.path)).toBe(false);
      rmSync(join(parent(world), "hold"));
      expect((await held).code).toBe(0);
      const after = await eventually(
        () => pool(world),
        ({ problem, members: [member] }) => problem !== null || member?.state === "ready",
        20_000,
      );
      expect(after).toMatchObject({ problem: null, members: [{ state: "ready", current: true }] });
      for (const slug of ["a", "b"]) await isWhole(world, slug);
      await world.ok(["pool", "set", "0"]);
    },
    2 * minute,
  );
});

describe("what stands in the way is said", () => {
  test(
    "a setup that fails: nothing half-made stays, and it is tried again later or when asked",
    async () => {
      const yaml = files["wt.yaml"].replace("echo install", "test ! -e ../broken || { echo out of paper >&2; exit 3; }; echo install");
      await using world = await hermeticWorld({ files: { ...files, "wt.yaml": yaml } });
      await world.write({ broken: "" }, `${parent(world)}`);
      await world.ok(["pool", "set", "1"]);
      const failed = await world.wt(["pool", "refill"]);
      expect(failed.code).toBe(7);
      expect(failed.stderr).toContain("out of paper");
      const { problem, members: none } = await eventually(
        () => pool(world),
        (one) => one.problem !== null && one.members.length === 0,
      );
      expect(none).toEqual([]);
      expect(problem).toMatchObject({ code: "setup_failed", failures: 1 });
      expect(Date.parse(problem!.retryAt)).toBeGreaterThan(Date.now() + 10_000);
      expect(members(world)).toEqual([]);
      expect(await world.ok(["pool"])).toContain("Nothing is prepared now:");
      rmSync(join(parent(world), "broken"));
      await full(world);
      expect(await pool(world)).toMatchObject({ problem: null, members: [{ state: "ready" }] });
      await world.ok(["pool", "set", "0"]);
      expect(await world.ok(["pool"])).toContain("The pool of shop is off.");
    },
    minute,
  );

  test(
    "commands that nobody has approved are not run for it either",
    async () => {
      await using world = await hermeticWorld({ files, trust: false });
      await world.ok(["list"]);
      const said = await world.ok(["pool", "set", "1"]);
      expect(said).toContain("Nothing is prepared now: The commands of shop have not been trusted yet");
      const refused = await world.wt(["pool", "refill"]);
      expect(refused.stderr).toContain("wt trust");
      expect(existsSync(parent(world))).toBe(false);
      await world.ok(["trust", "--yes"]);
      await full(world);
      expect(members(world)).toHaveLength(1);
      await world.ok(["pool", "set", "0"]);
    },
    minute,
  );
});

describe("members and everybody else", () => {
  test(
    "who changed a file in one without committing keeps it too: a create takes it not, and it becomes an environment",
    async () => {
      await using world = await shop(1);
      const [name] = members(world);
      const path = join(parent(world), name!);
      await world.write({ "lock.txt": "mine\n" }, path);
      await world.ok(["create", "a"]);
      expect(readFileSync(join(parent(world), "a/lock.txt"), "utf8")).toBe("1\n");
      await isWhole(world, "a");
      expect(readFileSync(join(path, "lock.txt"), "utf8")).toBe("mine\n");
      await full(world);
      expect((await world.list()).environments.map(({ slug }) => slug)).toContain(name!.slice(1));
      expect(readFileSync(join(path, "lock.txt"), "utf8")).toBe("mine\n");
      // Nor is one that somebody locked taken from under them.
      const locked = members(world).find((one) => one !== name)!;
      await world.git(["worktree", "lock", join(parent(world), locked)]);
      await world.ok(["pool", "set", "0"]);
      expect(members(world).sort()).toEqual([name!, locked].sort());
      expect((await world.list()).environments.map(({ slug }) => slug)).toContain(locked.slice(1));
      await world.git(["worktree", "unlock", join(parent(world), locked)]);
    },
    2 * minute,
  );

  test(
    "who works in one keeps it, as an environment; one that was removed is replaced",
    async () => {
      await using world = await shop(1);
      const [name] = members(world);
      const path = join(parent(world), name!);
      await world.write({ "work.txt": "work\n" }, path);
      await world.commit("my work", path);
      const head = (await world.git(["rev-parse", "HEAD"], path)).trim();
      // It is not given away.
      await world.ok(["create", "a"]);
      expect(existsSync(join(parent(world), "a/work.txt"))).toBe(false);
      await world.ok(["pool", "refill"]);
      await world.write({ "notes.txt": "not committed\n" }, join(parent(world), members(world).find((one) => one !== name)!));
      const said = await world.wt(["pool", "set", "0"]);
      expect(said.stderr).toContain("so it stays, as the environment");
      const { environments } = await world.list();
      const slugs = environments.map(({ slug }) => slug);
      expect(slugs).toContain(name!.slice(1));
      expect(slugs.filter((slug) => slug.startsWith("wt-pool-"))).toHaveLength(2);
      expect((await world.git(["rev-parse", "HEAD"], path)).trim()).toBe(head);
      await world.ok(["pool", "set", "1"]);
      await full(world);
      const third = members(world).find((one) => !slugs.includes(one.slice(1)));
      rmSync(join(parent(world), third!), { recursive: true });
      await eventually(
        () => members(world),
        (left) => left.length === 3 && !left.includes(third!),
        20_000,
      );
      await full(world);
      await world.ok(["pool", "clear"]);
      await full(world);
      await world.ok(["pool", "set", "0"]);
      expect(members(world)).toHaveLength(2);
    },
    2 * minute,
  );

  test(
    "gc, doctor and lists leave them alone; the next daemon carries on",
    async () => {
      await using world = await shop(1);
      const before = members(world);
      await world.ok(["gc", "--older-than", "0h", "--yes"]);
      await world.ok(["db", "gc", "--days", "0"]);
      const doctor = JSON.parse(await world.ok(["doctor", "--json"])) as { findings: { message: string; level: string }[] };
      expect(doctor.findings.filter(({ message }) => message.includes("wt-pool-"))).toEqual([]);
      for (const args of [
        ["list", "--all", "--json"],
        ["agents", "--all", "--json"],
        ["db", "list", "--all", "--json"],
      ]) {
        expect(await world.ok(args)).not.toContain("wt-pool-");
      }
      expect(await world.ok(["__complete", "--", "status", ""])).not.toContain("wt-pool-");
      expect((await world.fetch(`${before[0]!.slice(1)}.localhost`)).status).toBe(421);
      const inside = await world.wt(["up"], { cwd: join(parent(world), before[0]!) });
      expect(inside.code).toBe(5);
      expect(inside.stderr).toContain("is a prepared worktree of the pool");
      expect(members(world)).toEqual(before);
      await world.ok(["daemon", "stop"]);
      ran(world);
      await world.ok(["pool", "set", "2"]);
      await full(world);
      await world.ok(["daemon", "stop"]);
      expect(ran(world)).toHaveLength(2);
      await world.ok(["create", "a"]);
      await isWhole(world, "a");
      await full(world);
      expect(members(world)).toHaveLength(2);
      await world.ok(["pool", "set", "0"]);
    },
    2 * minute,
  );
});
