import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gitRepository, type TestRepository } from "../../test/support/git-repository.ts";
import { assessLoss, type LossReport } from "./integration.ts";

const clean: LossReport = {
  known: true,
  dirty: 0,
  untracked: 0,
  stashes: 0,
  unpushed: 0,
  loose: 0,
  integrated: true,
  how: "same_commit",
  lockedReason: null,
  submodulesDirty: false,
  remains: [],
  inProgress: null,
};

/** A repository with a worktree on the branch `work`, at `main`. */
async function withWork(): Promise<TestRepository & { place: string }> {
  const repo = await gitRepository({ files: { "a.txt": "one\ntwo\nthree\n", "b.txt": "b\n", ".gitignore": "ignored\n" } });
  const place = join(repo.base, "work");
  repo.run(["worktree", "add", "-q", "-b", "work", place]);
  return Object.assign(repo, { place });
}

const assess = (repo: TestRepository & { place: string }, branch: string | null = "work") =>
  assessLoss(repo.git, { root: repo.root, path: repo.place, branch, baseBranch: "main" });

/** Ends with an error where git stops to ask. */
function stops(repo: TestRepository, args: string[], cwd: string): void {
  expect(() => repo.run(args, cwd)).toThrow();
}

describe("files", () => {
  test("nothing to lose; ignored files are nothing; a stash of the repository stays", async () => {
    await using repo = await withWork();
    writeFileSync(join(repo.place, "ignored"), "");
    repo.write("a.txt", "stashed", repo.place);
    repo.run(["stash", "-q"], repo.place);
    expect(await assess(repo)).toEqual(clean);
  });

  test("tracked and untracked changes count, whatever the settings hide", async () => {
    await using repo = await withWork();
    repo.run(["config", "status.showUntrackedFiles", "no"]);
    repo.write("a.txt", "changed", repo.place);
    repo.write("new 日本", "n", repo.place);
    expect(await assess(repo)).toEqual({ ...clean, dirty: 1, untracked: 1 });
  });

  test("changes to files that git was told not to look at", async () => {
    await using repo = await withWork();
    repo.run(["update-index", "--assume-unchanged", "a.txt"], repo.place);
    repo.run(["update-index", "--skip-worktree", "b.txt"], repo.place);
    expect(await assess(repo)).toEqual(clean);
    repo.write("a.txt", "changed", repo.place);
    repo.write("b.txt", "changed", repo.place);
    expect(repo.run(["status", "--porcelain"], repo.place)).toBe("");
    expect(await assess(repo)).toEqual({ ...clean, dirty: 2 });
    expect(repo.run(["ls-files", "-v"], repo.place)).toBe("H .gitignore\nh a.txt\nS b.txt");
  });

  test("a submodule: its changes, its commits that no remote has, its stashes", async () => {
    await using inner = await gitRepository({ files: { "inner.txt": "a" } });
    await using repo = await withWork();
    repo.run(["submodule", "--quiet", "add", inner.root, "sub"], repo.place);
    repo.commit({}, { directory: repo.place });
    const sub = join(repo.place, "sub");
    expect(await assess(repo)).toMatchObject({ submodulesDirty: false, dirty: 0 });
    repo.write("inner.txt", "stashed", sub);
    repo.run(["stash", "-q"], sub);
    expect(await assess(repo)).toMatchObject({ submodulesDirty: true, dirty: 0 });
    repo.run(["stash", "drop", "-q"], sub);
    repo.commit({ "inner.txt": "b" }, { directory: sub });
    repo.commit({}, { directory: repo.place });
    expect(repo.run(["status", "--porcelain"], repo.place)).toBe("");
    expect(await assess(repo)).toMatchObject({ submodulesDirty: true });
    repo.run(["push", "-q", "origin", "HEAD:refs/heads/elsewhere"], sub);
    expect(await assess(repo)).toMatchObject({ submodulesDirty: false });
    repo.write("new.txt", "n", sub);
    expect(await assess(repo)).toMatchObject({ submodulesDirty: true, dirty: 1 });
  });

  test("what cannot be read is not known", async () => {
    await using repo = await withWork();
    writeFileSync(join(repo.place, ".git"), "damaged");
    expect(await assess(repo)).toMatchObject({ known: false });
    rmSync(repo.place, { recursive: true });
    writeFileSync(repo.place, "a file");
    expect(await assess(repo)).toMatchObject({ known: false });
  });

  test("without .git a directory is no worktree any more; its files are named, those that the main worktree ignores are not", async () => {
    await using repo = await withWork();
    rmSync(join(repo.place, ".git"));
    mkdirSync(join(repo.place, "ignored"));
    writeFileSync(join(repo.place, "ignored/x"), "");
    mkdirSync(join(repo.place, "deep/er"), { recursive: true });
    writeFileSync(join(repo.place, "deep/er/own.txt"), "");
    const { remains } = await assess(repo);
    expect(remains.sort()).toEqual([".gitignore", "a.txt", "b.txt", "deep/er/own.txt"]);
    for (const name of [".gitignore", "a.txt", "b.txt", "deep"]) rmSync(join(repo.place, name), { recursive: true });
    expect(await assess(repo)).toEqual(clean);
  });

  test("a missing directory has no files to lose, but commits and a lock", async () => {
    await using repo = await withWork();
    repo.commit({ "a.txt": "x" }, { directory: repo.place });
    repo.run(["worktree", "lock", "--reason", "on a stick", repo.place]);
    renameSync(repo.place, `${repo.place}.away`);
    expect(await assess(repo)).toEqual({ ...clean, integrated: false, how: null, unpushed: 1, lockedReason: "on a stick" });
  });

  test("a missing directory whose HEAD was detached still tells of its commits", async () => {
    await using repo = await withWork();
    repo.run(["checkout", "-q", "--detach"], repo.place);
    repo.commit({ "a.txt": "x" }, { directory: repo.place });
    rmSync(repo.place, { recursive: true });
    expect(await assess(repo)).toMatchObject({ known: true, loose: 1, unpushed: 0 });
    expect(await assess(repo, null)).toMatchObject({ known: true, loose: 1, unpushed: 0, integrated: false });
  });

  test("what is in progress", async () => {
    await using repo = await withWork();
    const theirs = repo.commit({ "a.txt": "theirs\n" });
    repo.commit({ "a.txt": "mine\n" }, { directory: repo.place });
    stops(repo, ["merge", "main"], repo.place);
    expect(await assess(repo)).toMatchObject({ inProgress: "merge", dirty: 1 });
    repo.run(["merge", "--abort"], repo.place);
    stops(repo, ["cherry-pick", theirs], repo.place);
    expect(await assess(repo)).toMatchObject({ inProgress: "cherry-pick" });
    repo.run(["cherry-pick", "--abort"], repo.place);
    repo.run(["revert", "--no-commit", "HEAD"], repo.place);
    expect(await assess(repo)).toMatchObject({ inProgress: "revert" });
    repo.run(["revert", "--abort"], repo.place);
    repo.run(["bisect", "start"], repo.place);
    expect(await assess(repo)).toMatchObject({ inProgress: "bisect" });
    repo.run(["bisect", "reset"], repo.place);
    stops(repo, ["rebase", "main"], repo.place);
    expect(await assess(repo)).toMatchObject({ inProgress: "rebase", unpushed: 1 });
  });
});

