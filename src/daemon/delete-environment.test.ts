// Work that other tools have lost, each told in a thread of its own, and why it stays here.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestWorld, testWorld } from "../../test/support/daemon-world.ts";
import { createEnvironment } from "./create-environment.ts";
import { deleteEnvironment } from "./delete-environment.ts";
import { undeleteEnvironment } from "./undelete-environment.ts";

const files = { "wt.yaml": "project: shop\n", "a.txt": "one\n", ".gitignore": "ignored\n" };

async function keeping(): Promise<TestWorld> {
  const test = await testWorld(files, {});
  test.world.env.WT_UNDELETE_DAYS = "7";
  return test;
}

const create = async (test: TestWorld, branch: string): Promise<string> => {
  const request = { cwd: test.repository.root, branch, up: false, env: test.repository.env, git: "skip" as const };
  return (await createEnvironment(test.world, request, test.call())).environment.path;
};
const remove = (test: TestWorld, name: string, more: { force?: boolean; branch?: boolean; purge?: boolean } = {}) =>
  deleteEnvironment(
    test.world,
    { target: { ...test.target, name }, force: more.force === true, branch: more.branch === true, purge: more.purge === true },
    test.call(),
  );
const undelete = (test: TestWorld, name: string) =>
  undeleteEnvironment(test.world, { cwd: test.repository.root, name, up: false, env: test.repository.env }, test.call());
const slugs = (test: TestWorld) => test.world.ledger.environments().map(({ slug }) => slug);

