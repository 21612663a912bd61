import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gitRepository } from "../../test/support/git-repository.ts";
import { retryConfigLock } from "./config-lock.ts";
import { createGit } from "./git.ts";

test("a failure is git's own first sentence, with its exit code", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  await expect(repo.git.run(repo.root, ["rev-parse", "--verify", "nothing"])).rejects.toMatchObject({
    kind: "machine",
    code: "git_failed",
    message: "git rev-parse failed: Needed a single revision.",
    details: { code: 128 },
  });
  expect(await repo.git.run(repo.root, ["rev-parse", "-q", "--verify", "nothing"], { allow: [1] })).toBe("");
});

test("news on stderr before the error do not hide it", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  writeFileSync(join(repo.base, "file"), "");
  const failed = repo.git.run(repo.root, ["worktree", "add", join(repo.base, "file/below"), "-b", "x"]);
  await expect(failed).rejects.toMatchObject({
    code: "git_failed",
    message: expect.stringContaining("git worktree failed: could not create"),
  });
});

test("no git on the PATH is said as such", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  const git = createGit({ ...repo.env, PATH: repo.base });
  await expect(git.run(repo.root, ["status"])).rejects.toMatchObject({ kind: "machine", code: "git_missing" });
});

test("a missing directory is said as such, and so is a file in its place", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  for (const cwd of [join(repo.base, "gone"), join(repo.root, "a.txt")]) {
    await expect(repo.git.run(cwd, ["status"])).rejects.toMatchObject({ kind: "machine", code: "directory_missing" });
  }
});

test("GIT_* of the caller reaches git neither as repository nor as author", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  await using other = await gitRepository({ files: { "b.txt": "b" } });
  const git = createGit({
    ...repo.env,
    GIT_DIR: join(other.root, ".git"),
    GIT_WORK_TREE: other.root,
    GIT_INDEX_FILE: "/nowhere",
    GIT_PAGER: "false",
  });
  expect((await git.run(repo.root, ["rev-parse", "--show-toplevel"])).trim()).toBe(repo.root);
  expect(await git.run(repo.root, ["ls-files"])).toBe("a.txt\n");
});

test("a token in a URL does not get into the error", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  const failed = repo.git.run(repo.root, ["ls-remote", "https://user:hunter2@localhost:1/x.git"]);
  const error = await failed.catch((thrown) => thrown);
  expect(error.code).toBe("git_failed");
  expect(JSON.stringify([error.message, error.details])).not.toContain("hunter2");
});

test("an abort ends git, also while a hook of its holds the output open", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  const hook = join(repo.root, ".git/hooks/post-checkout");
  writeFileSync(hook, `#!/bin/sh\necho $$ > ${repo.base}/started.new; mv ${repo.base}/started.new ${repo.base}/started\nexec sleep 30\n`, {
    mode: 0o755,
  });
  const abort = new AbortController();
  const running = repo.git.run(repo.root, ["worktree", "add", "-b", "x", join(repo.base, "x")], { abort: abort.signal });
  const started = performance.now();
  while (!existsSync(join(repo.base, "started"))) await Bun.sleep(5);
  abort.abort(new Error("interrupted"));
  await expect(running).rejects.toThrow("interrupted");
  expect(performance.now() - started).toBeLessThan(10_000);
  process.kill(Number(readFileSync(join(repo.base, "started"), "utf8")), "SIGKILL");
});

test("the configuration's lock is waited for", async () => {
  await using repo = await gitRepository({ files: { "a.txt": "a" } });
  const lock = join(repo.root, ".git/config.lock");
  writeFileSync(lock, "");
  let attempts = 0;
  const written = retryConfigLock(() => {
    attempts++;
    if (attempts === 2) Bun.spawnSync(["rm", lock]);
    return repo.git.run(repo.root, ["config", "wt.test", "yes"]);
  });
  await written;
  expect(attempts).toBe(2);
  expect(repo.run(["config", "wt.test"])).toBe("yes");
  await expect(retryConfigLock(() => repo.git.run(repo.root, ["config", "bad key", "x"]))).rejects.toMatchObject({ code: "git_failed" });
});
