// Git's answers for `wt list`: one question at a time per worktree, a few at once over all.
import type { GitView } from "../api/environment.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import type { Git } from "../git/git.ts";
import { defaultBranch } from "../git/repository.ts";
import { readGitStatus } from "../git/status.ts";
import type { Clock } from "../os/clock.ts";
import { Admission } from "./admission.ts";

/** A default branch hardly ever changes, and asking costs a process. */
const baseFreshMs = 10_000;

export class GitStatusCache {
  readonly #clock: Clock;
  readonly #admission: Admission;
  readonly #inFlight = new Map<string, Promise<GitView | null>>();
  readonly #bases = new Map<string, { atMs: number; base: Promise<string | null> }>();

  constructor(options: { clock: Clock; atOnce: number }) {
    this.#clock = options.clock;
    this.#admission = new Admission(options.atOnce);
  }

  /** null when git cannot answer: the directory is gone or is not a worktree any more. Callers that come while git works share its answer. */
  status(git: Git, project: ProjectRecord, environment: EnvironmentRecord): Promise<GitView | null> {
    const running = this.#inFlight.get(environment.id);
    if (running) return running;
    const answer = this.#ask(git, project, environment).finally(() => this.#inFlight.delete(environment.id));
    this.#inFlight.set(environment.id, answer);
    return answer;
  }

  async #ask(git: Git, project: ProjectRecord, environment: EnvironmentRecord): Promise<GitView | null> {
    const baseBranch = await this.base(git, project);
    const leave = await this.#admission.enter(new AbortController().signal);
    try {
      const status = await readGitStatus(git, { path: environment.path, baseBranch });
      if (!status) return null;
      const { head, dirty, untracked, ahead, behind } = status;
      return { head, dirty, untracked, ahead, behind };
    } finally {
      leave();
    }
  }

  /** The branch that new ones start from. */
  base(git: Git, project: ProjectRecord): Promise<string | null> {
    const kept = this.#bases.get(project.id);
    if (kept && this.#clock.now() - kept.atMs < baseFreshMs) return kept.base;
    const base = defaultBranch(git, { mainRoot: project.root });
    this.#bases.set(project.id, { atMs: this.#clock.now(), base });
    return base;
  }
}
