import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gitRepository } from "../../test/support/git-repository.ts";
import { repositoryFiles } from "../os/repository-files.ts";
import type { Git } from "./git.ts";
import { readRecent } from "./recent-commit.ts";
import { treeFiles } from "./tree-files.ts";

test("a commit and its checkout read alike", async () => {
  await using inner = await gitRepository({ files: { "inner.txt": "i" } });
  await using repo = await gitRepository({
    files: { "wt.yaml": "project: x\n", "dir/sub dir/ü.txt": "ü\n", "dir/-x": "", "empty.txt": "" },
  });
  symlinkSync("wt.yaml", join(repo.root, "link.yaml"));
  symlinkSync("dir", join(repo.root, "linked"));
  symlinkSync("/etc/hostname", join(repo.root, "dir/out"));
  repo.run(["submodule", "--quiet", "add", inner.root, "module"]);
  const commit = repo.commit({});
  // A checkout does not fetch submodules, so theirs is a bare directory on both sides.
  const place = join(repo.base, "place");
  repo.run(["worktree", "add", "-q", "--detach", place, commit]);
  const tree = treeFiles(repo.git, { root: repo.root, commit });
  const disk = repositoryFiles(place);
  const lists: Record<string, string[]> = {
    "": [".gitmodules", "dir/", "empty.txt", "link.yaml", "linked", "module/", "wt.yaml"],
    ".": [".gitmodules", "dir/", "empty.txt", "link.yaml", "linked", "module/", "wt.yaml"],
    dir: ["-x", "out", "sub dir/"],
    "./dir//sub dir/": ["ü.txt"],
    linked: [],
    module: [],
    none: [],
    "wt.yaml": [],
    "..": [],
    "/": [],
  };
  const texts: Record<string, string | null> = {
    "wt.yaml": "project: x\n",
    "./dir/sub dir/ü.txt": "ü\n",
    "dir/-x": "",
    "empty.txt": "",
    "link.yaml": null,
    "linked/-x": null,
    "dir/out": null,
    "module/inner.txt": null,
    dir: null,
    "": null,
    none: null,
    "none/none": null,
    "wt.yaml/x": null,
    "../repo/wt.yaml": null,
    "dir/../wt.yaml": null,
    ".git/config": null,
    "/etc/hostname": null,
    "wt.yaml\0": null,
  };
  for (const files of [tree, disk]) {
    for (const [path, expected] of Object.entries(lists)) expect([path, await files.list(path)]).toEqual([path, expected]);
    for (const [path, expected] of Object.entries(texts)) expect([path, await files.read(path)]).toEqual([path, expected]);
  }
});

test("few processes: one for each directory and each file, none for what is absent", async () => {
  await using repo = await gitRepository({ files: { "package.json": "{}", "app/package.json": "{}" } });
  let processes = 0;
  const git: Git = {
    run(cwd, args, options) {
      processes++;
      return repo.git.run(cwd, args, options);
    },
  };
  const files = treeFiles(git, { root: repo.root, commit: repo.run(["rev-parse", "HEAD"]) });
  await Promise.all(["wt.yaml", "manage.py", "Procfile", "package.json", "package.json"].map((path) => files.read(path)));
  expect(processes).toBe(2);
  expect(await files.list("")).toEqual(["app/", "package.json"]);
  expect(processes).toBe(2);
  expect(await files.read("app/package.json")).toBe("{}");
  // The same contents are the same file to git.
  expect(processes).toBe(3);
});

test("a commit that is not there is an error each time it is asked", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  const files = treeFiles(repo.git, { root: repo.root, commit: "0".repeat(40) });
  for (let time = 0; time < 2; time++) await expect(files.read("a.txt")).rejects.toMatchObject({ code: "git_failed" });
});

test("a pipe is not waited for", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  Bun.spawnSync(["mkfifo", join(repo.root, "pipe")]);
  expect(await repositoryFiles(repo.root).read("pipe")).toBeNull();
  expect(await repositoryFiles(join(repo.root, "gone")).list("")).toEqual([]);
});

test("the last commit for the preview", async () => {
  await using repo = await gitRepository();
  expect(await readRecent(repo.git, repo.root)).toBeNull();
  repo.commit({ "a.txt": "a" }, { message: "Größe:\nsecond line of it\n\nbody" });
  expect(await readRecent(repo.git, repo.root)).toEqual({
    subject: "Größe: second line of it",
    author: "Ada",
    timeMs: Date.parse("2026-01-02T03:04:05Z"),
  });
  mkdirSync(join(repo.base, "plain"));
  writeFileSync(join(repo.base, "plain/x"), "");
  for (const path of [join(repo.base, "plain"), join(repo.base, "gone")]) expect(await readRecent(repo.git, path)).toBeNull();
});
