import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gitRepository, type TestRepository } from "../../test/support/git-repository.ts";
import { type BranchPlan, planBranch } from "./branches.ts";
import type { Git } from "./git.ts";
import { addWorktree, listWorktrees, removeWorktree } from "./worktrees.ts";

const files = { "a.txt": "a\n", "dir/run.sh": "#!/bin/sh\n" };

async function add(repo: TestRepository, branch: string, path = join(repo.base, "trees", branch.replaceAll("/", "-"))): Promise<string> {
  const plan = await planBranch(repo.git, { root: repo.root, branch, from: null });
  await addWorktree(repo.git, { root: repo.root, path, branch: plan.branch, plan });
  return path;
}

const remove = (repo: TestRepository, path: string, trash = join(repo.base, "trash")) =>
  removeWorktree(repo.git, { root: repo.root, path, trash });
const registrations = (repo: TestRepository) => {
  const folder = join(repo.root, repo.root.endsWith(".git") ? "worktrees" : ".git/worktrees");
  return existsSync(folder) ? readdirSync(folder).sort() : [];
};
const branches = (repo: TestRepository) => repo.run(["for-each-ref", "--format=%(refname:short)", "refs/heads"]).split("\n");

describe("addWorktree", () => {
  test("a new, a local and a remote branch", async () => {
    await using repo = await gitRepository({ files });
    repo.run(["branch", "local"]);
    repo.run(["remote", "add", "origin", "https://localhost/x.git"]);
    repo.run(["update-ref", "refs/remotes/origin/far/away", "HEAD"]);
    repo.run(["config", "branch.autoSetupMerge", "always"]);
    const fresh = await add(repo, "größe/Neu.v1");
    expect(readFileSync(join(fresh, "a.txt"), "utf8")).toBe("a\n");
    expect(repo.run(["symbolic-ref", "HEAD"], fresh)).toBe("refs/heads/größe/Neu.v1");
    expect(() => repo.run(["config", "branch.größe/Neu.v1.merge"])).toThrow();
    expect(repo.run(["symbolic-ref", "HEAD"], await add(repo, "local"))).toBe("refs/heads/local");
    const far = await add(repo, "origin/far/away", join(repo.base, "trees/far"));
    expect(repo.run(["rev-parse", "--abbrev-ref", "HEAD@{upstream}"], far)).toBe("origin/far/away");
    expect(repo.run(["symbolic-ref", "HEAD"], far)).toBe("refs/heads/far/away");
  });

  test("in a bare repository, at a path with spaces, through a symbolic link, into an empty directory", async () => {
    await using repo = await gitRepository({ files, bare: true });
    mkdirSync(join(repo.base, "real trees/empty"), { recursive: true });
    symlinkSync(join(repo.base, "real trees"), join(repo.base, "link"));
    await add(repo, "one", join(repo.base, "link/with space"));
    await add(repo, "two", join(repo.base, "link/empty"));
    const paths = (await listWorktrees(repo.git, repo.root)).map((it) => it.path);
    expect(paths).toEqual(
      [repo.root, join(repo.base, "real trees/empty"), join(repo.base, "real trees/with space")].sort((a) => (a === repo.root ? -1 : 0)),
    );
  });

  test("a path that is taken: a file, a directory with something in it, a dangling link", async () => {
    await using repo = await gitRepository({ files });
    writeFileSync(join(repo.base, "file"), "keep");
    mkdirSync(join(repo.base, "full"));
    writeFileSync(join(repo.base, "full/keep"), "keep");
    symlinkSync("/nowhere", join(repo.base, "dangling"));
    for (const name of ["file", "full", "dangling"]) {
      await expect(add(repo, "x", join(repo.base, name))).rejects.toMatchObject({
        kind: "refused",
        code: "path_exists",
        details: { path: join(repo.base, name) },
      });
    }
    expect(readFileSync(join(repo.base, "full/keep"), "utf8")).toBe("keep");
    expect(branches(repo)).toEqual(["main"]);
    expect(registrations(repo)).toEqual([]);
  });

  test("a parent that cannot be made", async () => {
    await using repo = await gitRepository({ files });
    writeFileSync(join(repo.base, "file"), "");
    await expect(add(repo, "x", join(repo.base, "file/x"))).rejects.toMatchObject({ kind: "machine", code: "directory_unusable" });
    await expect(add(repo, "x", "/proc/nothing/x")).rejects.toMatchObject({ kind: "machine", code: "directory_unusable" });
    expect(branches(repo)).toEqual(["main"]);
  });

  test.skipIf(process.getuid?.() === 0)("a read-only parent (permissions do not bind root)", async () => {
    await using repo = await gitRepository({ files });
    mkdirSync(join(repo.base, "closed"), { mode: 0o500 });
    await expect(add(repo, "x", join(repo.base, "closed/trees/x"))).rejects.toMatchObject({ kind: "machine", code: "directory_unusable" });
    await expect(add(repo, "x", join(repo.base, "closed/x"))).rejects.toMatchObject({ kind: "machine" });
    expect(branches(repo)).toEqual(["main"]);
    expect(registrations(repo)).toEqual([]);
  });

  test("a branch that is checked out meanwhile, or made meanwhile, belongs to whoever did it", async () => {
    await using repo = await gitRepository({ files });
    repo.run(["branch", "x"]);
    const local = await planBranch(repo.git, { root: repo.root, branch: "x", from: null });
    const fresh = await planBranch(repo.git, { root: repo.root, branch: "y", from: null });
    repo.run(["worktree", "add", "-q", join(repo.base, "theirs"), "x"]);
    repo.run(["branch", "y"]);
    const place = join(repo.base, "trees/mine");
    await expect(addWorktree(repo.git, { root: repo.root, path: place, branch: "x", plan: local })).rejects.toMatchObject({
      kind: "refused",
      code: "branch_checked_out",
      details: { path: join(repo.base, "theirs") },
    });
    await expect(addWorktree(repo.git, { root: repo.root, path: place, branch: "y", plan: fresh })).rejects.toMatchObject({
      code: "branch_exists",
    });
    expect(branches(repo)).toEqual(["main", "x", "y"]);
    expect(registrations(repo)).toEqual(["theirs"]);
    expect(existsSync(dirname(place))).toBe(false);
  });

  test("a checkout that fails leaves no branch, no directory, no parent", async () => {
    await using repo = await gitRepository({ files });
    repo.commit({ ".gitattributes": "a.txt filter=broken\n" });
    repo.run(["config", "filter.broken.smudge", "false"]);
    repo.run(["config", "filter.broken.required", "true"]);
    await expect(add(repo, "x", join(repo.base, "new/parents/x"))).rejects.toMatchObject({ kind: "machine", code: "git_failed" });
    expect(branches(repo)).toEqual(["main"]);
    expect(registrations(repo)).toEqual([]);
    expect(existsSync(join(repo.base, "new"))).toBe(false);
  });

  test("a registered worktree whose directory is gone, locked or not", async () => {
    await using repo = await gitRepository({ files });
    const place = await add(repo, "x");
    rmSync(place, { recursive: true });
    await expect(add(repo, "y", place)).rejects.toMatchObject({ kind: "refused", code: "worktree_missing" });
    repo.run(["worktree", "lock", place]);
    await expect(add(repo, "y", place)).rejects.toMatchObject({
      code: "worktree_missing",
      hints: [`git worktree unlock ${place}`, expect.any(String)],
    });
    expect(branches(repo)).toEqual(["main", "x"]);
    expect(registrations(repo)).toEqual(["x"]);
  });

  test("an abort leaves nothing", async () => {
    await using repo = await gitRepository({ files });
    const hook = join(repo.root, ".git/hooks/post-checkout");
    writeFileSync(hook, `#!/bin/sh\necho $$ > ${repo.base}/pid.new; mv ${repo.base}/pid.new ${repo.base}/pid\nexec sleep 30\n`, {
      mode: 0o755,
    });
    const abort = new AbortController();
    const plan = await planBranch(repo.git, { root: repo.root, branch: "x", from: null });
    const path = join(repo.base, "trees/x");
    const running = addWorktree(repo.git, { root: repo.root, path, branch: "x", plan, abort: abort.signal });
    while (!existsSync(join(repo.base, "pid"))) await Bun.sleep(5);
    abort.abort(new Error("interrupted"));
    await expect(running).rejects.toThrow("interrupted");
    process.kill(Number(readFileSync(join(repo.base, "pid"), "utf8")), "SIGKILL");
    expect(branches(repo)).toEqual(["main"]);
    expect(registrations(repo)).toEqual([]);
    expect(existsSync(join(repo.base, "trees"))).toBe(false);
  });

  test("twenty at once, tracking remote branches, do not trip over each other", async () => {
    await using repo = await gitRepository({ files });
    repo.run(["remote", "add", "origin", "https://localhost/x.git"]);
    const names = Array.from({ length: 20 }, (_, index) => `b${index}`);
    for (const name of names) repo.run(["update-ref", `refs/remotes/origin/${name}`, "HEAD"]);
    await Promise.all(names.map((name) => add(repo, name)));
    const list = await listWorktrees(repo.git, repo.root);
    expect(list.map((it) => it.branch).sort()).toEqual(["main", ...names].sort());
    for (const name of names) expect(repo.run(["rev-parse", "--abbrev-ref", `${name}@{upstream}`])).toBe(`origin/${name}`);
  });
});

