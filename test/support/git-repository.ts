// A real git repository in a temporary directory, cut off from the developer's own git settings, removed at the end.
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createGit, type Git } from "../../src/git/git.ts";
import { holdInTest } from "./held-in-test.ts";

export interface TestRepository extends AsyncDisposable {
  /** The temporary directory (resolved); the repository is in it, and other things may be put beside it. */
  base: string;
  /** The main worktree, or the bare directory. */
  root: string;
  /** Complete environment for programs: own HOME, no GIT_*, fixed author and date. */
  env: Record<string, string>;
  git: Git;
  /** Runs git in the repository (or in `cwd`); throws with git's own words; output trimmed. */
  run(args: string[], cwd?: string): string;
  write(path: string, content: string, directory?: string): void;
  /** Writes the files, commits everything, gives the commit id. */
  commit(files: Record<string, string>, options?: { directory?: string; message?: string }): string;
}

export interface TestRepositoryOptions {
  /** Committed as the first commit on `main`; none: a repository without commits. */
  files?: Record<string, string>;
  /** A bare clone of such a repository. */
  bare?: boolean;
  /** Added to the environment of all programs. */
  env?: Record<string, string>;
}

export async function gitRepository(options: TestRepositoryOptions = {}): Promise<TestRepository> {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "wt-git-")));
  const hold = holdInTest(() => rmSync(base, { recursive: true, force: true, maxRetries: 5 }));
  const env = testEnvironment(base, options.env);
  const root = join(base, "repo");
  mkdirSync(join(base, "home"));
  mkdirSync(root);
  const repository: TestRepository = {
    base,
    root,
    env,
    git: createGit(env),
    run: (args, cwd = repository.root) => runGit(args, cwd, env),
    write(path, content, directory = repository.root) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), content);
    },
    commit(files, { directory = repository.root, message = "a commit" } = {}) {
      for (const [path, content] of Object.entries(files)) repository.write(path, content, directory);
      repository.run(["add", "-A"], directory);
      repository.run(["commit", "-q", "--allow-empty", "-m", message], directory);
      return repository.run(["rev-parse", "HEAD"], directory);
    },
    async [Symbol.asyncDispose]() {
      // While a program still writes there, Bun's `rm` may stop early without a word.
      for (let attempt = 1; attempt <= 20 && existsSync(base); attempt++) rmSync(base, { recursive: true, force: true, maxRetries: 5 });
      if (existsSync(base)) throw new Error(`${base} could not be removed: something is written to it again and again`);
      hold.release();
    },
  };
  repository.run(["init", "-q", "-b", "main"]);
  if (options.files) repository.commit(options.files, { message: "first commit" });
  if (options.bare) {
    repository.run(["clone", "-q", "--bare", root, join(base, "repo.git")], base);
    repository.root = join(base, "repo.git");
  }
  return repository;
}

function testEnvironment(base: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "/usr/bin:/bin",
    HOME: join(base, "home"),
    XDG_CONFIG_HOME: join(base, "home/.config"),
    LC_ALL: "C",
    ...more,
  };
}

/** The author is fixed, so that commit ids are the same in each run. */
const fixedAuthor = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_AUTHOR_DATE: "2026-01-02T03:04:05Z",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.org",
  GIT_COMMITTER_DATE: "2026-01-02T03:04:05Z",
};

function runGit(args: string[], cwd: string, env: Record<string, string>): string {
  const result = Bun.spawnSync(["git", "-c", "protocol.file.allow=always", ...args], {
    cwd,
    env: { ...env, ...fixedAuthor },
    stdin: "ignore",
  });
  if (result.exitCode !== 0) throw new Error(`git ${args.join(" ")} ended with ${result.exitCode}: ${result.stderr.toString()}`);
  return result.stdout.toString().trim();
}
