// What goes over the wire and out of `--json` about the content of databases: differences, dumps, drift.
import type { Target } from "./environment.ts";
import type { ResourceTarget, RestartConsent } from "./resources.ts";

export type DumpFormat = "plain" | "custom" | "directory" | "tar" | "file" | "rdb";

/** How a database's schema stands to that of the main worktree's. */
export interface DriftView {
  /** `2 tables added, 1 table changed`; empty when both are the same. null: there is nothing to compare with, or nobody has looked yet. */
  changes: string | null;
  /** ISO 8601, UTC: when both were last looked at. null: they are like this now. */
  asOf: string | null;
  /** True: files it was made from (`inputs:`) changed since, so migrations may be pending. null: nobody can tell. */
  inputsChanged: boolean | null;
}

export interface DiffRequest {
  /** The second one. */
  target: Target;
  /** The first one: slug or branch; null: the main worktree's. */
  from: string | null;
  /** null: the only database. */
  resource: string | null;
  /** Count rows too. */
  rows: boolean;
}

export interface DiffSide {
  environment: string;
  resource: string;
  /** `PostgreSQL 18.4`. */
  version: string;
}

export interface DiffLineView {
  /** `…` stands for lines that are the same and were left out. */
  sign: "-" | "+" | " " | "…";
  text: string;
}

export interface ObjectChangeView {
  /** As seen from the first to the second. */
  change: "added" | "removed" | "changed";
  /** `table`, `index`, `view`, `function`, … */
  kind: string;
  name: string;
  /** Of a changed one the lines that differ; of the others the whole definition. */
  lines: DiffLineView[];
}

export interface RowCountView {
  /** null: nobody knows. */
  rows: number | null;
  /** False: an estimate. */
  exact: boolean;
}

export interface RowChangeView {
  table: string;
  from: RowCountView;
  to: RowCountView;
}

/** `wt db diff --json`. */
export interface DiffDocument {
  schema: 1;
  from: DiffSide;
  to: DiffSide;
  /** Nothing differs in what was compared. */
  same: boolean;
  objects: ObjectChangeView[];
  /** Tables that both have, with counts that differ. null: not counted. */
  rows: RowChangeView[] | null;
}

export interface DumpRequest extends ResourceTarget {
  /** Absolute. */
  path: string;
  /** null: by the name's ending, else what the type writes by itself. */
  format: DumpFormat | null;
  schema: boolean;
  data: boolean;
  /** Replace what is at `path`. */
  replace: boolean;
}

/** `wt db dump --json`. */
export interface DumpResult {
  schema: 1;
  environment: string;
  resource: string;
  type: string;
  /** Absolute. */
  path: string;
  format: DumpFormat;
  bytes: number;
}

export interface LoadRequest extends ResourceTarget, RestartConsent {
  /** Absolute. */
  path: string;
}
