// What goes over the wire and out of `--json` about templates: the sealed content that databases are copied from.
import type { Target } from "./environment.ts";

export interface TemplateView {
  key: string;
  /** Of the resource. */
  type: string;
  /** Project and resource it was built for first; null for a project that is not known any more. */
  project: string | null;
  resource: string;
  /** `empty`, `migrated`, `seeded`, `masked`. */
  stage: string;
  /** What it holds, in the order in which it got there. */
  madeFrom: string[];
  /** `PostgreSQL 15.18`. */
  version: string;
  /** The template it went on from; null: none. */
  parent: string | null;
  /** Of all migrations in it, how many were in `parent` already; null where there are none. */
  migrations: { before: number; all: number } | null;
  bytes: number;
  /** What would come back if it went; null where the machine does not tell. */
  exclusiveBytes: number | null;
  /** ISO 8601, UTC. */
  createdAt: string;
  buildMs: number;
  /** null: never. */
  usedAt: string | null;
  /** Environments (slugs) whose database was made from it. */
  branches: string[];
  /** How many of them read it as long as they live, so that it stays. */
  lasting: number;
  /** Environments (slugs) that would be made from it, or from what is built on it, if they were made now. */
  wantedBy: string[];
  /** Why nobody is to copy it any more; null: it can be copied. */
  problem: string | null;
}

/** `wt db template list --json`. */
export interface TemplateList {
  schema: 1;
  /** The newest first. */
  templates: TemplateView[];
}

export interface TemplateBuildRequest {
  target: Target;
  /** null: the only one that is made from templates. */
  resource: string | null;
  /** From the beginning, also when it is there. */
  anew: boolean;
  /** The caller's shell environment; migrations run with it. */
  env: Record<string, string>;
}

/** `wt db template build --json`, `wt db template refresh --json`. */
export interface TemplateBuildResult {
  schema: 1;
  environment: string;
  resource: string;
  template: TemplateView;
  /** false: it was there already. */
  built: boolean;
}

/** `wt db template remove --json`. */
export interface TemplateRemoveResult {
  schema: 1;
  key: string;
  /** What came back; null where the machine does not tell. */
  freedBytes: number | null;
}

export interface GarbageRequest {
  /** Look and remove nothing. */
  dryRun: boolean;
  /** Templates that nobody used for so many days may go; null: 7. */
  days: number | null;
}

export interface GarbageItem {
  kind: "template" | "trash" | "building" | "directory" | "database";
  /** A template's key, a path, a database's name. */
  name: string;
  bytes: number | null;
  /** `removed` is what would be removed in a dry run. `reported`: it may be garbage, but that is not proven. */
  outcome: "removed" | "kept" | "reported" | "failed";
  /** A sentence. */
  reason: string;
}

/** `wt db gc --json`. */
export interface GarbageReport {
  schema: 1;
  dryRun: boolean;
  items: GarbageItem[];
  /** Of what was (or would be) removed, where it is known. */
  freedBytes: number;
}
