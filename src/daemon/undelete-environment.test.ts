import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestWorld, testWorld } from "../../test/support/daemon-world.ts";
import { createEnvironment } from "./create-environment.ts";
import { deleteEnvironment } from "./delete-environment.ts";
import { keptOf } from "./kept-environment.ts";
import { purgeDeleted, settleKept, tidyKept } from "./kept-upkeep.ts";
import { listDeleted, undeleteEnvironment } from "./undelete-environment.ts";

const files = {
  "wt.yaml": "project: shop\nresources:\n  db: { type: postgres, branch: own }\nservices: {}\n",
  "a.txt": "one\n",
  ".gitignore": ".env\nnode_modules\n",
};

async function keeping(): Promise<TestWorld> {
  const test = await testWorld(files, { postgres: {} });
  test.world.env.WT_UNDELETE_DAYS = "7";
  return test;
}

const create = (test: TestWorld, branch: string) =>
  createEnvironment(test.world, { cwd: test.repository.root, branch, up: false, env: test.repository.env, git: "skip" }, test.call());
const remove = (test: TestWorld, name: string, more: { force?: boolean; branch?: boolean; purge?: boolean } = {}) =>
  deleteEnvironment(
    test.world,
    { target: { ...test.target, name }, force: more.force === true, branch: more.branch === true, purge: more.purge === true },
    test.call(),
  );
const undelete = (test: TestWorld, name: string, call = test.call()) =>
  undeleteEnvironment(test.world, { cwd: test.repository.root, name, up: false, env: test.repository.env }, call);

/** Everything that git and the file system say of a worktree. */
function portrait(test: TestWorld, path: string): unknown {
  const git = (...args: string[]) => test.repository.run(args, path);
  return {
    branch: git("branch", "--show-current"),
    head: git("rev-parse", "HEAD"),
    status: git("status", "--porcelain=v2", "-uall", "--ignored"),
    staged: git("diff", "--cached"),
    unstaged: git("diff"),
    env: readFileSync(join(path, ".env"), "utf8"),
    mode: statSync(join(path, "run.sh")).mode,
  };
}

async function messy(test: TestWorld, slug: string): Promise<string> {
  const { environment } = await create(test, slug);
  const { path } = environment;
  test.repository.commit({ "b.txt": "committed\n" }, { directory: path });
  test.repository.write("a.txt", "staged\n", path);
  test.repository.run(["add", "a.txt"], path);
  test.repository.write("a.txt", "unstaged\n", path);
  test.repository.write("new dir/日本語", "untracked\n", path);
  test.repository.write(".env", "SECRET=1\n", path);
  test.repository.write("run.sh", "#!/bin/sh\n", path);
  chmodSync(join(path, "run.sh"), 0o750);
  symlinkSync("a.txt", join(path, "link"));
  test.databases.postgres?.write("wt_shop_messy_db", "rows of messy");
  return path;
}

describe("undelete", () => {
  test("brings back branch, commits, staged, unstaged, untracked and ignored files, and the database", async () => {
    await using test = await keeping();
    const path = await messy(test, "messy");
    const before = portrait(test, path);
    const record = test.world.ledger.environments().find(({ slug }) => slug === "messy");
    const result = await remove(test, "messy", { force: true, branch: true });
    expect(result).toMatchObject({ branchOutcome: "deleted", rescueRefs: [] });
    expect(existsSync(path)).toBe(false);
    expect(test.repository.run(["branch", "--list", "messy"])).toBe("");
    expect(test.repository.run(["worktree", "list"]).split("\n")).toHaveLength(1);
    expect(test.world.ledger.leases()).toEqual([]);
    // What git would collect is held.
    test.repository.run(["reflog", "expire", "--expire=now", "--all"]);
    test.repository.run(["gc", "-q", "--prune=now"]);
    const back = await undelete(test, "messy");
    expect(back.environment).toMatchObject({ slug: "messy", branch: "messy", path, slot: record?.slot });
    expect(portrait(test, path)).toEqual(before);
    expect(test.databases.postgres?.read("wt_shop_messy_db")).toBe("rows of messy");
    expect(test.world.ledger.deleted()).toEqual([]);
    expect(test.repository.run(["for-each-ref", "refs/wt"])).toBe("");
    expect(existsSync(join(test.repository.root, ".git/wt"))).toBe(false);
    expect(test.world.ledger.environment(record?.id ?? "")).toMatchObject({ nonce: record?.nonce, hostLabel: record?.hostLabel });
    expect(test.reported).toEqual([]);
  });
});
