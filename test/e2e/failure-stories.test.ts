// Stories of other tools that no other test tells; docs/failure-stories.md names the test of each.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { findLeaks } from "../../scripts/leak-check.ts";
import { hermeticWorld } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

const minute = 60_000;
const root = resolve(import.meta.dir, "../..");

describe("told elsewhere", () => {
  test(
    "workz: the same branch in two repositories took the same ports; here each has its own, its own name, and answers for itself",
    async () => {
      await using world = await hermeticWorld({ files: smallApp });
      const cwd = join(world.directory, "other");
      await world.git(["clone", "--quiet", world.repository, cwd]);
      await world.ok(["trust", "--yes"], { cwd });
      await Promise.all([world.ok(["create", "fix"]), world.ok(["create", "fix"], { cwd })]);
      const read = async (directory: string) =>
        JSON.parse(await world.ok(["status", "fix", "--json"], { cwd: directory })).environment as {
          url: string;
          path: string;
          services: { port: number | null }[];
        };
      const both = [await read(world.repository), await read(cwd)];
      const ports = both.flatMap(({ services }) => services.flatMap(({ port }) => port ?? []));
      expect(ports).toHaveLength(4);
      expect(new Set(ports).size).toBe(4);
      expect(new Set(both.map(({ url }) => url)).size).toBe(2);
      for (const { url } of both) expect((await world.fetch(new URL(url).hostname)).status).toBe(200);
      await world.ok(["delete", "fix"]);
      expect((await world.fetch(new URL(both[1]?.url ?? "").hostname)).status).toBe(200);
      await world.ok(["delete", "fix"], { cwd });
    },
    minute,
  );

  test(
    "gastown#4094: in a directory that has lost its .git a checkout went to the repository around it; here nothing is written there",
    async () => {
      await using world = await hermeticWorld({ files: { "a.txt": "one\n", ".gitignore": ".claude/\n" } });
      const inner = join(world.repository, ".claude/worktrees/inner");
      await world.git(["worktree", "add", "--quiet", "-b", "inner", inner]);
      await world.write({ "a.txt": "of the inner one\n" }, inner);
      await world.ok(["checkpoint", "saved", "-e", "inner"]);
      await world.write({ "a.txt": "mine, not saved\n" });
      rmSync(join(inner, ".git"));
      const before = await world.git(["status", "--porcelain=v2", "--branch"]);
      const refused = [
        ["restore", "saved", "-e", "inner"],
        ["checkpoint", "again", "-e", "inner"],
        ["up", "-e", "inner"],
        ["delete", "inner"],
      ];
      for (const args of refused) expect((await world.wt(args)).code, args.join(" ")).not.toBe(0);
      for (const args of [["restore", "saved"], ["checkpoint"]]) await world.wt(args, { cwd: inner });
      expect(readFileSync(join(world.repository, "a.txt"), "utf8")).toBe("mine, not saved\n");
      expect(await world.git(["status", "--porcelain=v2", "--branch"])).toBe(before);
      expect(readFileSync(join(inner, "a.txt"), "utf8")).toBe("of the inner one\n");
    },
    minute,
  );

  test(
    "claude-code#70456: where no isolated place could be made, work went on in the live checkout; here nothing starts there",
    async () => {
      await using world = await hermeticWorld({ files: { "wt.yaml": "hooks: { before_create: 'exit 1' }\n", "a.txt": "one\n" } });
      const went = join(world.directory, "went");
      const agent = ["--agent", `touch ${went}`];
      const created = await world.wt(["create", "spike", "--go", "--detach", ...agent]);
      expect(created.code).toBe(7);
      for (const args of [
        ["go", "spike", "--detach", ...agent],
        ["run", "-e", "spike", "--", "touch", went],
      ]) {
        expect((await world.wt(args)).code, args.join(" ")).toBe(4);
      }
      await world.ok(["create", "spike", "--no-hooks"]);
      rmSync(`${world.repository}.worktrees/spike`, { recursive: true });
      for (const args of [
        ["go", "spike", "--detach", ...agent],
        ["run", "-e", "spike", "--", "touch", went],
      ]) {
        expect((await world.wt(args)).code, args.join(" ")).not.toBe(0);
      }
      expect(existsSync(went)).toBe(false);
      expect(await world.git(["status", "--porcelain"])).toBe("");
      await world.ok(["delete", "spike"]);
    },
    minute,
  );

  test("worktrunk#2785: a test suite left 454,907 temporary directories; here a directory, a file or a process that a test leaves fails the run", async () => {
    const directory = mkdtempSync(join(tmpdir(), "wt-leaks-"));
    for (const name of ["tmp", "state", "config", "run"]) mkdirSync(join(directory, name));
    expect(await findLeaks(directory)).toEqual([]);
    for (const name of ["tmp/wt-forgotten", "state/worldtree", "config", "run"]) mkdirSync(join(directory, name), { recursive: true });
    writeFileSync(join(directory, "tmp/forgotten.txt"), "");
    const child = Bun.spawn(["sleep", "1000"], { cwd: join(directory, "tmp"), stdio: ["ignore", "ignore", "ignore"] });
    const leaks = await findLeaks(directory);
    await child.exited;
    expect(leaks.toSorted()).toEqual([
      "A test used the default state directory instead of one of its own.",
      `The process ${child.pid} still runs: sleep 1000`,
      "The temporary file or directory forgotten.txt was not removed.",
      "The temporary file or directory wt-forgotten was not removed.",
    ]);
    expect(existsSync(directory)).toBe(false);
  }, 30_000);

  test("every story of docs/failure-stories.md has the test that it names", () => {
    const rows = readFileSync(join(root, "docs/failure-stories.md"), "utf8").matchAll(/^\| .* \| ([^|]+) \| `([^`|]+\.test\.ts)` \|$/gm);
    const told = [...rows].map(([, threads = "", file = ""]) => ({ threads: threads.split(", "), file }));
    expect(told.length).toBeGreaterThan(25);
    for (const { threads, file } of told) {
      const titles = readFileSync(join(root, file), "utf8");
      for (const thread of threads) expect(titles, `${file} names ${thread}`).toContain(thread);
    }
  });
});
