// `wt gc`, `wt clean`, `wt pin`.
import type { Target } from "./environment.ts";

export interface GcRequest {
  cwd: string;
  /** Environments of every project, not only of the one `cwd` is in. */
  all: boolean;
  /** Look and remove nothing. */
  dryRun: boolean;
  /** `clean`: merged branches only, and nothing beside environments. */
  mergedOnly: boolean;
  /** Environments that nobody used for so long may go; null: a week. */
  olderThanMs: number | null;
  /** Also worktrees that other programs made. */
  adopted: boolean;
  /** `<project>/<slug>` of the environments that may be deleted, as a dry run named them; null: all that qualify. */
  environments: string[] | null;
}

export interface GcItem {
  kind:
    | "environment"
    | "deleted"
    | "process"
    | "containers"
    | "volume"
    | "port"
    | "lease"
    | "operation"
    | "project"
    | "trash"
    | "template"
    | "building"
    | "directory"
    | "database";
  /** `<project>/<slug>`, a path, a key. */
  name: string;
  /** Of an environment: where its worktree is. */
  path: string | null;
  bytes: number | null;
  /** `removed` is what would be removed in a dry run. `reported`: it may be garbage, but that is not proven. */
  outcome: "removed" | "kept" | "reported" | "failed";
  /** A sentence. */
  reason: string;
}

/** `wt gc --json`, `wt clean --json`. */
export interface GcReport {
  schema: 1;
  dryRun: boolean;
  items: GcItem[];
  /** Of what was (or would be) removed, where it is known. */
  freedBytes: number;
}

export interface PinRequest {
  target: Target;
  /** null: unpin. */
  reason: string | null;
}

/** `wt pin --json`, `wt unpin --json`. */
export interface PinResult {
  schema: 1;
  slug: string;
  pinned: boolean;
  /** Why; null when it is not pinned. */
  reason: string | null;
}
