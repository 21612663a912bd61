import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gitRepository } from "../../test/support/git-repository.ts";
import { createGit } from "./git.ts";
import { defaultBranch, findRepository } from "./repository.ts";

test("from the root, a subdirectory, a linked worktree and through symbolic links", async () => {
  await using repo = await gitRepository({ files: { "deep/er/a.txt": "a" } });
  const linked = join(repo.base, "wörk trees/linked\ttree");
  repo.run(["worktree", "add", "-q", "-b", "linked", linked]);
  symlinkSync(repo.root, join(repo.base, "link"));
  const main = { gitCommonDir: join(repo.root, ".git"), mainRoot: repo.root, bare: false, inSubmodule: false, hasCommits: true };
  for (const cwd of [repo.root, join(repo.root, "deep/er"), join(repo.base, "link"), join(repo.base, "link/deep")]) {
    expect(await findRepository(repo.git, cwd)).toEqual({ ...main, worktreeRoot: repo.root });
  }
  expect(await findRepository(repo.git, join(linked, "deep"))).toEqual({ ...main, worktreeRoot: linked });
});

test("outside of a repository it is null, inside .git an error with the way out", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  expect(await findRepository(repo.git, repo.base)).toBeNull();
  await expect(findRepository(repo.git, join(repo.root, ".git/refs"))).rejects.toMatchObject({
    kind: "refused",
    code: "inside_git_directory",
    hints: [`cd ${repo.root}`],
  });
});

test("a damaged repository is git's error, not null", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  writeFileSync(join(repo.root, ".git/config"), "[core\n");
  await expect(findRepository(repo.git, repo.root)).rejects.toMatchObject({ code: "git_failed" });
});

test("without git it is git_missing", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  const git = createGit({ ...repo.env, PATH: repo.base });
  await expect(findRepository(git, repo.root)).rejects.toMatchObject({ code: "git_missing" });
});

test("a repository without commits", async () => {
  await using repo = await gitRepository();
  expect(await findRepository(repo.git, repo.root)).toMatchObject({ mainRoot: repo.root, hasCommits: false, worktreeRoot: repo.root });
  expect(await defaultBranch(repo.git, { mainRoot: repo.root })).toBeNull();
});

test("an orphan branch does not make a repository one without commits", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  repo.run(["checkout", "-q", "--orphan", "empty"]);
  expect(await findRepository(repo.git, repo.root)).toMatchObject({ hasCommits: true });
});

test("a bare repository, from inside and from its worktree", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" }, bare: true });
  const bare = { gitCommonDir: repo.root, mainRoot: repo.root, bare: true, hasCommits: true };
  expect(await findRepository(repo.git, repo.root)).toMatchObject({ ...bare, worktreeRoot: null });
  const linked = join(repo.base, "linked");
  repo.run(["worktree", "add", "-q", linked, "main"]);
  expect(await findRepository(repo.git, linked)).toMatchObject({ ...bare, worktreeRoot: linked });
  expect(await defaultBranch(repo.git, { mainRoot: repo.root })).toBe("main");
});

test("a bare repository behind a .git file", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  const project = join(repo.base, "project");
  mkdirSync(project);
  repo.run(["clone", "-q", "--bare", repo.root, join(project, ".bare")]);
  writeFileSync(join(project, ".git"), "gitdir: ./.bare\n");
  expect(await findRepository(repo.git, project)).toMatchObject({ bare: true, mainRoot: join(project, ".bare") });
});

test("a submodule says so, and is a repository of its own", async () => {
  await using inner = await gitRepository({ files: { "inner.txt": "a" } });
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  repo.run(["submodule", "--quiet", "add", inner.root, "sub"]);
  const submodule = join(repo.root, "sub");
  expect(await findRepository(repo.git, submodule)).toMatchObject({ inSubmodule: true, mainRoot: submodule, worktreeRoot: submodule });
  const linked = join(repo.base, "linked");
  repo.run(["worktree", "add", "-q", "-b", "linked", linked], submodule);
  expect(await findRepository(repo.git, linked)).toMatchObject({ mainRoot: submodule, worktreeRoot: linked });
});

test("the default branch: origin's, the configured one, main, master, what is checked out", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  const main = { mainRoot: repo.root };
  expect(await defaultBranch(repo.git, main)).toBe("main");
  repo.run(["branch", "-m", "main", "trunk"]);
  expect(await defaultBranch(repo.git, main)).toBe("trunk");
  repo.run(["branch", "master"]);
  expect(await defaultBranch(repo.git, main)).toBe("master");
  repo.run(["branch", "develop"]);
  repo.run(["config", "init.defaultBranch", "develop"]);
  expect(await defaultBranch(repo.git, main)).toBe("develop");
  repo.run(["update-ref", "refs/remotes/origin/release/1", "HEAD"]);
  repo.run(["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/release/1"]);
  expect(await defaultBranch(repo.git, main)).toBe("release/1");
});