describe("listWorktrees", () => {
  test("main first; locked, missing, detached; the same without -z", async () => {
    await using repo = await gitRepository({ files });
    const head = repo.run(["rev-parse", "HEAD"]);
    const locked = await add(repo, "locked");
    repo.run(["worktree", "lock", "--reason", "on a stick", locked]);
    const gone = await add(repo, "gone");
    rmSync(gone, { recursive: true });
    const detached = join(repo.base, "trees/detached");
    repo.run(["worktree", "add", "-q", "--detach", detached]);
    const list = await listWorktrees(repo.git, join(repo.root, "dir"));
    const plain = { head, main: false, bare: false, locked: null, prunable: null, exists: true };
    expect(list[0]).toEqual({ ...plain, path: repo.root, branch: "main", main: true });
    expect(list.find((it) => it.path === locked)).toEqual({ ...plain, path: locked, branch: "locked", locked: "on a stick" });
    expect(list.find((it) => it.path === gone)).toMatchObject({ branch: "gone", exists: false, prunable: expect.any(String) });
    expect(list.find((it) => it.path === detached)).toMatchObject({ branch: null, head });
    const old: Git = {
      run: (cwd, args, options) => repo.git.run(cwd, args.includes("-z") ? ["worktree", "list", "--no-such-option"] : args, options),
    };
    expect(await listWorktrees(old, repo.root)).toEqual(list);
  });

  test("a repository without commits and a bare one", async () => {
    await using empty = await gitRepository();
    expect(await listWorktrees(empty.git, empty.root)).toMatchObject([{ head: null, branch: "main", main: true }]);
    await using bare = await gitRepository({ files, bare: true });
    expect(await listWorktrees(bare.git, bare.root)).toMatchObject([{ path: bare.root, head: null, branch: null, bare: true, main: true }]);
  });
});

