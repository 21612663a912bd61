// What goes over the wire and out of `--json` about resources: an environment's slices of what is shared.
import type { DriftView } from "./content.ts";
import type { EnvironmentDocument, Target } from "./environment.ts";

/**
 * - `Ready`: it answers. `Asleep`: it costs no process and wakes by itself when it is used.
 * - `Shared`: everybody uses the same one, on purpose.
 * - `Absent`: it was not made yet, or is gone. `Broken`: it exists and does not work.
 * - `Foreign`: something that worldtree did not make stands in its place; it is never touched.
 * - `Unknown`: its state could not be observed.
 */
export type ResourceState = "Ready" | "Asleep" | "Shared" | "Absent" | "Broken" | "Foreign" | "Unknown";

export interface ResourceUsageView {
  exclusiveBytes: number | null;
  /** Shared with a template or another environment. */
  sharedBytes: number | null;
  /** How it was measured, or why it could not be. */
  how: string;
}

export interface ResourceView {
  name: string;
  type: string;
  state: ResourceState;
  /** Present only in `status`, `create` and `db list`: more about the state; null when there is nothing to say. */
  detail?: string | null;
  /** Present only in `status`, `create` and `db list`: without its password; null for what has no URL. */
  url?: string | null;
  /** Present only in `status` and `create`; null when it could not be measured in a moment. */
  usage?: ResourceUsageView | null;
  /** Present only in `status` and `create`: how its schema stands to main's; null where there is nothing to say. */
  drift?: DriftView | null;
}

/** A resource on its own, with where it belongs. */
export interface ListedResource extends ResourceView {
  project: string;
  /** Slug. */
  environment: string;
}

/** `wt db list --json` and `wt db usage --json`. */
export interface ResourceList {
  schema: 1;
  resources: ListedResource[];
}

export interface ResourceListRequest {
  cwd: string;
  /** Every project; else the one `cwd` is in. */
  all: boolean;
  /** Slug or branch; null: every environment. */
  environment: string | null;
  /** null: every resource. */
  resource: string | null;
  usage: boolean;
}

export interface ResourceTarget {
  target: Target;
  /** null: the only one, or the only database. */
  resource: string | null;
}

/** `wt db url --json`: with the password. */
export interface ResourceConnectionView {
  schema: 1;
  environment: string;
  resource: string;
  type: string;
  state: ResourceState;
  /** null for what has none. */
  url: string | null;
  /** What the environment's commands get. */
  variables: Record<string, string>;
  /** What `${{ resources.<name>.<key> }}` means. */
  values: Record<string, string>;
}

export interface RestartConsent {
  /** Stop the environment's running services before, and start them again after. Without it they run on. */
  restart: boolean;
  /** The caller's shell environment; commands and services run with it. */
  env: Record<string, string>;
}

export interface ResetRequest extends ResourceTarget, RestartConsent {}

export interface BranchRequest extends ResetRequest {
  /** The environment whose resource of the same name gives its content: a slug, or `main`. */
  from: string;
}

/** The result of `db reset`, `db branch`, `db start`, `db stop`. */
export interface ResourceDocument extends EnvironmentDocument {
  /** Names of the resources that were worked on. */
  resources: string[];
  /** Services that were running all the time, and may hold what was read before. */
  runningServices: string[];
}

export interface CheckpointView {
  id: string;
  /** ISO 8601, UTC. */
  createdAt: string;
  /** What it holds. */
  resources: string[];
}

/** `wt db checkpoints --json`. */
export interface CheckpointList {
  schema: 1;
  environment: string;
  /** The newest last. */
  checkpoints: CheckpointView[];
}

export interface CheckpointRequest {
  target: Target;
  /** null: named after the present time, `YYYYMMDD-HHMMSS` (UTC). */
  id: string | null;
}

/** `wt db checkpoint --json`. */
export interface CheckpointResult {
  schema: 1;
  environment: string;
  checkpoint: CheckpointView;
  /** Resources that are not in it, and why. */
  leftOut: { resource: string; reason: string }[];
}

export interface RestoreRequest extends RestartConsent {
  target: Target;
  id: string;
}

export interface RemoveCheckpointRequest {
  target: Target;
  id: string;
}
