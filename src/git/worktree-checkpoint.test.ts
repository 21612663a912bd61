import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { gitRepository, type TestRepository } from "../../test/support/git-repository.ts";
import { type CheckpointPlace, diffCheckpoint, dropCheckpointRefs, restoreWorktree, saveCheckpoint } from "./worktree-checkpoint.ts";

type Work = TestRepository & { place: string };

async function withWork(): Promise<Work> {
  const repo = await gitRepository({ files: { "a.txt": "a\n", "b.txt": "b\n", "gone.txt": "g\n", ".gitignore": "ignored\n.env\n" } });
  const place = join(repo.base, "work");
  repo.run(["worktree", "add", "-q", "-b", "work", place]);
  return Object.assign(repo, { place });
}

const placeOf = (repo: Work, id = "one", { ignored = false, except = [] as string[] } = {}): CheckpointPlace => ({
  root: repo.root,
  path: repo.place,
  environmentId: "e1",
  id,
  scope: { ignored, except },
});
const save = (repo: Work, place = placeOf(repo)) =>
  saveCheckpoint(repo.git, place, { slug: "work", branch: "work", nowMs: Date.parse("2026-01-02T03:04:05Z") });
const status = (repo: Work) => repo.run(["status", "--porcelain=v2", "-uall"], repo.place);
const read = (repo: Work, path: string) => readFileSync(join(repo.place, path), "utf8");

function mess(repo: Work): void {
  repo.write("a.txt", "staged\n", repo.place);
  repo.run(["add", "a.txt"], repo.place);
  repo.write("a.txt", "unstaged\n", repo.place);
  repo.run(["rm", "-q", "gone.txt"], repo.place);
  repo.write("new/日本\n.txt", "untracked\n", repo.place);
  repo.write("run.sh", "#!/bin/sh\n", repo.place);
  chmodSync(join(repo.place, "run.sh"), 0o755);
  symlinkSync("a.txt", join(repo.place, "link"));
  repo.write("ignored", "old\n", repo.place);
}

