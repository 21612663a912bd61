// What goes over the wire and out of `--json` about environments that were deleted and are kept for a while.
import type { EnvironmentDocument } from "./environment.ts";

export interface DeletedView {
  /** Names it where several had the same slug. */
  id: string;
  project: string;
  slug: string;
  branch: string | null;
  /** Where its worktree was, and will be. */
  path: string;
  /** ISO 8601, UTC. */
  deletedAt: string;
  /** ISO 8601, UTC: from then on it may be thrown away. */
  until: string;
  /** null: not measured yet. */
  bytes: number | null;
  /** Files that no commit has. */
  unsavedFiles: number;
  /** Resources whose content is kept. */
  resources: string[];
  /** Resources that could not be kept. */
  removedResources: string[];
}

/** `wt undelete --json` without a name. */
export interface DeletedList {
  schema: 1;
  deleted: DeletedView[];
}

export interface PurgeRequest {
  cwd: string;
  /** Id, slug or branch. */
  name: string;
  /** Consent to leave what cannot be removed where it is, such as a database whose server is gone. */
  abandon?: boolean;
}

export interface UndeleteRequest {
  cwd: string;
  /** Id, slug or branch. */
  name: string;
  /** Set it up and start what ran when it was deleted. */
  up: boolean;
  env: Record<string, string>;
}

/** `wt undelete <name> --json`. */
export interface UndeleteResult extends EnvironmentDocument {
  /** Another one than before where that is in use or has moved on. */
  branch: string | null;
  removedResources: string[];
}
