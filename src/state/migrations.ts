import type { Database } from "bun:sqlite";

/**
 * Number n (counted from 1) brings a ledger of version n-1 to version n. What is released is never edited; a change is a new number at the end.
 * `seq` keeps the order of insertion: VACUUM may renumber bare rowids.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE projects (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    root TEXT NOT NULL,
    git_common_dir TEXT NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE environments (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    project_id TEXT NOT NULL REFERENCES projects(id),
    slug TEXT NOT NULL,
    host_label TEXT NOT NULL UNIQUE,
    branch TEXT,
    path TEXT NOT NULL UNIQUE,
    main INTEGER NOT NULL CHECK (main IN (0, 1)),
    owns_worktree INTEGER NOT NULL CHECK (owns_worktree IN (0, 1)),
    owns_branch INTEGER NOT NULL CHECK (owns_branch IN (0, 1)),
    slot INTEGER NOT NULL,
    nonce TEXT NOT NULL,
    wanted TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (project_id, slug),
    UNIQUE (project_id, slot)
  ) STRICT;

  CREATE TABLE leases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    environment_id TEXT NOT NULL REFERENCES environments(id),
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    data TEXT NOT NULL CHECK (json_valid(data)),
    created_at_ms INTEGER NOT NULL,
    UNIQUE (kind, key)
  ) STRICT;
  CREATE INDEX leases_of_environment ON leases (environment_id);

  -- No foreign key: an operation begins before its environment's row and ends after it.
  CREATE TABLE operations (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    environment_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    step TEXT,
    data TEXT NOT NULL CHECK (json_valid(data)),
    started_at_ms INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE services (
    seq INTEGER PRIMARY KEY,
    environment_id TEXT NOT NULL REFERENCES environments(id) ON DELETE CASCADE,
    service TEXT NOT NULL,
    generation INTEGER NOT NULL,
    wanted TEXT NOT NULL,
    restarts INTEGER NOT NULL,
    plan TEXT CHECK (plan IS NULL OR json_valid(plan)),
    instance TEXT CHECK (instance IS NULL OR json_valid(instance)),
    UNIQUE (environment_id, service)
  ) STRICT;

  CREATE TABLE setup_stamps (
    environment_id TEXT NOT NULL REFERENCES environments(id) ON DELETE CASCADE,
    step TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (environment_id, step)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE trust (
    seq INTEGER PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects(id) ON DELETE CASCADE,
    hash TEXT NOT NULL,
    commands TEXT NOT NULL CHECK (json_valid(commands)),
    granted_at_ms INTEGER NOT NULL,
    UNIQUE (project_id, hash)
  ) STRICT;

  CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
  "ALTER TABLE services ADD COLUMN completed INTEGER NOT NULL DEFAULT 0 CHECK (completed IN (0, 1));",
  // No foreign key: for a moment on its way back, a kept environment has both rows.
  `
  CREATE TABLE deleted (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    project_id TEXT NOT NULL,
    deleted_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    data TEXT NOT NULL CHECK (json_valid(data))
  ) STRICT;
  `,
  // Leases of containers have kinds that an older build would take for damage: it must refuse the file instead.
  "SELECT 1;",
  // What the pool knows of a prepared worktree; null: an environment.
  "ALTER TABLE environments ADD COLUMN member TEXT CHECK (member IS NULL OR json_valid(member));",
];

/** Marks the file as ours for `file` and the like: "wtre". */
const applicationId = 0x77747265;

/** Brings the ledger to the newest version, each step in a transaction of its own. Does nothing when it is there already. */
export function migrate(database: Database, steps: readonly string[] = migrations): void {
  for (let version = ledgerVersion(database); version < steps.length; version += 1) {
    const step = database.transaction(() => {
      database.run(steps[version] ?? "");
      database.run(`PRAGMA application_id = ${applicationId}`);
      database.run(`PRAGMA user_version = ${version + 1}`);
    });
    step.immediate();
  }
}

/** 0 for a new file. */
export function ledgerVersion(database: Database): number {
  const row = database.prepare("PRAGMA user_version").get() as { user_version: number } | null;
  return row?.user_version ?? 0;
}
