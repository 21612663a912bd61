import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { gitRepository } from "../../test/support/git-repository.ts";
import type { Git } from "./git.ts";
import { parseStatus, readGitStatus, type StatusEntry } from "./status.ts";

function counting(git: Git): { git: Git; commands: string[] } {
  const commands: string[] = [];
  const counted: Git = {
    run(cwd, args, options) {
      commands.push(args[0] ?? "");
      return git.run(cwd, args, options);
    },
  };
  return { git: counted, commands };
}

describe("a real repository", () => {
  test("dirty, untracked, renamed, conflicting and oddly named files", async () => {
    await using repo = await gitRepository({
      files: { "a.txt": "a\n", "b c.txt": "long enough to be found again\n", "ü\n?.txt": "u\n", "g.txt": "g\n" },
    });
    repo.run(["checkout", "-q", "-b", "other"]);
    repo.commit({ "a.txt": "other\n" });
    repo.run(["checkout", "-q", "main"]);
    repo.commit({ "a.txt": "main\n" });
    Bun.spawnSync(["git", "merge", "-q", "other"], {
      cwd: repo.root,
      env: { ...repo.env, GIT_COMMITTER_NAME: "A", GIT_COMMITTER_EMAIL: "a@b" },
    });
    repo.run(["mv", "b c.txt", "? d.txt"]);
    rmSync(join(repo.root, "g.txt"));
    repo.write("ü\n?.txt", "changed");
    repo.write("new dir/one", "1");
    repo.write("new dir/two", "2");
    repo.write("日本語", "3");
    expect(await readGitStatus(repo.git, { path: repo.root, baseBranch: "main" })).toEqual({
      head: repo.run(["rev-parse", "HEAD"]),
      branch: "main",
      dirty: 4,
      untracked: 2,
      ahead: 0,
      behind: 0,
    });
  });

  test("with an upstream it is one process", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    const clone = join(repo.base, "clone");
    repo.run(["clone", "-q", repo.root, clone]);
    repo.commit({ "a.txt": "b" });
    repo.commit({ "a.txt": "c" });
    repo.run(["fetch", "-q"], clone);
    repo.commit({ "mine.txt": "m" }, { directory: clone });
    const { git, commands } = counting(repo.git);
    expect(await readGitStatus(git, { path: clone, baseBranch: "main" })).toMatchObject({ ahead: 1, behind: 2, dirty: 0, untracked: 0 });
    expect(commands).toEqual(["status"]);
  });

  test("without an upstream, or with one that is gone, it counts from the base branch", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    repo.run(["checkout", "-q", "-b", "feature"]);
    repo.commit({ "b.txt": "b" });
    repo.run(["branch", "-f", "main", repo.run(["commit-tree", "HEAD~1^{tree}", "-p", "HEAD~1", "-m", "x"])]);
    const { git, commands } = counting(repo.git);
    expect(await readGitStatus(git, { path: repo.root, baseBranch: "main" })).toMatchObject({ branch: "feature", ahead: 1, behind: 1 });
    expect(commands).toEqual(["status", "rev-list"]);
    repo.run(["config", "branch.feature.remote", "origin"]);
    repo.run(["config", "branch.feature.merge", "refs/heads/feature"]);
    repo.run(["config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"]);
    expect(await readGitStatus(git, { path: repo.root, baseBranch: "main" })).toMatchObject({ ahead: 1, behind: 1 });
    repo.run(["update-ref", "refs/remotes/origin/main", "main"]);
    repo.run(["branch", "-q", "-D", "main"]);
    expect(await readGitStatus(git, { path: repo.root, baseBranch: "main" })).toMatchObject({ ahead: 1, behind: 1 });
    expect(await readGitStatus(git, { path: repo.root, baseBranch: null })).toMatchObject({ ahead: 0, behind: 0 });
  });

  test("a detached HEAD and a branch without commits", async () => {
    await using repo = await gitRepository();
    repo.write("a.txt", "a");
    expect(await readGitStatus(repo.git, { path: repo.root, baseBranch: "main" })).toEqual({
      head: null,
      branch: "main",
      dirty: 0,
      untracked: 1,
      ahead: 0,
      behind: 0,
    });
    const head = repo.commit({});
    repo.run(["checkout", "-q", "--detach"]);
    expect(await readGitStatus(repo.git, { path: repo.root, baseBranch: "main" })).toMatchObject({ head, branch: null, untracked: 0 });
  });

  test("a submodule's new commit counts as one dirty file", async () => {
    await using inner = await gitRepository({ files: { "inner.txt": "a" } });
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    repo.run(["submodule", "--quiet", "add", inner.root, "sub"]);
    repo.commit({});
    repo.commit({ "inner.txt": "b" }, { directory: join(repo.root, "sub") });
    expect(await readGitStatus(repo.git, { path: repo.root, baseBranch: "main" })).toMatchObject({ dirty: 1, untracked: 0 });
  });

  test("settings that hide things are overruled", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    repo.run(["config", "status.showUntrackedFiles", "no"]);
    repo.run(["config", "status.aheadBehind", "false"]);
    repo.write("new.txt", "n");
    expect(await readGitStatus(repo.git, { path: repo.root, baseBranch: "main" })).toMatchObject({ untracked: 1 });
  });

  test("null where git cannot answer, never the status of the repository around", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    const linked = join(repo.root, ".worktrees/linked");
    repo.run(["worktree", "add", "-q", "-b", "linked", linked]);
    expect(await readGitStatus(repo.git, { path: linked, baseBranch: "main" })).toMatchObject({ branch: "linked" });
    rmSync(join(linked, ".git"));
    expect(await readGitStatus(repo.git, { path: linked, baseBranch: "main" })).toBeNull();
    expect(await readGitStatus(repo.git, { path: join(repo.base, "gone"), baseBranch: "main" })).toBeNull();
    mkdirSync(join(repo.base, "plain"));
    expect(await readGitStatus(repo.git, { path: join(repo.base, "plain"), baseBranch: "main" })).toBeNull();
    renameSync(join(repo.root, ".git/HEAD"), join(repo.root, ".git/HEAD.away"));
    expect(await readGitStatus(repo.git, { path: repo.root, baseBranch: "main" })).toBeNull();
  });
});

