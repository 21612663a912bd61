import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { gitRepository, type TestRepository } from "../../test/support/git-repository.ts";
import { branchNameProblem } from "./branch-name.ts";
import { deleteBranch, planBranch } from "./branches.ts";
import type { Git } from "./git.ts";

const plan = (repo: TestRepository, branch: string, from: string | null = null) => planBranch(repo.git, { root: repo.root, branch, from });

describe("planBranch", () => {
  test("a local branch is checked out, a remote one tracked, else a new one made from the default branch", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    const first = repo.run(["rev-parse", "HEAD"]);
    repo.run(["branch", "local"]);
    repo.run(["remote", "add", "origin", "https://localhost/x.git"]);
    repo.run(["update-ref", "refs/remotes/origin/remote/one", "HEAD"]);
    repo.run(["update-ref", "refs/remotes/origin/local", "HEAD"]);
    const second = repo.commit({ "a.txt": "b" });
    expect(await plan(repo, "local")).toEqual({ kind: "local", branch: "local", commit: first });
    const remote = {
      kind: "remote",
      branch: "remote/one",
      remote: "origin",
      ref: "refs/remotes/origin/remote/one",
      commit: first,
    } as const;
    expect(await plan(repo, "remote/one")).toEqual(remote);
    expect(await plan(repo, "origin/remote/one")).toEqual(remote);
    expect(await plan(repo, "origin/local")).toEqual({ kind: "local", branch: "local", commit: first });
    expect(await plan(repo, "new")).toEqual({ kind: "new", branch: "new", from: "main", commit: second });
    expect(await plan(repo, "new", "HEAD~1")).toEqual({ kind: "new", branch: "new", from: "HEAD~1", commit: first });
    expect(await plan(repo, "new", "origin/remote/one")).toMatchObject({ kind: "new", commit: first });
  });

  test("a remote's name at the front means that remote only if the branch is there", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    repo.run(["remote", "add", "earl", "https://localhost/x.git"]);
    expect(await plan(repo, "earl/fib-123")).toMatchObject({ kind: "new", branch: "earl/fib-123" });
    repo.run(["update-ref", "refs/remotes/earl/main", "HEAD"]);
    repo.run(["symbolic-ref", "refs/remotes/earl/HEAD", "refs/remotes/earl/main"]);
    await expect(plan(repo, "earl/HEAD")).rejects.toMatchObject({ code: "branch_name_invalid" });
  });

  test("on several remotes: the preferred one, else origin, else refused with their names", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    for (const remote of ["fork", "team/one", "origin"]) repo.run(["remote", "add", remote, "https://localhost/x.git"]);
    for (const remote of ["fork", "team/one"]) repo.run(["update-ref", `refs/remotes/${remote}/x`, "HEAD"]);
    await expect(plan(repo, "x")).rejects.toMatchObject({
      kind: "refused",
      code: "branch_ambiguous",
      details: { remotes: ["fork", "team/one"] },
    });
    expect(await plan(repo, "team/one/x")).toMatchObject({ kind: "remote", remote: "team/one", branch: "x" });
    repo.run(["update-ref", "refs/remotes/origin/x", "HEAD"]);
    expect(await plan(repo, "x")).toMatchObject({ remote: "origin" });
    repo.run(["config", "checkout.defaultRemote", "fork"]);
    expect(await plan(repo, "x")).toMatchObject({ remote: "fork" });
  });

  test("the default branch only on the remote", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    const head = repo.run(["rev-parse", "HEAD"]);
    repo.run(["remote", "add", "origin", "https://localhost/x.git"]);
    repo.run(["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repo.run(["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
    repo.run(["checkout", "-q", "-b", "other"]);
    repo.run(["branch", "-q", "-D", "main"]);
    expect(await plan(repo, "new")).toEqual({ kind: "new", branch: "new", from: "origin/main", commit: head });
  });

  test("names of every legal shape", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    const long = `${"segment/".repeat(24)}${"x".repeat(8)}`;
    expect(long).toHaveLength(200);
    for (const branch of [
      "größe/日本語",
      "UPPER/Case.v1.2",
      "a.b.c",
      "feature/x#y",
      "it's-$HOME-&-%",
      "x".repeat(200),
      long,
      "@home",
      "🌳",
    ]) {
      expect(await plan(repo, branch)).toMatchObject({ kind: "new", branch });
    }
  });

  test("names that git does not take, and names that mean something else", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    repo.run(["checkout", "-q", "-b", "before"]);
    const names = [
      "",
      "-x",
      "--force",
      "HEAD",
      "@",
      "@{-1}",
      "a@{u}",
      "a..b",
      "a b",
      "a\tb",
      "a\nb",
      "a~1",
      "a^",
      "a:b",
      "a?",
      "a*",
      "a[b",
      "a\\b",
    ];
    for (const branch of [...names, "/a", "a/", "a//b", ".a", "a/.b", "a.", "a.lock", "a.lock/b", "refs/heads/a", "x".repeat(300)]) {
      await expect(plan(repo, branch)).rejects.toMatchObject({ kind: "refused", code: "branch_name_invalid" });
    }
  });

  test("a branch that is checked out says where", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    const linked = join(repo.base, "linked tree");
    repo.run(["worktree", "add", "-q", "-b", "taken", linked]);
    await expect(plan(repo, "taken")).rejects.toMatchObject({
      kind: "refused",
      code: "branch_checked_out",
      message: `The branch taken is checked out in ${linked}.`,
      hints: ["wt switch taken"],
    });
    await expect(plan(repo, "main")).rejects.toMatchObject({ code: "branch_checked_out", details: { path: repo.root } });
  });

  test("--from: unknown, and with a branch that exists", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    repo.run(["branch", "local"]);
    for (const from of ["nothing", "--all", "", "main\nmain", "HEAD:a.txt", "main@{upstream}", "@{-7}", "a\0b"]) {
      await expect(plan(repo, "new", from)).rejects.toMatchObject({ kind: "refused", code: "from_unknown" });
    }
    await expect(plan(repo, "local", "main")).rejects.toMatchObject({ kind: "refused", code: "from_with_existing_branch" });
  });

  test("a repository without commits", async () => {
    await using repo = await gitRepository();
    await expect(plan(repo, "new")).rejects.toMatchObject({
      kind: "refused",
      code: "no_commits",
      hints: [expect.stringContaining("commit")],
    });
    await expect(plan(repo, "new", "main")).rejects.toMatchObject({ code: "no_commits" });
  });

  test("a bare repository", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" }, bare: true });
    expect(await plan(repo, "new")).toMatchObject({ kind: "new", from: "main" });
  });

  test("git cannot have a and a/b at once", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    repo.run(["branch", "a"]);
    repo.run(["branch", "x/y/z"]);
    const conflict = { kind: "refused", code: "branch_name_conflict" };
    await expect(plan(repo, "a/b/c")).rejects.toMatchObject({ ...conflict, details: { branch: "a/b/c", existing: "a" } });
    await expect(plan(repo, "x/y")).rejects.toMatchObject({ ...conflict, details: { branch: "x/y", existing: "x/y/z" } });
    expect(await plan(repo, "x/y/a")).toMatchObject({ kind: "new" });
  });

  test("names that differ in case only are refused where the file system does not tell them apart", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    repo.run(["branch", "Feature/One"]);
    expect(await plan(repo, "feature/one")).toMatchObject({ kind: "new" });
    repo.run(["config", "core.ignoreCase", "true"]);
    await expect(plan(repo, "feature/one")).rejects.toMatchObject({ code: "branch_name_conflict", details: { existing: "Feature/One" } });
  });

  test("agrees with git about what is a name", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    const letter = fc.constantFrom("a", "B", ".", "/", "-", "@", "{", "~", " ", "é", "*", ":", "\\", "lock", "^");
    await fc.assert(
      fc.asyncProperty(fc.array(letter, { minLength: 1, maxLength: 6 }), async (letters) => {
        const name = letters.join("");
        const allowed = Bun.spawnSync(["git", "check-ref-format", `refs/heads/${name}`], { env: repo.env }).exitCode === 0;
        // We refuse a little more than git: what looks like an option or means something else.
        if (branchNameProblem(name) === null) expect(allowed).toBe(true);
        else expect(allowed && !/^-|^@$|@\{|^refs\//.test(name)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

describe("deleteBranch", () => {
  const remove = (repo: Pick<TestRepository, "root" | "git">, branch: string, expectedCommit: string) =>
    deleteBranch(repo.git, { root: repo.root, branch, expectedCommit });

  test("takes the branch and its settings, and is idempotent", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    const head = repo.run(["rev-parse", "HEAD"]);
    repo.run(["branch", "fix/dot.ted"]);
    repo.run(["config", "branch.fix/dot.ted.remote", "origin"]);
    repo.run(["config", "branch.main.remote", "origin"]);
    expect(await remove(repo, "fix/dot.ted", head)).toBe("deleted");
    expect(repo.run(["for-each-ref", "--format=%(refname)"])).toBe("refs/heads/main");
    expect(repo.run(["config", "--get-regexp", "^branch"])).toBe("branch.main.remote origin");
    expect(await remove(repo, "fix/dot.ted", head)).toBe("absent");
  });

  test("a branch that moved stays", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    const old = repo.run(["rev-parse", "HEAD"]);
    repo.run(["branch", "x"]);
    repo.run(["branch", "-f", "x", repo.commit({ "a.txt": "b" })]);
    expect(await remove(repo, "x", old)).toBe("raced");
    expect(repo.run(["branch", "--list", "x"])).toBe("x");
  });

  test("a branch that moves between the look and the deletion stays", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    const old = repo.run(["rev-parse", "HEAD"]);
    repo.run(["branch", "x"]);
    const moved = repo.commit({ "a.txt": "b" });
    const racing: Git = {
      run(cwd, args, options) {
        if (args[0] === "update-ref") repo.run(["branch", "-f", "x", moved]);
        return repo.git.run(cwd, args, options);
      },
    };
    expect(await remove({ ...repo, git: racing }, "x", old)).toBe("raced");
    expect(repo.run(["rev-parse", "x"])).toBe(moved);
  });

  test("a branch that a worktree takes between the look and the deletion is given back (worktrunk#3662)", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    const head = repo.run(["rev-parse", "HEAD"]);
    repo.run(["branch", "x"]);
    const racing: Git = {
      run(cwd, args, options) {
        if (args[0] === "update-ref" && args.includes("-d")) repo.run(["worktree", "add", "-q", join(repo.base, "x"), "x"]);
        return repo.git.run(cwd, args, options);
      },
    };
    expect(await remove({ ...repo, git: racing }, "x", head)).toBe("checked_out");
    expect(repo.run(["rev-parse", "x"])).toBe(head);
    expect(repo.run(["status", "--porcelain"], join(repo.base, "x"))).toBe("");
  });

  test("a branch that is checked out, rebased or bisected stays", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    repo.run(["checkout", "-q", "-b", "mine"]);
    const mine = repo.commit({ "a.txt": "mine" });
    const expectKept = async () => expect(await remove(repo, "mine", mine)).toBe("checked_out");
    await expectKept();
    repo.run(["checkout", "-q", "main"]);
    repo.commit({ "a.txt": "theirs" });
    const linked = join(repo.base, "linked");
    repo.run(["worktree", "add", "-q", linked, "mine"]);
    expect(() => repo.run(["rebase", "main"], linked)).toThrow();
    expect(repo.run(["rev-parse", "--abbrev-ref", "HEAD"], linked)).toBe("HEAD");
    await expectKept();
    repo.run(["rebase", "--abort"], linked);
    repo.run(["bisect", "start"], linked);
    repo.run(["checkout", "-q", "--detach"], linked);
    await expectKept();
  });

  test("waits for the configuration's lock", async () => {
    await using repo = await gitRepository({ files: { "a.txt": "a" } });
    const head = repo.run(["rev-parse", "HEAD"]);
    repo.run(["branch", "x"]);
    repo.run(["config", "branch.x.remote", "origin"]);
    const lock = join(repo.root, ".git/config.lock");
    writeFileSync(lock, "");
    let tries = 0;
    const locked: Git = {
      run(cwd, args, options) {
        if (args[0] === "config" && ++tries === 3) Bun.spawnSync(["rm", lock]);
        return repo.git.run(cwd, args, options);
      },
    };
    expect(await remove({ ...repo, git: locked }, "x", head)).toBe("deleted");
    expect(tries).toBe(3);
  });
});