describe("removeWorktree", () => {
  test("moves the directory to the trash, drops the registration, keeps the branch; again is fine", async () => {
    await using repo = await gitRepository({ files });
    const place = await add(repo, "x");
    writeFileSync(join(place, "untracked"), "precious");
    await remove(repo, place);
    expect(existsSync(place)).toBe(false);
    expect(registrations(repo)).toEqual([]);
    expect(branches(repo)).toEqual(["main", "x"]);
    const trashed = readdirSync(join(repo.base, "trash")).map((name) => join(repo.base, "trash", name));
    expect(trashed.some((path) => existsSync(join(path, "untracked")))).toBe(true);
    expect(trashed.some((path) => existsSync(join(path, "gitdir")))).toBe(true);
    await remove(repo, place);
    await add(repo, "x", place);
  });

  test("a trash on another file system", async () => {
    await using repo = await gitRepository({ files });
    const place = await add(repo, "x");
    const elsewhere = ["/dev/shm", "/run", "/var/tmp"].find((path) => existsSync(path) && lstatSync(path).dev !== lstatSync(repo.base).dev);
    if (!elsewhere) return;
    const trash = join(elsewhere, `wt-trash-${crypto.randomUUID()}`);
    try {
      await remove(repo, place, trash);
      expect(readdirSync(dirname(place))).toEqual([]);
      expect(registrations(repo)).toEqual([]);
      expect(readdirSync(join(repo.root, ".git")).filter((name) => name.startsWith("wt-removed"))).toEqual([]);
    } finally {
      rmSync(trash, { recursive: true, force: true });
    }
  });

  test("paths that are written relative to each other, as newer gits do", async () => {
    await using repo = await gitRepository({ files });
    const place = await add(repo, "x");
    writeFileSync(join(place, ".git"), "gitdir: ../../repo/.git/worktrees/x\n");
    writeFileSync(join(repo.root, ".git/worktrees/x/gitdir"), "../../../../trees/x/.git\n");
    await remove(repo, place);
    expect(existsSync(place)).toBe(false);
    expect(registrations(repo)).toEqual([]);
  });

  test("a removal that was interrupted after its rename is carried on", async () => {
    await using repo = await gitRepository({ files });
    const place = await add(repo, "x");
    renameSync(place, join(dirname(place), ".x.wt-removed"));
    await remove(repo, place);
    expect(readdirSync(dirname(place))).toEqual([]);
    expect(registrations(repo)).toEqual([]);
  });

  test("a missing directory is fine and no bystander is dropped with it (worktrunk#3650)", async () => {
    await using repo = await gitRepository({ files });
    const place = await add(repo, "x");
    const bystander = await add(repo, "bystander");
    rmSync(place, { recursive: true });
    renameSync(bystander, `${bystander}.unplugged`);
    await remove(repo, place);
    expect(registrations(repo)).toEqual(["bystander"]);
    renameSync(`${bystander}.unplugged`, bystander);
    expect(repo.run(["status", "--porcelain"], bystander)).toBe("");
  });

  test("a locked one is refused with its reason, missing or not (worktrunk#3645)", async () => {
    await using repo = await gitRepository({ files });
    const place = await add(repo, "x");
    repo.run(["worktree", "lock", "--reason", "on a stick.", place]);
    const locked = { kind: "refused", code: "worktree_locked", message: `The worktree ${place} is locked: on a stick.` };
    await expect(remove(repo, place)).rejects.toMatchObject(locked);
    renameSync(place, `${place}.away`);
    await expect(remove(repo, place)).rejects.toMatchObject(locked);
    expect(registrations(repo)).toEqual(["x"]);
  });

  test("a live worktree that was moved onto another's path is not removed (worktrunk#3808)", async () => {
    await using repo = await gitRepository({ files });
    const stale = await add(repo, "stale");
    const live = await add(repo, "live");
    rmSync(stale, { recursive: true });
    renameSync(live, stale);
    writeFileSync(join(stale, "precious"), "work");
    await expect(remove(repo, stale)).rejects.toMatchObject({ kind: "refused", code: "worktree_unproven" });
    expect(readFileSync(join(stale, "precious"), "utf8")).toBe("work");
    expect(registrations(repo)).toEqual(["live", "stale"]);
  });

  test("two registrations that claim one path: the directory's own goes, the other stays for git to prune", async () => {
    await using repo = await gitRepository({ files });
    const stale = await add(repo, "stale");
    const live = await add(repo, "live");
    rmSync(stale, { recursive: true });
    renameSync(live, stale);
    repo.run(["worktree", "repair", stale]);
    await remove(repo, stale);
    expect(existsSync(stale)).toBe(false);
    expect(registrations(repo)).toEqual(["stale"]);
  });

  test("a .git file that is gone, points to nothing or to another repository proves nothing", async () => {
    await using repo = await gitRepository({ files });
    await using other = await gitRepository({ files });
    const place = await add(repo, "x");
    const foreign = await add(other, "x");
    const refused = { kind: "refused", code: "worktree_unproven" };
    for (const content of [null, "nonsense\n", "gitdir: /nowhere\n", `gitdir: ${join(other.root, ".git/worktrees/x")}\n`]) {
      rmSync(join(place, ".git"));
      if (content === null) expect(remove(repo, place)).rejects.toMatchObject(refused);
      else writeFileSync(join(place, ".git"), content);
      await expect(remove(repo, place)).rejects.toMatchObject(refused);
      if (content === null) writeFileSync(join(place, ".git"), "");
    }
    await expect(remove(repo, foreign)).rejects.toMatchObject(refused);
    expect(existsSync(join(place, "a.txt"))).toBe(true);
    expect(existsSync(join(foreign, "a.txt"))).toBe(true);
  });

  test("never main, never a directory around the repository, never what is no worktree", async () => {
    await using repo = await gitRepository({ files });
    await using bare = await gitRepository({ files, bare: true });
    mkdirSync(join(repo.base, "plain"));
    symlinkSync(await add(repo, "x"), join(repo.base, "link"));
    for (const path of [repo.root, join(repo.root, ".git"), repo.base]) {
      await expect(remove(repo, path)).rejects.toMatchObject({ kind: "refused", code: "main_worktree" });
    }
    await expect(remove(bare, bare.root)).rejects.toMatchObject({ code: "main_worktree" });
    for (const name of ["plain", "link"]) {
      await expect(remove(repo, join(repo.base, name))).rejects.toMatchObject({ code: "worktree_unproven" });
    }
  });

  test("a worktree with another one in it is refused", async () => {
    await using repo = await gitRepository({ files });
    const outer = await add(repo, "outer");
    const inner = await add(repo, "inner", join(outer, "inner"));
    await expect(remove(repo, outer)).rejects.toMatchObject({ kind: "refused", code: "worktree_inside", details: { inside: inner } });
    await remove(repo, inner);
    await remove(repo, outer);
  });

  test("a submodule's repository goes to the trash with the registration", async () => {
    await using inner = await gitRepository({ files: { "inner.txt": "a" } });
    await using repo = await gitRepository({ files });
    repo.run(["submodule", "--quiet", "add", inner.root, "sub"]);
    repo.commit({});
    const place = await add(repo, "x");
    repo.run(["submodule", "--quiet", "update", "--init"], place);
    repo.commit({ "inner.txt": "b" }, { directory: join(place, "sub") });
    await remove(repo, place);
    const trash = join(repo.base, "trash");
    expect(readdirSync(trash).some((name) => existsSync(join(trash, name, "modules/sub/HEAD")))).toBe(true);
  });
});

