// What goes over the wire and out of `--json` about checkpoints of whole environments: files, index and databases under one name.
import type { Target } from "./environment.ts";
import type { CheckpointResult, RestartConsent } from "./resources.ts";

export interface WholeCheckpoint {
  id: string;
  /** ISO 8601, UTC. */
  createdAt: string;
  /** Full id of the commit it was on; null on a branch without commits. */
  head: string | null;
  branch: string | null;
  /** Files that git ignores are in it. */
  ignored: boolean;
  /** Made by itself, before a restore. */
  automatic: boolean;
  /** Resources that are in it. */
  resources: string[];
}

/** `wt checkpoints --json`. */
export interface WholeCheckpointList {
  schema: 1;
  environment: string;
  /** The newest last. */
  checkpoints: WholeCheckpoint[];
}

/** `wt checkpoint --json`. */
export interface WholeCheckpointResult {
  schema: 1;
  environment: string;
  checkpoint: WholeCheckpoint;
  leftOut: CheckpointResult["leftOut"];
}

export interface WholeCheckpointRequest {
  target: Target;
  /** null: named after the present time. */
  id: string | null;
  ignored: boolean;
}

/** `wt restore --json`. */
export interface WholeRestoreResult {
  schema: 1;
  environment: string;
  restored: string;
  /** The checkpoint of what was there before. */
  before: string;
  resources: string[];
  /** Commits that HEAD has and the checkpoint had not: they stay. */
  commitsSince: number;
  runningServices: string[];
}

export interface WholeRestoreRequest extends RestartConsent {
  target: Target;
  id: string;
}

/** `wt checkpoint diff --json`. */
export interface CheckpointDiff {
  schema: 1;
  environment: string;
  id: string;
  files: { status: "added" | "changed" | "removed"; path: string }[];
  /** Unified diff, from the checkpoint to now. */
  patch: string;
}
