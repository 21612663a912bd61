// Git's answers for `wt list`. An answer is given again only while it is proven that git would say the same: the kernel has seen no change in any directory
// that git looks into, and the index, HEAD, refs and settings are the files they were. Everything else is asked anew, a few at once over all.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { GitView } from "../api/environment.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { readConfigSources } from "../git/config-sources.ts";
import type { Git } from "../git/git.ts";
import { defaultBranch } from "../git/repository.ts";
import { type DetailedStatus, readDetailedStatus } from "../git/status.ts";
import { findStatusSources, readFileMarks, type StatusSources, statusSignature } from "../git/status-signature.ts";
import { type WorktreeDirectories, walkWorktree } from "../git/worktree-directories.ts";
import type { ArmedWatch, ChangeWatch } from "../os/change-watch.ts";
import type { Clock } from "../os/clock.ts";
import { Admission } from "./admission.ts";

/** What a project's default branch and settings are is asked anew when their files change, and now and then all the same. */
const projectFreshMs = 60_000;
/** A file written so shortly before it was looked at could be written again without its times showing it. */
const coarseTimeMs = 20;
/** The kernel does not report what is written through shared memory or through another name of a file: so old answers are asked again, in the background. */
const confirmAfterMs = 60_000;
/** An answer that could not be proven is prepared for the next time a little later, when whoever asked has got it. */
const settleMs = 200;
const directoriesPerWorktree = 4_000;

interface Options {
  clock: Clock;
  atOnce: number;
  watch: ChangeWatch | null;
  env: Record<string, string>;
}

interface Question {
  git: Git;
  project: ProjectRecord;
  environment: EnvironmentRecord;
  again: boolean;
}

interface Known {
  answer: GitView;
  facts: ProjectFacts;
  sources: StatusSources;
  signature: string;
  armed: ArmedWatch;
  askedAtMs: number;
}

interface Running {
  current: Promise<GitView | null>;
  next: Promise<GitView | null> | null;
}

interface ProjectFacts {
  baseBranch: string | null;
  /** null: git's answers in this project cannot be proven. */
  configFiles: string[] | null;
}

interface KeptFacts {
  facts: Promise<ProjectFacts>;
  atMs: number;
  /** Empty until the facts have come. */
  files: string[];
  marks: string;
}

export class GitStatusCache {
  readonly #options: Options;
  readonly #admission: Admission;
  readonly #running = new Map<string, Running>();
  readonly #known = new Map<string, Known>();
  /** Directories that git ignored the last time; they are not watched. */
  readonly #ignored = new Map<string, { path: string; directories: Set<string> }>();
  readonly #facts = new Map<string, KeptFacts>();

  constructor(options: Options) {
    this.#options = options;
    this.#admission = new Admission(options.atOnce);
  }

  /** null when git cannot answer: the directory is gone or is not a worktree any more. The answer is never older than the question. */
  async status(git: Git, project: ProjectRecord, environment: EnvironmentRecord): Promise<GitView | null> {
    return this.#answer({ git, project, environment, again: false });
  }

  /** What needs no git to be known; null for everything else. */
  async proven(git: Git, project: ProjectRecord, environment: EnvironmentRecord): Promise<GitView | null> {
    if (!this.#known.has(environment.id) || !existsSync(project.gitCommonDir)) return null;
    const question = { git, project, environment, again: true };
    return this.#confirmed(question, this.#proven(environment, await this.#factsOf(git, project)));
  }

  /** As `status`, for a list, which is asked for again: what cannot be proven yet is prepared for the next time. */
  async statusInList(git: Git, project: ProjectRecord, environment: EnvironmentRecord): Promise<GitView | null> {
    return this.#answer({ git, project, environment, again: true });
  }

  async #answer(question: Question): Promise<GitView | null> {
    const { git, project, environment } = question;
    if (!existsSync(project.gitCommonDir)) return null;
    const proven = this.#proven(environment, await this.#factsOf(git, project));
    return this.#confirmed(question, proven) ?? this.#ask(question);
  }