describe("a checkpoint", () => {
  test("brings back staged, unstaged, deleted and untracked files, and changes neither index nor stash when it is made", async () => {
    await using repo = await withWork();
    mess(repo);
    repo.write("stashed.txt", "s", repo.place);
    repo.run(["stash", "push", "-q", "-u", "--", "stashed.txt"], repo.place);
    const before = { status: status(repo), staged: repo.run(["diff", "--cached"], repo.place), unstaged: repo.run(["diff"], repo.place) };
    const index = readFileSync(join(repo.root, ".git/worktrees/work/index"));
    await save(repo);
    expect(readFileSync(join(repo.root, ".git/worktrees/work/index")).equals(index)).toBe(true);
    expect(repo.run(["stash", "list"], repo.place).split("\n")).toHaveLength(1);
    repo.run(["reset", "-q", "--hard"], repo.place);
    repo.run(["clean", "-fdq"], repo.place);
    repo.write("later.txt", "made since\n", repo.place);
    repo.write("b.txt", "changed since\n", repo.place);
    repo.write("ignored", "newer\n", repo.place);
    await restoreWorktree(repo.git, placeOf(repo));
    expect({ status: status(repo), staged: repo.run(["diff", "--cached"], repo.place), unstaged: repo.run(["diff"], repo.place) }).toEqual(
      before,
    );
    expect(existsSync(join(repo.place, "later.txt"))).toBe(false);
    expect(statSync(join(repo.place, "run.sh")).mode & 0o111).toBe(0o111);
    expect(read(repo, "ignored")).toBe("newer\n");
    await restoreWorktree(repo.git, placeOf(repo));
    expect(status(repo)).toBe(before.status);
  });

  test("commits made since stay; what they changed shows as changes", async () => {
    await using repo = await withWork();
    mess(repo);
    await save(repo);
    repo.run(["add", "-A"], repo.place);
    repo.run(["commit", "-qm", "all of it"], repo.place);
    const head = repo.run(["rev-parse", "HEAD"], repo.place);
    repo.write("a.txt", "after\n", repo.place);
    await restoreWorktree(repo.git, placeOf(repo));
    expect(repo.run(["rev-parse", "HEAD"], repo.place)).toBe(head);
    expect(repo.run(["branch", "--show-current"], repo.place)).toBe("work");
    expect(read(repo, "a.txt")).toBe("unstaged\n");
  });

  test("with ignored files brings back their content, and what was closed to others stays closed", async () => {
    await using repo = await withWork();
    repo.write(".env", "SECRET=1\n", repo.place);
    chmodSync(join(repo.place, ".env"), 0o600);
    await save(repo, placeOf(repo, "one", { ignored: true }));
    repo.write(".env", "SECRET=2\n", repo.place);
    await restoreWorktree(repo.git, placeOf(repo, "one", { ignored: true }));
    expect(read(repo, ".env")).toBe("SECRET=1\n");
    expect(statSync(join(repo.place, ".env")).mode & 0o777).toBe(0o600);
    expect(status(repo)).toBe("");
  });

  test("leaves out what belongs to somebody else", async () => {
    await using repo = await withWork();
    repo.write("data/app.db", "1", repo.place);
    await save(repo, placeOf(repo, "one", { except: ["data/app.db"] }));
    repo.write("data/app.db", "2", repo.place);
    repo.write("x", "x", repo.place);
    await restoreWorktree(repo.git, placeOf(repo, "one", { except: ["data/app.db"] }));
    expect(read(repo, "data/app.db")).toBe("2");
    expect(existsSync(join(repo.place, "x"))).toBe(false);
  });

  test("a file that git ignores by now is never overwritten: nothing changes", async () => {
    await using repo = await withWork();
    repo.write("new.log", "from the checkpoint\n", repo.place);
    await save(repo);
    rmSync(join(repo.place, "new.log"));
    repo.write("b.txt", "b2\n", repo.place);
    repo.write(".gitignore", "ignored\n.env\n*.log\n", repo.place);
    repo.write("new.log", "precious\n", repo.place);
    await expect(restoreWorktree(repo.git, placeOf(repo))).rejects.toMatchObject({ code: "file_in_the_way" });
    expect(read(repo, "new.log")).toBe("precious\n");
    expect(read(repo, "b.txt")).toBe("b2\n");
    rmSync(join(repo.place, "new.log"));
    repo.write("new.log/inside", "precious too\n", repo.place);
    await expect(restoreWorktree(repo.git, placeOf(repo))).rejects.toMatchObject({ code: "file_in_the_way" });
    expect(read(repo, "new.log/inside")).toBe("precious too\n");
  });

  test("in a conflict, on an unborn branch, beside a repository of somebody else's", async () => {
    await using repo = await withWork();
    repo.commit({ "a.txt": "mine\n" }, { directory: repo.place });
    repo.commit({ "a.txt": "theirs\n" });
    expect(() => repo.run(["merge", "main"], repo.place)).toThrow();
    repo.write("a.txt", "half solved\n", repo.place);
    mkdirSync(join(repo.place, "nested"));
    repo.run(["init", "-q"], join(repo.place, "nested"));
    repo.write("nested/file", "n", repo.place);
    await save(repo);
    repo.write("a.txt", "ruined\n", repo.place);
    await restoreWorktree(repo.git, placeOf(repo));
    expect(read(repo, "a.txt")).toBe("half solved\n");
    expect(read(repo, "nested/file")).toBe("n");
    repo.run(["merge", "--abort"], repo.place);
    repo.run(["checkout", "-q", "--orphan", "empty"], repo.place);
    repo.run(["rm", "-rfq", "--cached", "."], repo.place);
    await save(repo, placeOf(repo, "two"));
    repo.write("more", "m", repo.place);
    await restoreWorktree(repo.git, placeOf(repo, "two"));
    expect(existsSync(join(repo.place, "more"))).toBe(false);
    expect(repo.run(["ls-files"], repo.place)).toBe("");
  });

  test("tells what became of the files since, and goes with its refs", async () => {
    await using repo = await withWork();
    await save(repo);
    expect((await diffCheckpoint(repo.git, placeOf(repo))).files).toEqual([]);
    repo.write("new", "n\n", repo.place);
    repo.write("a.txt", "a2\n", repo.place);
    rmSync(join(repo.place, "b.txt"));
    const difference = await diffCheckpoint(repo.git, placeOf(repo));
    expect(difference.files).toEqual([
      { status: "changed", path: "a.txt" },
      { status: "removed", path: "b.txt" },
      { status: "added", path: "new" },
    ]);
    expect(difference.patch).toContain("-a\n+a2\n");
    await dropCheckpointRefs(repo.git, placeOf(repo));
    expect(repo.run(["for-each-ref", "refs/wt"])).toBe("");
  });
});
