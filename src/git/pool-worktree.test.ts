import { describe, expect, test } from "bun:test";
import { existsSync, renameSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { gitRepository } from "../../test/support/git-repository.ts";
import { addDetachedWorktree, finishMove, isLocked, moveWorktree, readStatusText } from "./pool-worktree.ts";

async function withWorktree() {
  const repository = await gitRepository({ files: { "lock.txt": "1\n", ".gitignore": "deps\n" } });
  const commit = repository.run(["rev-parse", "HEAD"]);
  const path = join(repository.base, "member");
  await addDetachedWorktree(repository.git, { root: repository.root, path, commit });
  return { repository, path, to: join(repository.base, "claimed") };
}

describe("the text of a worktree's status", () => {
  test("stays the same while nobody changes a file that git sees", async () => {
    const { repository, path } = await withWorktree();
    await using _ = repository;
    repository.write("lock.txt", "2\n", path);
    const before = await readStatusText(repository.git, path);
    repository.write("deps/a.txt", "ignored\n", path);
    expect(await readStatusText(repository.git, path)).toBe(before);
  });

  test("differs when what was changed already is changed once more, to the same length too", async () => {
    const { repository, path } = await withWorktree();
    await using _ = repository;
    repository.write("lock.txt", "2\n", path);
    const before = await readStatusText(repository.git, path);
    repository.write("lock.txt", "3\n", path);
    utimesSync(join(path, "lock.txt"), 1, 1);
    expect(await readStatusText(repository.git, path)).not.toBe(before);
  });

  test("differs when a file comes into a directory that git knows nothing of", async () => {
    const { repository, path } = await withWorktree();
    await using _ = repository;
    repository.write("made/one.txt", "by setup\n", path);
    const before = await readStatusText(repository.git, path);
    repository.write("made/two.txt", "by a person\n", path);
    expect(await readStatusText(repository.git, path)).not.toBe(before);
  });
});

test("a worktree that somebody locked is known by it", async () => {
  const { repository, path } = await withWorktree();
  await using _ = repository;
  expect(await isLocked(path)).toBe(false);
  repository.run(["worktree", "lock", path]);
  expect(await isLocked(path)).toBe(true);
});

describe("a move that a crash cut off after the directory went", () => {
  for (const [name, finish] of [
    ["is carried to its end", finishMove],
    ["is no obstacle to the same move", moveWorktree],
  ] as const) {
    test(name, async () => {
      const { repository, path, to } = await withWorktree();
      await using _ = repository;
      renameSync(path, to);
      await finish(repository.git, { root: repository.root, from: path, to });
      const listed = repository.run(["worktree", "list", "--porcelain"]);
      expect(listed).toContain(`worktree ${to}\n`);
      expect(listed).not.toContain(`worktree ${path}\n`);
    });
  }

  test("one that has not begun is left", async () => {
    const { repository, path, to } = await withWorktree();
    await using _ = repository;
    expect(await finishMove(repository.git, { root: repository.root, from: path, to })).toBe(false);
    expect(existsSync(to)).toBe(false);
    expect(repository.run(["worktree", "list", "--porcelain"])).toContain(`worktree ${path}\n`);
  });
});