  /** An environment that is gone. */
  forget(environmentId: string): void {
    this.#forget(environmentId);
    this.#ignored.delete(environmentId);
  }

  forgetProject(projectId: string): void {
    this.#facts.delete(projectId);
  }

  /** The branch that new ones start from. */
  async base(git: Git, project: ProjectRecord): Promise<string | null> {
    return (await this.#factsOf(git, project)).baseBranch;
  }

  close(): void {
    this.#options.watch?.close();
  }

  #proven(environment: EnvironmentRecord, facts: ProjectFacts): Known | null {
    const known = this.#known.get(environment.id);
    if (!known) return null;
    const { sources, armed, signature } = known;
    const same = sources.path === environment.path && sameFacts(known.facts, facts) && !armed.changed();
    if (same && statusSignature(sources)?.text === signature) return known;
    this.#forget(environment.id);
    return null;
  }

  #confirmed(question: Question, known: Known | null): GitView | null {
    if (known && this.#options.clock.now() - known.askedAtMs > confirmAfterMs) this.#askLater(question);
    return known?.answer ?? null;
  }

  #forget(environmentId: string): void {
    this.#known.get(environmentId)?.armed.release();
    this.#known.delete(environmentId);
  }

  /** Callers share an answer only when git begins to work on it after they asked. */
  #ask(question: Question): Promise<GitView | null> {
    const { id } = question.environment;
    const running = this.#running.get(id);
    if (running) {
      running.next ??= running.current.then(
        () => this.#ask(question),
        () => this.#ask(question),
      );
      return running.next;
    }
    const current = this.#askNow(question).finally(() => this.#running.delete(id));
    this.#running.set(id, { current, next: null });
    return current;
  }

  #askLater(question: Question): void {
    const { id } = question.environment;
    this.#options.clock
      .sleep(settleMs)
      .then(() => (this.#running.has(id) ? null : this.#ask(question)))
      // In the background nobody waits for it; the next question meets the same error.
      .catch(() => undefined);
  }

  async #askNow(question: Question): Promise<GitView | null> {
    const { git, project, environment } = question;
    const facts = await this.#factsOf(git, project);
    const leave = await this.#admission.enter(new AbortController().signal);
    let attempt: Attempt | null = null;
    try {
      attempt = await this.#prepare(environment, facts);
      const asked = { path: environment.path, baseBranch: facts.baseBranch, ignored: this.#options.watch !== null };
      const detailed = await readDetailedStatus(git, asked);
      if (!detailed) return null;
      const { head, dirty, untracked, ahead, behind } = detailed.status;
      const answer = { head, dirty, untracked, ahead, behind };
      const knewIgnored = this.#ignored.has(environment.id);
      this.#ignored.set(environment.id, { path: environment.path, directories: detailed.ignoredDirectories });
      if (attempt && (await this.#keep({ environment, facts, attempt, detailed, answer }))) attempt = null;
      else if (!knewIgnored && question.again && this.#options.watch) this.#askLater(question);
      return answer;
    } finally {
      attempt?.armed.release();
      leave();
    }
  }

  /** Before git is asked: from here on every change counts. */
  async #prepare(environment: EnvironmentRecord, { configFiles }: ProjectFacts): Promise<Attempt | null> {
    const { watch, clock } = this.#options;
    const ignored = this.#ignored.get(environment.id);
    this.#forget(environment.id);
    if (!watch || !configFiles || ignored?.path !== environment.path) return null;
    const askedAtMs = clock.now();
    const sources = await findStatusSources(environment.path, { refs: [], files: configFiles });
    const before = sources && statusSignature(sources);
    if (!before) return null;
    const walked = await walkWorktree(environment.path, { skip: ignored.directories, limit: directoriesPerWorktree });
    const armed = walked && (watch.arm(walked.directories) ?? this.#armAfterSweep(walked.directories));
    return armed ? { walked, armed, before: before.text, askedAtMs } : null;
  }

  /** Environments that were deleted give their places back. */
  #armAfterSweep(directories: string[]): ArmedWatch | null {
    for (const [id, known] of this.#known) {
      if (!known.armed.changed()) continue;
      this.#forget(id);
      this.#ignored.delete(id);
    }
    return this.#options.watch?.arm(directories) ?? null;
  }

  async #keep({ environment, facts, attempt, detailed, answer }: Kept): Promise<boolean> {
    const { walked, armed, before, askedAtMs } = attempt;
    const passedOver = [...walked.skipped].every((name) => detailed.ignoredDirectories.has(name));
    const foreign = walked.nested.every(
      (name) => isBelow(name, detailed.ignoredDirectories) || isBelow(name, detailed.untrackedDirectories),
    );
    if (!passedOver || !foreign) return false;
    const refs = refsOf(detailed, facts.baseBranch);
    const sources = await findStatusSources(environment.path, { refs, files: facts.configFiles ?? [] });
    const after = sources && statusSignature(sources);
    if (!sources || !after?.text.startsWith(before) || after.newestMs >= askedAtMs - coarseTimeMs || armed.changed()) return false;
    this.#known.set(environment.id, { answer, facts, sources, signature: after.text, armed, askedAtMs });
    return true;
  }

  async #factsOf(git: Git, project: ProjectRecord): Promise<ProjectFacts> {
    const { clock } = this.#options;
    const kept = this.#facts.get(project.id);
    if (kept) {
      const facts = await kept.facts;
      const young = clock.now() - kept.atMs < projectFreshMs;
      if (young && readFileMarks(kept.files).text === kept.marks) return facts;
      const other = this.#facts.get(project.id);
      if (other && other !== kept) return other.facts;
    }
    const asked: KeptFacts = { facts: this.#askFacts(git, project), atMs: clock.now(), files: [], marks: "" };
    this.#facts.set(project.id, asked);
    try {
      const facts = await asked.facts;
      const commonFiles = ["HEAD", "packed-refs", "refs/heads", "refs/remotes/origin/HEAD", "reftable/tables.list"];
      const files = [...(facts.configFiles ?? []), ...commonFiles.map((name) => join(project.gitCommonDir, name))];
      const { text, newestMs } = readFileMarks(files);
      if (newestMs >= asked.atMs - coarseTimeMs) this.#facts.delete(project.id);
      asked.files = files;
      asked.marks = text;
      return facts;
    } catch (error) {
      this.#facts.delete(project.id);
      throw error;
    }
  }

  async #askFacts(git: Git, project: ProjectRecord): Promise<ProjectFacts> {
    const [baseBranch, configFiles] = await Promise.all([
      defaultBranch(git, { mainRoot: project.root }),
      this.#options.watch ? readConfigSources(git, project.root, this.#options.env) : null,
    ]);
    return { baseBranch, configFiles };
  }
}