describe("the parser", () => {
  const hash = "a".repeat(40);
  const path = fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }).filter((text) => !text.includes("\0"));
  const xy = fc.constantFrom(".M", "M.", "MM", "A.", "D.", ".D", "UU");
  const submodule = fc.constantFrom("N...", "SC..", "S.M.", "S..U", "SCMU");
  const entry = fc.oneof(
    fc.record({ kind: fc.constant<StatusEntry["kind"]>("changed"), xy, submodule, path }),
    fc.record({ kind: fc.constant<StatusEntry["kind"]>("renamed"), xy, submodule, path, origin: path }),
    fc.record({ kind: fc.constant<StatusEntry["kind"]>("unmerged"), xy, submodule, path }),
    fc.record({ kind: fc.constant<StatusEntry["kind"]>("untracked"), xy: fc.constant("??"), submodule: fc.constant(""), path }),
    fc.record({ kind: fc.constant<StatusEntry["kind"]>("ignored"), xy: fc.constant("!!"), submodule: fc.constant(""), path }),
  );

  function written(item: StatusEntry & { origin?: string }): string {
    const modes = "100644 100644 100644";
    if (item.kind === "changed") return `1 ${item.xy} ${item.submodule} ${modes} ${hash} ${hash} ${item.path}\0`;
    if (item.kind === "renamed") return `2 ${item.xy} ${item.submodule} ${modes} ${hash} ${hash} R100 ${item.path}\0${item.origin}\0`;
    if (item.kind === "unmerged") return `u ${item.xy} ${item.submodule} ${modes} 100644 ${hash} ${hash} ${hash} ${item.path}\0`;
    return `${item.kind === "untracked" ? "?" : "!"} ${item.path}\0`;
  }

  test("gives back what git wrote, whatever the paths look like", () => {
    fc.assert(
      fc.property(fc.array(entry), fc.nat(), fc.nat(), (entries, ahead, behind) => {
        const header = `# branch.oid ${hash}\0# branch.head a b\0# branch.upstream origin/x\0# branch.ab +${ahead} -${behind}\0# stash 3\0`;
        const status = parseStatus(header + entries.map(written).join(""));
        expect(status.entries).toEqual(entries.map(({ kind, xy, submodule, path }) => ({ kind, xy, submodule, path })));
        expect(status).toMatchObject({ head: hash, branch: "a b", upstream: "origin/x", aheadBehind: { ahead, behind } });
        expect(status.dirty).toBe(entries.filter((it) => ["changed", "renamed", "unmerged"].includes(it.kind)).length);
        expect(status.untracked).toBe(entries.filter((it) => it.kind === "untracked").length);
      }),
    );
  });

  test("never throws, and never counts more than there are records", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const status = parseStatus(text);
        expect(status.dirty + status.untracked).toBeLessThanOrEqual(text.split("\0").length);
      }),
    );
  });
});
