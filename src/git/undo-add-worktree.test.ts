import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gitRepository, type TestRepository } from "../../test/support/git-repository.ts";
import { planBranch } from "./branches.ts";
import { addWorktree, undoAddWorktree } from "./worktrees.ts";

const files = { "a.txt": "a\n", "dir/run.sh": "#!/bin/sh\n" };

async function add(repo: TestRepository, branch: string, path = join(repo.base, "trees", branch.replaceAll("/", "-"))): Promise<string> {
  const plan = await planBranch(repo.git, { root: repo.root, branch, from: null });
  await addWorktree(repo.git, { root: repo.root, path, branch: plan.branch, plan });
  return path;
}

const registrations = (repo: TestRepository) => {
  const folder = join(repo.root, repo.root.endsWith(".git") ? "worktrees" : ".git/worktrees");
  return existsSync(folder) ? readdirSync(folder).sort() : [];
};
const branches = (repo: TestRepository) => repo.run(["for-each-ref", "--format=%(refname:short)", "refs/heads"]).split("\n");

describe("undoAddWorktree", () => {
  const undo = (repo: TestRepository, path: string, createdBranchAt: string | null) =>
    undoAddWorktree(repo.git, { root: repo.root, path, branch: "x", createdBranchAt });

  test("takes a whole worktree and its branch; again is fine; a branch that was there before stays", async () => {
    await using repo = await gitRepository({ files });
    const head = repo.run(["rev-parse", "HEAD"]);
    const place = await add(repo, "x");
    await undo(repo, place, head);
    await undo(repo, place, head);
    expect(branches(repo)).toEqual(["main"]);
    expect(readdirSync(dirname(place))).toEqual([]);
    repo.run(["branch", "x"]);
    await add(repo, "x");
    await undo(repo, place, null);
    expect(branches(repo)).toEqual(["main", "x"]);
    expect(registrations(repo)).toEqual([]);
  });

  test("ignored files that setup made go with it", async () => {
    await using repo = await gitRepository({ files: { ...files, ".gitignore": "node_modules\n" } });
    const place = await add(repo, "x");
    repo.write("node_modules/x/index.js", "", place);
    await undo(repo, place, repo.run(["rev-parse", "HEAD"]));
    expect(existsSync(place)).toBe(false);
  });

  test("what the user did meanwhile is left and reported", async () => {
    await using repo = await gitRepository({ files });
    const head = repo.run(["rev-parse", "HEAD"]);
    const place = await add(repo, "x");
    repo.write("new.txt", "n", place);
    await expect(undo(repo, place, head)).rejects.toMatchObject({
      kind: "refused",
      code: "worktree_has_changes",
      details: { changes: ["new.txt"] },
    });
    repo.commit({}, { directory: place });
    await expect(undo(repo, place, head)).rejects.toMatchObject({ kind: "refused", code: "branch_has_commits" });
    repo.run(["checkout", "-q", "--detach"], place);
    repo.commit({ "more.txt": "m" }, { directory: place });
    await expect(undo(repo, place, null)).rejects.toMatchObject({ code: "worktree_has_changes", details: { changes: ["HEAD"] } });
    repo.run(["switch", "-q", "-c", "y"], place);
    await expect(undo(repo, place, null)).rejects.toMatchObject({ code: "worktree_has_changes", details: { changes: ["HEAD"] } });
    repo.run(["worktree", "lock", place]);
    await expect(undo(repo, place, head)).rejects.toMatchObject({ code: "worktree_locked" });
    expect(existsSync(join(place, "new.txt"))).toBe(true);
    expect(branches(repo)).toEqual(["main", "x", "y"]);
  });

  test("a directory that is not ours is passed by, and the branch still goes", async () => {
    await using repo = await gitRepository({ files });
    repo.run(["branch", "x"]);
    repo.write("keep", "k", join(repo.base, "trees/x"));
    await undo(repo, join(repo.base, "trees/x"), repo.run(["rev-parse", "HEAD"]));
    expect(existsSync(join(repo.base, "trees/x/keep"))).toBe(true);
    expect(branches(repo)).toEqual(["main"]);
  });

  test("what is left of someone else's worktree at this path is not ours to drop", async () => {
    await using repo = await gitRepository({ files });
    const place = await add(repo, "theirs", join(repo.base, "trees/x"));
    rmSync(place, { recursive: true });
    repo.run(["branch", "x"]);
    await undo(repo, place, repo.run(["rev-parse", "HEAD"]));
    expect(registrations(repo)).toEqual(["x"]);
    expect(branches(repo)).toEqual(["main", "theirs"]);
  });

  test("a branch that is checked out elsewhere meanwhile stays", async () => {
    await using repo = await gitRepository({ files });
    repo.run(["worktree", "add", "-q", "-b", "x", join(repo.base, "theirs")]);
    await expect(undo(repo, join(repo.base, "trees/x"), repo.run(["rev-parse", "HEAD"]))).rejects.toMatchObject({
      code: "branch_checked_out",
    });
  });

  /** The state right after git wrote the registration, as it is while the checkout runs. */
  async function halfMade(repo: TestRepository): Promise<{ place: string; admin: string; head: string }> {
    const place = await add(repo, "x");
    const admin = join(repo.root, ".git/worktrees/x");
    writeFileSync(join(admin, "locked"), "initializing");
    rmSync(join(admin, "index"));
    writeFileSync(join(admin, "index.lock"), "");
    rmSync(join(place, "dir"), { recursive: true });
    writeFileSync(join(place, "a.txt"), "");
    return { place, admin, head: repo.run(["rev-parse", "HEAD"]) };
  }

  test("a checkout that was cut off: no index, files missing, one half written", async () => {
    await using repo = await gitRepository({ files });
    const { place, head } = await halfMade(repo);
    await undo(repo, place, head);
    expect(existsSync(place)).toBe(false);
    expect(registrations(repo)).toEqual([]);
    expect(branches(repo)).toEqual(["main"]);
  });

  test("a checkout that was cut off and then worked in is left", async () => {
    await using repo = await gitRepository({ files });
    const { place, head } = await halfMade(repo);
    writeFileSync(join(place, "a.txt"), "changed\n");
    await expect(undo(repo, place, head)).rejects.toMatchObject({ code: "worktree_has_changes", details: { changes: ["a.txt"] } });
    writeFileSync(join(place, "a.txt"), "a\n");
    writeFileSync(join(place, "new.txt"), "");
    await expect(undo(repo, place, head)).rejects.toMatchObject({ code: "worktree_has_changes", details: { changes: ["new.txt"] } });
    expect(existsSync(place)).toBe(true);
  });

  test("every earlier instant of git worktree add", async () => {
    await using repo = await gitRepository({ files });
    const head = repo.run(["rev-parse", "HEAD"]);
    const place = join(repo.base, "trees/x");
    const admin = join(repo.root, ".git/worktrees/x");
    const instants: (() => void)[] = [
      () => repo.run(["branch", "x"]),
      () => mkdirSync(admin, { recursive: true }),
      () => writeFileSync(join(admin, "locked"), "initializing"),
      () => mkdirSync(place, { recursive: true }),
      () => writeFileSync(join(admin, "gitdir"), `${join(place, ".git")}\n`),
      () => writeFileSync(join(place, ".git"), `gitdir: ${admin}\n`),
      () => writeFileSync(join(admin, "HEAD"), `${"0".repeat(40)}\n`),
      () => writeFileSync(join(admin, "commondir"), "../..\n"),
      () => writeFileSync(join(admin, "HEAD"), "ref: refs/heads/x\n"),
    ];
    for (let reached = 0; reached <= instants.length; reached++) {
      for (const instant of instants.slice(0, reached)) instant();
      // Once the two seconds are waited for; the other time they are over.
      if (reached === 4) utimesSync(admin, 1, 1);
      await undo(repo, place, head);
      expect(branches(repo)).toEqual(["main"]);
      expect(existsSync(place)).toBe(false);
      // A bare directory without a lock is no proof of anything, and git itself prunes it.
      if (reached !== 2) expect(registrations(repo)).toEqual([]);
      else rmSync(join(repo.root, ".git/worktrees"), { recursive: true });
    }
  }, 20_000);

  test("a real git worktree add, killed in its middle, and one that outlives the crash", async () => {
    await using repo = await gitRepository({ files });
    // A smudge filter that waits holds the checkout at its first file.
    repo.commit({ ".gitattributes": "*.txt filter=slow\n", "z.txt": "z" });
    const gate = join(repo.base, "gate");
    const pidFile = join(repo.base, "pid");
    repo.run([
      "config",
      "filter.slow.smudge",
      `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; while [ ! -e ${gate} ]; do sleep 0.02; done; cat`,
    ]);
    const head = repo.run(["rev-parse", "HEAD"]);
    const place = join(repo.base, "trees/x");
    const started = async () => {
      const child = Bun.spawn(["git", "worktree", "add", "-q", "-b", "x", place], {
        cwd: repo.root,
        env: repo.env,
        stdout: "ignore",
        stderr: "ignore",
      });
      while (!existsSync(pidFile)) await Bun.sleep(5);
      return child;
    };
    const child = await started();
    child.kill("SIGKILL");
    await child.exited;
    const undone = undo(repo, place, head);
    // Its `git reset --hard` is still there, so the undo waits for it.
    expect(await Promise.race([undone.then(() => "undone"), Bun.sleep(200).then(() => "waiting")])).toBe("waiting");
    writeFileSync(gate, "");
    await undone;
    expect(existsSync(place)).toBe(false);
    expect(registrations(repo)).toEqual([]);
    expect(branches(repo)).toEqual(["main"]);
  }, 20_000);
});
