// The contract of an environment's slice of something shared: a database on a server, a key prefix, a directory.
import type { JsonValue } from "../errors/wt-error.ts";

export interface ResourceSpec {
  environmentId: string;
  nonce: string;
  /** Stable name for the thing on the server side, derived from project and slug. */
  label: string;
  /** The key under `resources:`. */
  name: string;
  /** The driver's own options, checked by the driver's `parseOptions`. */
  options: { [key: string]: JsonValue };
}

export type ResourceObservation =
  | { state: "absent" }
  | { state: "ready"; detail: string | null }
  | { state: "asleep"; detail: string | null }
  /** It exists but does not carry our mark: it is reported and never touched. */
  | { state: "foreign"; reason: string }
  | { state: "broken"; reason: string };

export interface ResourceConnection {
  /** Variables the environment gets, such as `DATABASE_URL`. */
  variables: Record<string, string>;
  /** What `${{ resources.<name>.<key> }}` can refer to. */
  values: Record<string, string>;
}

export interface ResourceFeatures {
  /** `checkpoint` and `restore` work. Default false. */
  checkpoints: boolean;
  /** It can sleep without losing its connection values. Default false. */
  sleep: boolean;
}

export interface ResourceDriver {
  readonly type: string;
  readonly features: ResourceFeatures;
  /** What is there, told apart by our mark. Never throws for a thing that is absent. */
  observe(spec: ResourceSpec): Promise<ResourceObservation>;
  /** Makes it exist and ready. Idempotent; calling it twice at once for one spec is the caller's fault. Throws `WtError`; then nothing half-made is left. */
  ensure(spec: ResourceSpec, abort: AbortSignal): Promise<ResourceConnection>;
  /** Back to how `ensure` first made it. Connection values stay the same. */
  reset(spec: ResourceSpec, abort: AbortSignal): Promise<ResourceConnection>;
  /** Verified removal. Removing the absent succeeds; the foreign is refused with `WtError` (`refused`). */
  remove(spec: ResourceSpec): Promise<void>;
  /** Values of an existing resource; null when it is absent. */
  connection(spec: ResourceSpec): Promise<ResourceConnection | null>;
  /** Keeps the present content under `id`. Throws `WtError` (`refused`) without the feature. */
  checkpoint(spec: ResourceSpec, id: string): Promise<void>;
  restore(spec: ResourceSpec, id: string): Promise<void>;
}
