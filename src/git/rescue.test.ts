import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gitRepository, type TestRepository } from "../../test/support/git-repository.ts";
import { saveBranchRescue, saveRescue } from "./rescue.ts";

const nowMs = Date.parse("2026-01-02T03:04:05.006Z");
const prefix = "refs/wt/rescue/work/20260102T030405.006Z";

const save = (repo: TestRepository, path = repo.root, branch: string | null = "main") =>
  saveRescue(repo.git, { root: repo.root, path, slug: "work", branch, nowMs });

const show = (repo: TestRepository, ref: string, path: string) => repo.run(["show", `${ref}:${path}`]);

test("changed, staged, deleted, untracked files come back; index and files are untouched", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a", "b.txt": "b", "gone.txt": "g", ".gitignore": "ignored\n" } });
  const place = join(repo.base, "work");
  repo.run(["worktree", "add", "-q", "-b", "work", place]);
  repo.write("a.txt", "staged", place);
  repo.run(["add", "a.txt"], place);
  repo.write("a.txt", "changed since", place);
  repo.write("new dir/日本語\n.txt", "untracked", place);
  repo.write("ignored", "i", place);
  repo.write("run.sh", "#!/bin/sh\n", place);
  chmodSync(join(place, "run.sh"), 0o755);
  symlinkSync("a.txt", join(place, "link"));
  rmSync(join(place, "gone.txt"));
  const before = repo.run(["status", "--porcelain=v2", "-uall"], place);
  const index = readFileSync(join(repo.root, ".git/worktrees/work/index"));
  expect(await save(repo, place, "work")).toEqual([`${prefix}/head`, `${prefix}/index`, `${prefix}/worktree`]);
  expect(repo.run(["status", "--porcelain=v2", "-uall"], place)).toBe(before);
  expect(readFileSync(join(repo.root, ".git/worktrees/work/index")).equals(index)).toBe(true);
  expect(show(repo, `${prefix}/head`, "a.txt")).toBe("a");
  expect(show(repo, `${prefix}/index`, "a.txt")).toBe("staged");
  const back = join(repo.base, "back");
  repo.run(["worktree", "add", "-q", "--detach", back, `${prefix}/worktree`]);
  expect(readFileSync(join(back, "a.txt"), "utf8")).toBe("changed since");
  expect(readFileSync(join(back, "new dir/日本語\n.txt"), "utf8")).toBe("untracked");
  expect(statSync(join(back, "run.sh")).mode & 0o111).toBe(0o111);
  expect(repo.run(["ls-tree", "-r", "--name-only", "-z", "HEAD"], back).split("\0").filter(Boolean)).toEqual([
    ".gitignore",
    "a.txt",
    "b.txt",
    "link",
    "new dir/日本語\n.txt",
    "run.sh",
  ]);
  const message = repo.run(["log", "-1", "--format=%B", `${prefix}/worktree`]);
  expect(message).toContain(`git worktree add --detach <directory> ${prefix}/worktree`);
  expect(message).toContain("Branch: work");
  expect(repo.run(["rev-parse", `${prefix}/worktree^`])).toBe(repo.run(["rev-parse", "work"]));
});

test("what was written in the same instant as the index, of the same size, is kept as it is", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "first" } });
  repo.run(["config", "core.trustctime", "false"]);
  const place = join(repo.base, "work");
  repo.run(["worktree", "add", "-q", "-b", "work", place]);
  const instant = new Date(Date.now() - 5_000);
  const at = (path: string) => utimesSync(path, instant, instant);
  repo.write("a.txt", "staged", place);
  at(join(place, "a.txt"));
  repo.run(["add", "a.txt"], place);
  writeFileSync(join(place, "a.txt"), "after!");
  at(join(place, "a.txt"));
  at(join(repo.root, ".git/worktrees/work/index"));
  await save(repo, place, "work");
  expect(show(repo, `${prefix}/index`, "a.txt")).toBe("staged");
  expect(show(repo, `${prefix}/worktree`, "a.txt")).toBe("after!");
});

test("twice in one millisecond are two rescues", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  const first = await save(repo);
  const second = await save(repo);
  expect(second).toHaveLength(3);
  expect(new Set([...first, ...second]).size).toBe(6);
});

test("a detached HEAD, and a branch without commits", async () => {
  await using repo = await gitRepository();
  repo.write("a.txt", "a");
  expect(await save(repo)).toEqual([`${prefix}/index`, `${prefix}/worktree`]);
  expect(show(repo, `${prefix}/worktree`, "a.txt")).toBe("a");
  await using detached = await gitRepository({ files: { "a.txt": "a" } });
  detached.run(["checkout", "-q", "--detach"]);
  const head = detached.commit({ "a.txt": "b" });
  expect(await save(detached, detached.root, null)).toHaveLength(3);
  expect(detached.run(["rev-parse", `${prefix}/head`])).toBe(head);
});

