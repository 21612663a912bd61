// What must be true of a history, kept beside it: everything the user wrote, what databases may hold, names that were given once.
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EnvironmentRecord } from "../../src/environment/ledger.ts";
import type { HistoryWorld } from "./history-world.ts";
import { branchNames, type UserAction } from "./operations.ts";

/** Something that only the user could write again. */
export interface Work {
  content: string;
  environmentId: string;
  /** In a file, in the index, or in a commit. */
  in: "file" | "index" | "commit";
  /** Where it was written. */
  path: string;
}

export interface DatabaseModel {
  contents: Set<string | null>;
  /** A deletion had begun to remove it. */
  mayBeGone: boolean;
  checkpoints: Map<string, Set<string | null>>;
}

export interface Model {
  works: Work[];
  /** By environment id. */
  databases: Map<string, DatabaseModel>;
  names: Map<string, { slug: string; hostLabel: string; slot: number; ports: Map<string, string> }>;
  /** Branches that a check has seen with their environment: they may outlive it. */
  branches: Set<string>;
  /** Worktrees that the user removed. */
  removedByHand: Set<string>;
  written: number;
}

export function emptyModel(): Model {
  return {
    works: [],
    databases: new Map(),
    names: new Map(),
    branches: new Set(["main"]),
    removedByHand: new Set(),
    written: 0,
  };
}

/** The one of that branch, else any: most of what happens should happen to something. */
export function environmentOf({ ledger }: Pick<HistoryWorld, "ledger">, branch: number): EnvironmentRecord | null {
  const all = ledger.environments().filter((one) => !one.main);
  return all.find((one) => one.branch === branchNames[branch]) ?? all[branch % Math.max(1, all.length)] ?? null;
}

/** What the user does. Nothing happens where there is nothing to do it in. */
export async function doByHand(
  history: HistoryWorld,
  model: Model,
  { action, alone }: { action: UserAction; alone: boolean },
): Promise<void> {
  const environment = environmentOf(history, action.branch);
  if (!environment) return;
  const { path } = environment;
  // Also of a worktree that is gone: as long as it is locked, its environment stays.
  if (action.do === "lock_worktree") {
    quietly(() => history.repository.run(["worktree", action.yes ? "lock" : "unlock", path]));
    return;
  }
  if (!existsSync(join(path, ".git"))) return;
  switch (action.do) {
    case "write":
      return writeWork(history, model, { environment, what: action.what, file: action.file });
    case "write_database": {
      const lease = history.ledger.leases({ environmentId: environment.id, kind: "resource" })[0];
      const spec = lease?.data.spec as { label: string } | undefined;
      const database = spec && lease?.data.connection ? history.server.resources.get(spec.label) : undefined;
      if (!database || database.state === "half") return;
      database.state = "ready";
      database.content = nextContent(model);
      // A command under way may have looked before or after.
      const expected = databaseModel(model, environment.id);
      expected.contents = new Set([...(alone ? [] : expected.contents), database.content]);
      for (const contents of expected.checkpoints.values()) if (!alone && contents.has("gone")) contents.add(database.content);
      return;
    }
    case "end_service": {
      const service = history.machine.services.findLast(
        (one) => !one.end && one.spec.service === action.service && one.spec.environmentId === environment.id,
      );
      if (!service) return;
      service.end = { code: action.code, signal: null };
      service.listening.clear();
      for (const wake of [...history.machine.waiting]) wake();
      return;
    }
    case "rm_worktree":
      rmSync(path, { recursive: true, force: true });
      return forget(model, environment);
    case "git_worktree_remove":
      history.repository.run(["worktree", "remove", "--force", "--force", path]);
      return forget(model, environment);
    case "merge":
      quietly(() => history.repository.run(["merge", "-q", "--no-edit", environment.branch ?? "main"]));
  }
}

export function databaseModel(model: Model, environmentId: string): DatabaseModel {
  const known = model.databases.get(environmentId);
  if (known) return known;
  const made: DatabaseModel = { contents: new Set([null]), mayBeGone: false, checkpoints: new Map() };
  model.databases.set(environmentId, made);
  return made;
}

interface Writing {
  environment: EnvironmentRecord;
  what: string;
  file: number;
}

function writeWork(history: HistoryWorld, model: Model, { environment, what, file }: Writing): void {
  const { path, id: environmentId } = environment;
  const git = (...args: string[]) => quietly(() => history.repository.run(args, path));
  const names: Record<string, string> = { untracked: `deep/new-${file}.txt`, modify: `tracked-${file}.txt`, stage: `staged-${file}.txt` };
  const place = join(path, names[what] ?? `committed-${model.written}.txt`);
  const write = (): Work | null => {
    const content = nextContent(model);
    try {
      if (what === "untracked") mkdirSync(join(path, "deep"), { recursive: false });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") return null;
    }
    try {
      writeFileSync(place, content);
    } catch {
      return null;
    }
    model.works = model.works.filter((work) => !(work.in === "file" && work.path === place && work.environmentId === environmentId));
    const work: Work = { content, environmentId, in: "file", path: place };
    model.works.push(work);
    return work;
  };
  const work = write();
  if (!work || what === "untracked" || what === "modify") return;
  if (git("add", "--", place) === null) return;
  model.works = model.works.filter((one) => !(one.in === "index" && one.path === place && one.environmentId === environmentId));
  work.in = "index";
  if (what === "stage") write();
  else if (git("commit", "-q", "-m", "work", "--", place) !== null) work.in = "commit";
}

/** As git names it. */
export function blobId(content: string): string {
  return new Bun.CryptoHasher("sha1").update(`blob ${Buffer.byteLength(content)}\0${content}`).digest("hex");
}

/** What the user threw away is nobody's loss; commits stay. */
function forget(model: Model, { id, path }: EnvironmentRecord): void {
  model.removedByHand.add(path);
  model.works = model.works.filter((work) => work.in === "commit" || work.environmentId !== id);
}

function nextContent(model: Model): string {
  model.written++;
  return `work ${model.written}\n`;
}

function quietly(work: () => string): string | null {
  try {
    return work();
  } catch {
    return null;
  }
}