test("making a worktree costs few processes beside git worktree add itself", async () => {
  await using repo = await gitRepository({ files });
  const commands: string[] = [];
  const git: Git = {
    run(cwd, args, options) {
      commands.push(args[0] ?? "");
      return repo.git.run(cwd, args, options);
    },
  };
  const plan: BranchPlan = await planBranch(git, { root: repo.root, branch: "x", from: null });
  await addWorktree(git, { root: repo.root, path: join(repo.base, "x"), branch: plan.branch, plan });
  expect(commands.sort()).toEqual(["check-ref-format", "config", "for-each-ref", "for-each-ref", "rev-parse", "worktree"]);
});

test("a branch that moved since it was planned is not checked out", async () => {
  await using repo = await gitRepository({ files });
  repo.run(["branch", "x"]);
  const plan = await planBranch(repo.git, { root: repo.root, branch: "x", from: null });
  const moved = repo.run(["commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "something else to run"]);
  repo.run(["update-ref", "refs/heads/x", moved]);
  const path = join(repo.base, "x");
  const adding = addWorktree(repo.git, { root: repo.root, path, branch: "x", plan });
  await expect(adding).rejects.toMatchObject({ kind: "machine", code: "branch_moved" });
  expect(existsSync(path)).toBe(false);
  expect((await listWorktrees(repo.git, repo.root)).length).toBe(1);
  expect(repo.run(["rev-parse", "x"])).toBe(moved);
});
