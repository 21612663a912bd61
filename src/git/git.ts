// The one way worldtree asks git anything: the git program, machine-readable output, no inherited GIT_* variables.
import { WtError } from "../errors/wt-error.ts";
import { systemClock } from "../os/clock.ts";
import { type ExecResult, exec } from "../os/exec.ts";

export interface GitRunOptions {
  stdin?: string;
  /** git gets SIGTERM, so that it removes its own lock files; the signal's reason is thrown. */
  abort?: AbortSignal;
  /** Exit codes besides 0 that are an answer and not an error. */
  allow?: number[];
  /** Added to git's environment, after the caller's `GIT_*` were taken out. */
  env?: Record<string, string>;
}

export interface Git {
  /**
   * Gives what git wrote to stdout. Throws `WtError` (`machine`): `git_failed` with git's own first sentence (`details.code` is its exit code),
   * `git_missing` when git is not on the PATH, `directory_missing` when `cwd` is gone.
   */
  run(cwd: string, args: string[], options?: GitRunOptions): Promise<string>;
}

/** `env` is the environment git runs with (PATH, HOME, SSH_AUTH_SOCK …). */
export function createGit(env: Record<string, string>): Git {
  const base = gitEnvironment(env);
  return {
    async run(cwd, args, options = {}) {
      for (let attempt = 1; ; attempt++) {
        const result = await execGit(
          ["git", ...settings, ...args],
          cwd,
          options.env ? { ...options, env: { ...base, ...options.env } } : { ...options, env: base },
        );
        if (result.code === 0 || options.allow?.includes(result.code)) return result.stdout;
        const error = gitFailed(cwd, args, result);
        // `worktree add` may have made a branch by then; its caller knows what to take back.
        const mayRepeat = sawUnfinishedWorktree(error) && !(args[0] === "worktree" && args[1] === "add");
        if (!mayRepeat || attempt === 20) throw error;
        await systemClock.sleep(5 + Math.random() * 15, options.abort);
      }
    },
  };
}

/**
 * git stumbles over a worktree that another git is just making, because for an instant its registration is incomplete
 * ("failed to read .git/worktrees/x/commondir: Success"). A moment later it would not.
 */
export function sawUnfinishedWorktree(error: unknown): boolean {
  return /failed to read \S*worktrees\/.*\/commondir/.test(gitStderr(error) ?? "");
}

async function execGit(command: string[], cwd: string, options: GitRunOptions & { env: Record<string, string> }): Promise<ExecResult> {
  const { env, stdin, abort } = options;
  try {
    return await exec(command, {
      cwd,
      env,
      killSignal: "SIGTERM",
      ...(stdin === undefined ? {} : { stdin }),
      ...(abort === undefined ? {} : { abort }),
    });
  } catch (error) {
    throw error instanceof WtError && error.code === "program_missing" ? gitMissing(error) : error;
  }
}

/** The stderr of a failed git, or null for any other error. */
export function gitStderr(error: unknown): string | null {
  if (!(error instanceof WtError) || error.code !== "git_failed") return null;
  return String(error.details?.stderr ?? "");
}

/** Exit code of a failed git, or null for any other error. */
export function gitExitCode(error: unknown): number | null {
  if (!(error instanceof WtError) || error.code !== "git_failed") return null;
  return Number(error.details?.code ?? -1);
}

/** Repository maintenance is the user's to start; it would also slow down the command that triggers it. */
const settings = ["-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "advice.detachedHead=false"];

function gitEnvironment(env: Record<string, string>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (!name.startsWith("GIT_")) kept[name] = value;
  return { ...kept, LC_ALL: "C", GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0", GIT_PAGER: "cat" };
}

function gitMissing(cause: WtError): WtError {
  return new WtError({
    kind: "machine",
    code: "git_missing",
    message: "The program git was not found on the PATH.",
    hints: ["Install git 2.31 or newer (https://git-scm.com/downloads), then try again."],
    details: { program: "git" },
    cause,
  });
}

function gitFailed(cwd: string, args: string[], result: ExecResult): WtError {
  const stderr = result.stderr.replace(/(:\/\/)[^/\s@]+@/g, "$1").slice(0, 4_000);
  const command = args.find((arg) => !arg.startsWith("-")) ?? "";
  const sentence = firstSentence(stderr) || `it ended with exit code ${result.code}`;
  return new WtError({
    kind: "machine",
    code: "git_failed",
    message: `git ${command} failed: ${sentence}.`,
    hints: [`Run it by hand to see more: git -C ${cwd} ${args.join(" ")}`.slice(0, 400)],
    details: { code: result.code, stderr, cwd },
  });
}

/** git says `Preparing worktree …` and other news on stderr too, so the line with `fatal:` counts first. */
function firstSentence(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim().length > 0);
  const line = lines.find((it) => it.startsWith("fatal: ")) ?? lines.find((it) => it.startsWith("error: ")) ?? lines[0] ?? "";
  return line
    .replace(/^(fatal|error): /, "")
    .trim()
    .replace(/[.\s]+$/, "");
}
