import { describe, expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { gitRepository, type TestRepository } from "../../test/support/git-repository.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import type { Git } from "../git/git.ts";
import { readGitStatus } from "../git/status.ts";
import { type ChangeWatch, openChangeWatch } from "../os/change-watch.ts";
import { GitStatusCache } from "./git-status-cache.ts";

const files = {
  ".gitignore": "ignored/\n*.log\n",
  "a.txt": "a\n",
  "deep/er/b.txt": "b\n",
  "deep/c.txt": "c\n",
};

interface Bench extends AsyncDisposable {
  repo: TestRepository;
  worktree: string;
  /** What the cache says, and how many `git status` that took. */
  ask(): Promise<{ git: unknown; processes: number }>;
  /** What it says without asking git. */
  proven(): Promise<unknown>;
  fresh(): Promise<unknown>;
  /** Asks until an answer takes no process. */
  warm(): Promise<void>;
}

async function bench(watch: ChangeWatch | null = openChangeWatch({ maxDirectories: 1_000 })): Promise<Bench> {
  const repo = await gitRepository({ files });
  const worktree = join(repo.base, "feature");
  repo.run(["worktree", "add", "-q", "-b", "feature", worktree]);
  let count = 0;
  const git: Git = {
    run(cwd, args, options) {
      if (args[0] === "status") count++;
      return repo.git.run(cwd, args, options);
    },
  };
  const clock = { now: () => Date.now(), sleep: () => new Promise<void>(() => undefined) };
  const cache = new GitStatusCache({ clock, atOnce: 2, watch, env: repo.env });
  const project: ProjectRecord = { id: "p", name: "p", root: repo.root, gitCommonDir: join(repo.root, ".git"), createdAtMs: 0 };
  const environment = { id: "e", projectId: "p", path: worktree } as EnvironmentRecord;
  const ask = async () => {
    const before = count;
    const answer = await cache.status(git, project, environment);
    return { git: answer, processes: count - before };
  };
  return {
    repo,
    worktree,
    ask,
    proven: () => cache.proven(git, project, environment),
    async fresh() {
      const status = await readGitStatus(repo.git, { path: worktree, baseBranch: "main" });
      if (!status) return null;
      const { branch: _branch, ...rest } = status;
      return rest;
    },
    async warm() {
      for (let attempt = 0; attempt < 50; attempt++) {
        if ((await ask()).processes === 0) return;
        // What was written a moment ago proves nothing yet.
        await Bun.sleep(25);
      }
      throw new Error("no answer is ever kept");
    },
    async [Symbol.asyncDispose]() {
      cache.close();
      await repo[Symbol.asyncDispose]();
    },
  };
}

type Change = (bench: Bench) => void;

const inWorktree =
  (name: string, act: (path: string) => void): Change =>
  ({ worktree }) => {
    mkdirSync(worktree, { recursive: true });
    act(join(worktree, name));
  };
const git =
  (...args: string[]): Change =>
  ({ repo, worktree }) => {
    Bun.spawnSync(["git", ...args], { cwd: worktree, env: repo.env });
  };
const write = (text: string) => (path: string) => {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
};

const changes: Record<string, Change> = {
  "edit a file": inWorktree("a.txt", (path) => existsSync(path) && appendFileSync(path, "more")),
  "edit with the same length": inWorktree("a.txt", write("b\n")),
  "edit deep down": inWorktree("deep/er/b.txt", write("changed")),
  "set it back": inWorktree("a.txt", write("a\n")),
  "touch a file": inWorktree("deep/c.txt", (path) => existsSync(path) && utimesSync(path, 1, 1)),
  "delete a file": inWorktree("deep/c.txt", (path) => rmSync(path, { force: true })),
  "new file": inWorktree("new.txt", write("n")),
  "new file in an empty directory": inWorktree("empty/n.txt", write("n")),
  "empty directory": inWorktree("empty", (path) => mkdirSync(path, { recursive: true })),
  "new directories": inWorktree("one/two/three.txt", write("n")),
  "remove them": inWorktree("one", (path) => rmSync(path, { recursive: true, force: true })),
  "file in an ignored directory": inWorktree("ignored/x", write("x")),
  "ignored file": inWorktree("deep/x.log", write("x")),
  "ignore no more": inWorktree(".gitignore", write("*.log\n")),
  "ignore again": inWorktree(".gitignore", write(files[".gitignore"])),
  "a repository inside": git("init", "-q", "inner"),
  "no repository any more": inWorktree("inner/.git", (path) => rmSync(path, { recursive: true, force: true })),
  "file in it": inWorktree("inner/x", write("x")),
  "move a directory": inWorktree("deep", (path) => existsSync(path) && renameSync(path, `${path}-${Math.random()}`)),
  "git add": git("add", "-A"),
  "git commit": git("commit", "-q", "-m", "c", "--allow-empty"),
  "git reset": git("reset", "-q", "--hard", "HEAD"),
  "git clean": git("clean", "-qfdx"),
  "git checkout": git("checkout", "-q", "-B", "another"),
  "git detach": git("checkout", "-q", "--detach"),
  "git stash": git("stash", "-q", "-u"),
  "pack the refs": git("pack-refs", "--all"),
  "hide changes": git("update-index", "--assume-unchanged", "a.txt"),
  upstream: git("branch", "-q", "--set-upstream-to=main"),
  "no upstream": git("branch", "-q", "--unset-upstream"),
  "file mode setting": git("config", "core.fileMode", "false"),
  "commit on main": ({ repo }) => void repo.commit({ "m.txt": String(Math.random()) }),
  "exclude file": ({ repo }) => appendFileSync(join(repo.root, ".git/info/exclude"), "new.txt\n"),
  "no exclude file": ({ repo }) => writeFileSync(join(repo.root, ".git/info/exclude"), ""),
  "the user's ignore file": ({ repo }) => write("new.txt\n")(join(repo.base, "home/.config/git/ignore")),
  "the user's settings name another": ({ repo }) => {
    writeFileSync(join(repo.base, "home/more-ignores"), "one/\n");
    writeFileSync(join(repo.base, "home/.gitconfig"), "[core]\n\texcludesFile = ~/more-ignores\n");
  },
  "that one changes": ({ repo }) => writeFileSync(join(repo.base, "home/more-ignores"), "empty/\n"),
  "other directory of the same name": ({ worktree }) => {
    if (!existsSync(worktree)) return;
    Bun.spawnSync(["cp", "-a", worktree, `${worktree}.copy`]);
    renameSync(worktree, `${worktree}.${Math.random()}`);
    renameSync(`${worktree}.copy`, worktree);
  },
};

describe.skipIf(process.platform !== "linux")("answers kept while they are proven", () => {
  test("the second time knows what is ignored, the third asks nobody", async () => {
    await using it = await bench();
    await it.warm();
    expect(await it.ask()).toEqual({ git: await it.fresh(), processes: 0 });
  });

  test.each(Object.keys(changes))("%s", async (name) => {
    await using it = await bench();
    await it.warm();
    changes[name]?.(it);
    expect((await it.ask()).git).toEqual(await it.fresh());
    // And when everything has been there before.
    await it.warm();
    for (const change of ["new file", "edit a file", name]) {
      changes[change]?.(it);
      expect((await it.ask()).git).toEqual(await it.fresh());
    }
  });

  test("any changes in any order", async () => {
    const names = Object.keys(changes);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...names), { minLength: 5, maxLength: 15 }), async (order) => {
        await using it = await bench();
        for (const name of order) {
          await it.ask();
          if (Math.random() < 0.3) await it.warm().catch(() => undefined);
          changes[name]?.(it);
          expect((await it.ask()).git).toEqual(await it.fresh());
        }
      }),
      { numRuns: 6 },
    );
  }, 120_000);

  test("what is proven is known without git, and nothing else is", async () => {
    await using it = await bench();
    expect(await it.proven()).toBeNull();
    await it.warm();
    expect(await it.proven()).toEqual(await it.fresh());
    changes["new file"]?.(it);
    expect(await it.proven()).toBeNull();
    expect(await it.ask()).toEqual({ git: await it.fresh(), processes: 1 });
  });

  test("what is ignored may change without git being asked", async () => {
    await using it = await bench();
    changes["file in an ignored directory"]?.(it);
    await it.warm();
    write("y")(join(it.worktree, "ignored/y"));
    expect((await it.ask()).processes).toBe(0);
  });

  test("a directory that is gone is unknown, also when its answer was kept", async () => {
    await using it = await bench();
    await it.warm();
    rmSync(it.worktree, { recursive: true });
    expect((await it.ask()).git).toBeNull();
  });

  test("a submodule is never proven", async () => {
    await using it = await bench();
    const inner = join(it.repo.base, "inner-origin");
    it.repo.run(["clone", "-q", it.repo.root, inner]);
    it.repo.run(["-c", "protocol.file.allow=always", "submodule", "add", "-q", inner, "sub"], it.worktree);
    it.repo.run(["commit", "-q", "-m", "sub"], it.worktree);
    await expect(it.warm()).rejects.toThrow("no answer is ever kept");
    writeFileSync(join(it.worktree, "sub/a.txt"), "changed");
    expect((await it.ask()).git).toMatchObject({ dirty: 1 });
  });
});

test("without a watch git is asked every time", async () => {
  await using it = await bench(null);
  for (let time = 0; time < 3; time++) expect(await it.ask()).toEqual({ git: await it.fresh(), processes: 1 });
});

test("too many directories: git is asked every time", async () => {
  await using it = await bench(openChangeWatch({ maxDirectories: 2 }));
  for (let time = 0; time < 4; time++) expect(await it.ask()).toEqual({ git: await it.fresh(), processes: 1 });
});

test("who asks while git works gets an answer that was begun afterwards", async () => {
  await using it = await bench(null);
  const first = it.ask();
  await Bun.sleep(1);
  writeFileSync(join(it.worktree, "later.txt"), "");
  const [, second, third] = await Promise.all([first, it.ask(), it.ask()]);
  expect(second.git).toMatchObject({ untracked: 1 });
  expect(third.git).toMatchObject({ untracked: 1 });
});