describe("commits", () => {
  test("the same commit, and an ancestor", async () => {
    await using repo = await withWork();
    expect(await assess(repo)).toEqual(clean);
    repo.commit({ "b.txt": "more\n" });
    expect(await assess(repo)).toEqual({ ...clean, how: "ancestor" });
  });

  test("merged into the base's upstream only", async () => {
    await using repo = await withWork();
    const tip = repo.commit({ "a.txt": "x" }, { directory: repo.place });
    expect(await assess(repo)).toMatchObject({ integrated: false, how: null, unpushed: 1 });
    repo.run(["remote", "add", "origin", "https://localhost/x.git"]);
    repo.run(["update-ref", "refs/remotes/origin/main", tip]);
    expect(await assess(repo)).toEqual(clean);
  });

  test("pushed but not merged", async () => {
    await using repo = await withWork();
    const pushed = repo.commit({ "a.txt": "x" }, { directory: repo.place });
    repo.run(["update-ref", "refs/remotes/fork/anything", pushed]);
    expect(await assess(repo)).toMatchObject({ integrated: false, unpushed: 0 });
    repo.commit({ "a.txt": "y" }, { directory: repo.place });
    expect(await assess(repo)).toMatchObject({ integrated: false, unpushed: 1 });
  });

  test("commits that take each other back", async () => {
    await using repo = await withWork();
    repo.commit({ "a.txt": "x" }, { directory: repo.place });
    repo.run(["revert", "--no-edit", "HEAD"], repo.place);
    repo.commit({ "b.txt": "base went on\n" });
    expect(await assess(repo)).toMatchObject({ integrated: true, how: "no_changes", unpushed: 0 });
  });

  test("the same files by another way", async () => {
    await using repo = await withWork();
    repo.commit({ "a.txt": "x" }, { directory: repo.place });
    repo.commit({ "a.txt": "x" }, { message: "typed again" });
    expect(await assess(repo)).toMatchObject({ integrated: true, how: "same_tree" });
  });

  test("squashed, and the base went on elsewhere", async () => {
    await using repo = await withWork();
    repo.commit({ "a.txt": "ONE\ntwo\nthree\n" }, { directory: repo.place });
    repo.commit({ "a.txt": "ONE\nTWO\nthree\n" }, { directory: repo.place });
    repo.run(["merge", "-q", "--squash", "work"]);
    repo.commit({});
    repo.commit({ "b.txt": "base went on\n" });
    expect(await assess(repo)).toMatchObject({ integrated: true, how: "merge_adds_nothing", unpushed: 0 });
  });

  test("squashed or picked one by one, and the base changed the same lines again", async () => {
    await using squashed = await withWork();
    squashed.commit({ "a.txt": "ONE\ntwo\nthree\n" }, { directory: squashed.place });
    squashed.commit({ "a.txt": "ONE\nTWO\nthree\n" }, { directory: squashed.place });
    squashed.run(["merge", "-q", "--squash", "work"]);
    squashed.commit({});
    squashed.commit({ "a.txt": "uno\ndos\ntres\n" });
    expect(await assess(squashed)).toMatchObject({ integrated: true, how: "same_patch", unpushed: 0 });
    await using picked = await withWork();
    const commits = ["ONE\ntwo\nthree\n", "ONE\nTWO\nthree\n"].map((text) => picked.commit({ "a.txt": text }, { directory: picked.place }));
    picked.commit({ "b.txt": "between\n" });
    for (const commit of commits) picked.run(["cherry-pick", commit]);
    picked.commit({ "a.txt": "uno\ndos\ntres\n" });
    expect(await assess(picked)).toMatchObject({ integrated: true, how: "same_patch" });
  });

  test("almost merged is not merged: one commit more, a conflict, bytes that only look alike", async () => {
    await using repo = await withWork();
    repo.commit({ "a.txt": "ONE\ntwo\nthree\n" }, { directory: repo.place });
    repo.run(["merge", "-q", "--squash", "work"]);
    repo.commit({}, { message: "squashed" });
    repo.commit({ "b.txt": "mine alone\n" }, { directory: repo.place });
    expect(await assess(repo)).toMatchObject({ integrated: false, how: null, unpushed: 2 });
    repo.commit({ "b.txt": "in conflict\n" });
    expect(await assess(repo)).toMatchObject({ integrated: false, unpushed: 2 });
    await using latin = await withWork();
    writeFileSync(join(latin.place, "b.txt"), Buffer.from([0xe8, 0x0a]));
    latin.commit({}, { directory: latin.place });
    writeFileSync(join(latin.root, "b.txt"), Buffer.from([0xe9, 0x0a]));
    latin.commit({});
    expect(await assess(latin)).toMatchObject({ integrated: false, unpushed: 1 });
  });

  test("a history that has nothing in common with the base", async () => {
    await using repo = await withWork();
    repo.run(["checkout", "-q", "--orphan", "alone"], repo.place);
    repo.commit({ "c.txt": "c" }, { directory: repo.place });
    expect(await assess(repo, "alone")).toMatchObject({ known: true, integrated: false, unpushed: 1 });
  });

  test("a detached HEAD beside the branch", async () => {
    await using repo = await withWork();
    repo.run(["checkout", "-q", "--detach"], repo.place);
    repo.commit({ "a.txt": "x" }, { directory: repo.place });
    expect(await assess(repo)).toMatchObject({ integrated: true, unpushed: 0, loose: 1 });
    repo.run(["tag", "kept"], repo.place);
    expect(await assess(repo)).toMatchObject({ loose: 0 });
    expect(await assess(repo, null)).toMatchObject({ integrated: false, unpushed: 0, loose: 0 });
  });

  test("no base, a base that is not there, the base itself, a branch without commits", async () => {
    await using repo = await withWork();
    const ask = (branch: string | null, baseBranch: string | null, path = repo.place) =>
      assessLoss(repo.git, { root: repo.root, path, branch, baseBranch });
    for (const base of [null, "nowhere"]) expect(await ask("work", base)).toMatchObject({ known: true, integrated: false, unpushed: 1 });
    expect(await ask("main", "main", repo.root)).toMatchObject({ known: true, integrated: false, unpushed: 1 });
    await using empty = await gitRepository();
    expect(await assessLoss(empty.git, { root: empty.root, path: empty.root, branch: "main", baseBranch: "main" })).toMatchObject({
      known: true,
      unpushed: 0,
    });
  });
});