describe("work that was lost elsewhere", () => {
  test("claude-code#35862, #79899, agenc-core#1371, worktree#43: untracked files were hidden by a setting and went", async () => {
    await using test = await keeping();
    const path = await create(test, "spike");
    test.repository.run(["config", "status.showUntrackedFiles", "no"]);
    test.repository.write("only here.txt", "precious", path);
    await expect(remove(test, "spike")).rejects.toMatchObject({ code: "unsaved_work", details: { untracked: 1 } });
    expect(readFileSync(join(path, "only here.txt"), "utf8")).toBe("precious");
  });

  test("claude-code#38287, #58885: commits that were neither merged nor pushed went with the worktree", async () => {
    await using test = await keeping();
    const path = await create(test, "spike");
    const commit = test.repository.commit({ "b.txt": "b" }, { directory: path });
    await remove(test, "spike", { force: true });
    expect(test.repository.run(["rev-parse", "spike"])).toBe(commit);
    const detached = await create(test, "detached");
    test.repository.run(["checkout", "-q", "--detach"], detached);
    test.repository.commit({ "c.txt": "c" }, { directory: detached });
    await expect(remove(test, "detached", { branch: true })).rejects.toMatchObject({ code: "unsaved_work" });
  });

  test("claude-code#74719, o8#452: a removal that failed fell back on rm -rf; here a damaged worktree is unknown, and kept whole with --force", async () => {
    await using test = await keeping();
    const path = await create(test, "spike");
    writeFileSync(join(path, "new.txt"), "new");
    const registration = join(test.repository.root, ".git/worktrees/spike");
    renameSync(join(registration, "HEAD"), join(registration, "HEAD.away"));
    await expect(remove(test, "spike")).rejects.toMatchObject({ kind: "refused", code: "work_unknown" });
    await expect(remove(test, "spike", { force: true })).rejects.toBeInstanceOf(Error);
    expect(readFileSync(join(path, "new.txt"), "utf8")).toBe("new");
    renameSync(join(registration, "HEAD.away"), join(registration, "HEAD"));
    await remove(test, "spike", { force: true });
    await undelete(test, "spike");
    expect(readFileSync(join(path, "new.txt"), "utf8")).toBe("new");
  });

  test("phantom, claude-squad: git branch -D always; here a branch goes when its work is on the base, or when it is named", async () => {
    await using test = await keeping();
    const path = await create(test, "squashed");
    test.repository.commit({ "b.txt": "1\n" }, { directory: path });
    test.repository.commit({ "b.txt": "1\n2\n" }, { directory: path });
    test.repository.run(["merge", "-q", "--squash", "squashed"]);
    test.repository.run(["commit", "-qm", "squashed"]);
    expect((await remove(test, "squashed")).branchOutcome).toBe("deleted");
    const almost = await create(test, "almost");
    test.repository.commit({ "c.txt": "c" }, { directory: almost });
    expect((await remove(test, "almost")).branchOutcome).toBe("kept_unmerged");
  });

  test("worktrunk#3808: a live worktree that was moved onto another's path was deleted; directory and registration must name each other", async () => {
    await using test = await keeping();
    const one = await create(test, "one");
    const other = await create(test, "other");
    test.repository.write("live.txt", "live", other);
    rmSync(one, { recursive: true });
    renameSync(other, one);
    await expect(remove(test, "one", { force: true })).rejects.toMatchObject({ code: "worktree_unproven" });
    expect(readFileSync(join(one, "live.txt"), "utf8")).toBe("live");
  });

  test("worktrunk#3650: removing one worktree unregistered a bystander whose directory was away for a moment", async () => {
    await using test = await keeping();
    await create(test, "one");
    const bystander = await create(test, "bystander");
    renameSync(bystander, `${bystander}.away`);
    await remove(test, "one");
    renameSync(`${bystander}.away`, bystander);
    expect(test.repository.run(["status", "--porcelain"], bystander)).toBe("");
    expect(test.repository.run(["worktree", "list"])).toContain(bystander);
  });

  test("worktrunk#3645, #3647: a locked worktree on a medium that is away was removed; a lock holds even against --force and --purge", async () => {
    await using test = await keeping();
    const path = await create(test, "stick");
    test.repository.run(["worktree", "lock", "--reason", "on a stick", path]);
    renameSync(path, `${path}.away`);
    const consent = { force: true, branch: true, purge: true };
    await expect(remove(test, "stick", consent)).rejects.toMatchObject({ code: "worktree_locked" });
    renameSync(`${path}.away`, path);
    await expect(remove(test, "stick", consent)).rejects.toMatchObject({ code: "worktree_locked" });
    expect(test.repository.run(["branch", "--list", "stick"])).not.toBe("");
  });

  test("worktrunk#3662: a branch that another worktree has taken by then stays", async () => {
    await using test = await keeping();
    const path = await create(test, "taken");
    test.repository.run(["checkout", "-q", "--detach"], path);
    const elsewhere = join(test.repository.base, "elsewhere");
    test.repository.run(["worktree", "add", "-q", elsewhere, "taken"]);
    test.repository.run(["symbolic-ref", "HEAD", "refs/heads/taken"], path);
    expect((await remove(test, "taken", { branch: true })).branchOutcome).toMatch(/^kept/);
    expect(test.repository.run(["branch", "--show-current"], elsewhere)).toBe("taken");
    const back = await undelete(test, "taken");
    expect(back.branch).toBe("taken-undeleted");
  });

  test("gastown#698: without its .git a directory passed for the repository around it; here what is in it is refused by name", async () => {
    await using test = await keeping();
    const path = await create(test, "half");
    writeFileSync(join(path, "own.txt"), "own");
    rmSync(join(path, ".git"));
    await expect(remove(test, "half")).rejects.toMatchObject({ code: "files_left" });
    const { rescueRefs } = await remove(test, "half", { force: true });
    expect(rescueRefs).toEqual([]);
    expect(existsSync(join(test.repository.root, ".git/wt/kept"))).toBe(true);
    expect(readFileSync(join(test.repository.root, "a.txt"), "utf8")).toBe("one\n");
  });

  test("claude-code#45737: the registration was gone and the directory stayed; orca#8613: nothing was left to try again with", async () => {
    await using test = await keeping();
    const path = await create(test, "spike");
    const registration = join(test.repository.root, ".git/worktrees/spike");
    renameSync(registration, `${test.repository.base}/aside`);
    await expect(remove(test, "spike", { force: true })).rejects.toBeInstanceOf(Error);
    expect(existsSync(path)).toBe(true);
    expect(slugs(test)).toContain("spike");
    mkdirSync(join(test.repository.root, ".git/worktrees"), { recursive: true });
    renameSync(`${test.repository.base}/aside`, registration);
    await remove(test, "spike");
    expect(slugs(test)).toEqual(["main"]);
    expect(existsSync(path)).toBe(false);
  });

  test("pi-subagents#246, agent-orchestrator#1926: work of a forced removal could not be had back; here it can, repositories inside included", async () => {
    await using test = await keeping();
    const path = await create(test, "spike");
    mkdirSync(join(path, "vendor/lib"), { recursive: true });
    test.repository.run(["init", "-q"], join(path, "vendor/lib"));
    const inner = test.repository.commit({ "x.txt": "x" }, { directory: join(path, "vendor/lib") });
    await remove(test, "spike", { force: true, branch: true });
    await undelete(test, "spike");
    expect(test.repository.run(["rev-parse", "HEAD"], join(path, "vendor/lib"))).toBe(inner);
  });
});