function sameFacts(a: ProjectFacts, b: ProjectFacts): boolean {
  return a === b || (a.baseBranch === b.baseBranch && a.configFiles?.join("\0") === b.configFiles?.join("\0"));
}

interface Attempt {
  walked: WorktreeDirectories;
  armed: ArmedWatch;
  /** The signature without refs, which are known only when git has answered. */
  before: string;
  askedAtMs: number;
}

interface Kept {
  environment: EnvironmentRecord;
  facts: ProjectFacts;
  attempt: Attempt;
  detailed: DetailedStatus;
  answer: GitView;
}

function refsOf({ status, upstream }: DetailedStatus, baseBranch: string | null): string[] {
  return [
    ...(status.branch === null ? [] : [`refs/heads/${status.branch}`]),
    ...(upstream === null ? [] : ["refs/heads", "refs/remotes", "refs/tags", "refs"].map((folder) => `${folder}/${upstream}`)),
    ...(baseBranch === null ? [] : [`refs/heads/${baseBranch}`, `refs/remotes/origin/${baseBranch}`]),
  ];
}

/** Whether the directory or one above it is among them. */
function isBelow(name: string, directories: ReadonlySet<string>): boolean {
  const parts = name.split("/").slice(0, -1);
  return parts.some((_, index) => directories.has(`${parts.slice(0, index + 1).join("/")}/`));
}