test("in the middle of a rebase with conflicts there is no staged tree, but the files are kept", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a\n" } });
  repo.run(["checkout", "-q", "-b", "work"]);
  repo.commit({ "a.txt": "mine\n" });
  repo.run(["checkout", "-q", "main"]);
  repo.commit({ "a.txt": "theirs\n" });
  repo.run(["checkout", "-q", "work"]);
  expect(() => repo.run(["rebase", "main"])).toThrow();
  const before = repo.run(["status", "--porcelain=v2"]);
  expect(await save(repo, repo.root, "work")).toEqual([`${prefix}/head`, `${prefix}/worktree`]);
  expect(show(repo, `${prefix}/worktree`, "a.txt")).toContain("<<<<<<<");
  expect(repo.run(["status", "--porcelain=v2"])).toBe(before);
  repo.run(["rebase", "--abort"]);
});

test("repositories inside and changed submodules are named in the message, all else is kept", async () => {
  await using inner = await gitRepository({ files: { "inner.txt": "a" } });
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  repo.run(["submodule", "--quiet", "add", inner.root, "sub"]);
  repo.commit({});
  repo.write("inner.txt", "changed", join(repo.root, "sub"));
  for (const name of ["nested [1]", "dir/empty"]) {
    mkdirSync(join(repo.root, name), { recursive: true });
    repo.run(["init", "-q"], join(repo.root, name));
  }
  repo.commit({ "n.txt": "n" }, { directory: join(repo.root, "nested [1]") });
  repo.write("dir/beside.txt", "b");
  repo.write("nested 1", "not the repository");
  await save(repo);
  const message = repo.run(["log", "-1", "--format=%B", `${prefix}/worktree`]);
  expect(message).toContain("  nested [1]/\n");
  expect(message).toContain("  dir/empty/\n");
  expect(message).toEndWith("  sub");
  expect(repo.run(["ls-tree", "-r", "--name-only", `${prefix}/worktree`]).split("\n")).toEqual([
    ".gitmodules",
    "a.txt",
    "dir/beside.txt",
    "nested 1",
    "sub",
  ]);
});

test("files that git was told not to look at are kept, in a sparse checkout too", async () => {
  await using repo = await gitRepository({ files: { "a/a.txt": "a", "b/b.txt": "b", "c.txt": "c" } });
  repo.run(["update-index", "--skip-worktree", "c.txt"]);
  repo.write("c.txt", "local");
  await save(repo);
  expect(show(repo, `${prefix}/worktree`, "c.txt")).toBe("local");
  expect(repo.run(["ls-files", "-v", "c.txt"])).toBe("S c.txt");
  repo.run(["update-index", "--no-skip-worktree", "c.txt"]);
  repo.run(["checkout", "-q", "."]);
  repo.run(["sparse-checkout", "set", "--cone", "a"]);
  repo.write("b/outside.txt", "outside of the cone");
  const [, , worktree = ""] = await save(repo);
  expect(show(repo, worktree, "b/b.txt")).toBe("b");
  expect(show(repo, worktree, "b/outside.txt")).toBe("outside of the cone");
});

test("neither hooks nor line-ending rules nor a missing identity stop it; bytes that are no text are kept", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  for (const name of ["pre-commit", "post-index-change", "reference-transaction"]) {
    writeFileSync(join(repo.root, ".git/hooks", name), `#!/bin/sh\ntouch ${repo.base}/hook-ran\nexit 1\n`, { mode: 0o755 });
  }
  repo.run(["config", "user.useConfigOnly", "true"]);
  repo.run(["config", "commit.gpgSign", "true"]);
  repo.run(["config", "core.autocrlf", "true"]);
  repo.run(["config", "core.safecrlf", "true"]);
  repo.write("lf.txt", "one\ntwo\n");
  const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x80]);
  writeFileSync(Buffer.concat([Buffer.from(`${repo.root}/name-`), Buffer.from([0xff])]), bytes);
  await save(repo);
  const names = Bun.spawnSync(["git", "ls-tree", "-r", "--name-only", "-z", `${prefix}/worktree`], {
    cwd: repo.root,
    env: repo.env,
  }).stdout;
  expect(Buffer.from(names).includes(Buffer.from([0x6e, 0x61, 0x6d, 0x65, 0x2d, 0xff, 0x00]))).toBe(true);
  expect(await Bun.file(join(repo.base, "hook-ran")).exists()).toBe(false);
});

test("what cannot be saved is an error, and then there is no ref", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  repo.run(["config", "filter.broken.clean", "false"]);
  repo.run(["config", "filter.broken.required", "true"]);
  repo.write(".gitattributes", "*.txt filter=broken\n");
  repo.write("new.txt", "n");
  await expect(save(repo)).rejects.toMatchObject({ kind: "machine", code: "git_failed" });
  expect(repo.run(["for-each-ref", "refs/wt"])).toBe("");
});

test("a branch's commits", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  repo.run(["branch", "work"]);
  const head = repo.run(["rev-parse", "work"]);
  const ref = await saveBranchRescue(repo.git, { root: repo.root, slug: "work", branch: "work", nowMs });
  expect(ref).toBe(`${prefix}/branch`);
  repo.run(["branch", "-q", "-D", "work"]);
  repo.run(["branch", "work", ref]);
  expect(repo.run(["rev-parse", "work"])).toBe(head);
  await expect(saveBranchRescue(repo.git, { root: repo.root, slug: "work", branch: "none", nowMs })).rejects.toMatchObject({
    code: "git_failed",
  });
});
