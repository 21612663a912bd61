// What goes over the wire and out of `--json` about the pool of prepared worktrees.

export interface PooledWorktree {
  /** `wt-pool-3f9a2c1d`; its directory is called so too, with a dot before it. */
  name: string;
  /** Absolute path. */
  path: string;
  /** `refreshing`: brought to the present base. `leaving`: it is given back. */
  state: "preparing" | "ready" | "refreshing" | "leaving";
  /** Full id of the commit it has. */
  commit: string;
  /** Of the present base, by the present wt.yaml; null: not known now. */
  current: boolean | null;
  /** ISO 8601, UTC; null while it is prepared. */
  readyAt: string | null;
  /** How long it took to prepare it; null while it is prepared. */
  tookMs: number | null;
  /** Disk of worktree and resources that nothing else shares; null where the machine does not tell. */
  exclusiveBytes: number | null;
  /** Shared with the main worktree, a template or another environment. */
  sharedBytes: number | null;
  /** Of programs that run in it; null where the machine does not tell. */
  memoryBytes: number | null;
  /** What names its path or name and is made anew when it is claimed. */
  again: { path: string; because: string }[];
  /** Setup commands that run again then. */
  againSteps: string[];
}

export interface PoolView {
  project: string;
  /** Absolute path of the main worktree. */
  root: string;
  /** How many are to be kept; 0: off. */
  size: number;
  members: PooledWorktree[];
  /** What is done now. */
  working: { what: string; since: string } | null;
  /** Why nothing is prepared now; `retryAt`: when it is tried again. */
  problem: { code: string; message: string; hints: string[]; failures: number; retryAt: string } | null;
}

/** `wt pool --json`, `wt pool set --json`, `wt pool clear --json`, `wt pool refill --json`. */
export interface PoolList {
  schema: 1;
  pools: PoolView[];
}

export interface PoolTarget {
  cwd: string;
  /** Its name; null: the one of `cwd`. */
  project: string | null;
}

export interface PoolChange extends PoolTarget {
  /** The caller's shell environment; what is prepared runs with it. */
  env: Record<string, string>;
}
