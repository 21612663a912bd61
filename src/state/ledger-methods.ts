// The methods of `Ledger` in SQL.
import type { Ledger, ProjectRecord } from "../environment/ledger.ts";
import { environmentsRemain, projectTaken, rowExists, rowMissing, takenProjectKey } from "../environment/ledger-errors.ts";
import { environmentMethods, memberMethods } from "./environment-methods.ts";
import type { LedgerStore } from "./ledger-store.ts";
import {
  fromDeleted,
  fromOperation,
  fromProject,
  fromService,
  fromTrust,
  toDeleted,
  toEnvironment,
  toLease,
  toOperation,
  toProject,
  toService,
  toTrust,
} from "./rows.ts";
import { defined, insertInto, setEvery } from "./statements.ts";

/** All of `Ledger` but `close`, over an open store. */
export function ledgerMethods(store: LedgerStore, nowMs: () => number): Omit<Ledger, "close"> {
  return {
    transaction: store.transaction,
    ...projectMethods(store),
    ...environmentMethods(store),
    ...memberMethods(store),
    ...leaseMethods(store, nowMs),
    ...operationMethods(store),
    ...serviceMethods(store),
    ...stampAndSettingMethods(store),
    ...trustMethods(store),
    ...deletedMethods(store),
  };
}

const projectColumns = ["id", "name", "root", "git_common_dir", "created_at_ms"];

function projectMethods(store: LedgerStore) {
  const project: Ledger["project"] = (id) => store.row("SELECT * FROM projects WHERE id = $id", { id }, toProject);
  const refuseTaken = (wanted: ProjectRecord) => {
    const sql = "SELECT * FROM projects WHERE name = $name OR git_common_dir = $directory ORDER BY seq";
    const taken = takenProjectKey(wanted, store.rows(sql, { name: wanted.name, directory: wanted.gitCommonDir }, toProject));
    if (taken) throw projectTaken(wanted, taken);
  };
  return {
    projects: () => store.rows("SELECT * FROM projects ORDER BY seq", {}, toProject),
    project,
    insertProject(record) {
      store.transaction(() => {
        if (project(record.id)) throw rowExists("project", record.id);
        refuseTaken(record);
        store.write(insertInto("projects", projectColumns), fromProject(record), "take");
      });
    },
    updateProject(id, change) {
      store.transaction(() => {
        const known = project(id);
        if (!known) throw rowMissing("project", id);
        const record = { ...known, ...defined(change) };
        refuseTaken(record);
        store.write(`UPDATE projects SET ${setEvery(projectColumns)} WHERE id = $id`, fromProject(record), "take");
      });
    },
    deleteProject(id) {
      store.transaction(() => {
        const sql = "SELECT * FROM environments WHERE project_id = $id ORDER BY seq";
        const remaining = store.rows(sql, { id }, toEnvironment);
        if (remaining.length > 0) throw environmentsRemain(id, remaining);
        store.write("DELETE FROM projects WHERE id = $id", { id }, "give");
      });
    },
  } satisfies Partial<Ledger>;
}

function leaseMethods(store: LedgerStore, nowMs: () => number) {
  const holderOf = (kind: string, key: string) =>
    store.row("SELECT * FROM leases WHERE kind = $kind AND key = $key", { kind, key }, toLease);
  return {
    leases: (filter) =>
      store.rows(
        "SELECT * FROM leases WHERE ($environment IS NULL OR environment_id = $environment) AND ($kind IS NULL OR kind = $kind) ORDER BY id",
        { environment: filter?.environmentId ?? null, kind: filter?.kind ?? null },
        toLease,
      ),
    claim({ environmentId, kind, key, data }) {
      return store.transaction(() => {
        requireEnvironment(store, environmentId);
        const holder = holderOf(kind, key);
        if (holder) return holder.environmentId === environmentId ? holder : null;
        const row = {
          environment_id: environmentId,
          kind,
          key,
          state: "intended",
          data: JSON.stringify(data ?? {}),
          created_at_ms: nowMs(),
        };
        store.write(insertInto("leases", Object.keys(row)), row, "take");
        return holderOf(kind, key);
      });
    },
    updateLease(id, { state, data }) {
      const sql = "UPDATE leases SET state = coalesce($state, state), data = coalesce($data, data) WHERE id = $id";
      const row = { id, state: state ?? null, data: data ? JSON.stringify(data) : null };
      if (store.write(sql, row, "give").changes === 0) throw rowMissing("lease", id);
    },
    release(id) {
      store.write("DELETE FROM leases WHERE id = $id", { id }, "give");
    },
  } satisfies Partial<Ledger>;
}

function operationMethods(store: LedgerStore) {
  return {
    operations: (filter) =>
      store.rows(
        "SELECT * FROM operations WHERE $environment IS NULL OR environment_id = $environment ORDER BY seq",
        { environment: filter?.environmentId ?? null },
        toOperation,
      ),
    beginOperation(operation) {
      store.transaction(() => {
        const known = store.row("SELECT * FROM operations WHERE id = $id", { id: operation.id }, toOperation);
        if (known) throw rowExists("operation", operation.id);
        const purpose = operation.kind === "delete" || operation.kind === "down" ? "give" : "take";
        const row = fromOperation(operation);
        store.write(insertInto("operations", Object.keys(row)), row, purpose);
      });
    },
    advanceOperation(id, step, data) {
      const sql = "UPDATE operations SET step = $step, data = coalesce($data, data) WHERE id = $id";
      const row = { id, step, data: data ? JSON.stringify(data) : null };
      if (store.write(sql, row, "give").changes === 0) throw rowMissing("operation", id);
    },
    endOperation(id) {
      store.write("DELETE FROM operations WHERE id = $id", { id }, "give");
    },
  } satisfies Partial<Ledger>;
}

function serviceMethods(store: LedgerStore) {
  return {
    services: (filter) =>
      store.rows(
        `SELECT services.* FROM services JOIN environments ON environments.id = services.environment_id
         WHERE $environment IS NULL OR services.environment_id = $environment ORDER BY environments.seq, services.seq`,
        { environment: filter?.environmentId ?? null },
        toService,
      ),
    putService(service) {
      store.transaction(() => {
        requireEnvironment(store, service.environmentId);
        const row = fromService(service);
        const changed = setEvery(["generation", "wanted", "restarts", "completed", "plan", "instance"]);
        const upsert = `${insertInto("services", Object.keys(row))} ON CONFLICT (environment_id, service) DO UPDATE SET ${changed}`;
        store.write(upsert, row, service.wanted === "down" ? "give" : "take");
      });
    },
    deleteService(environmentId, service) {
      const sql = "DELETE FROM services WHERE environment_id = $environmentId AND service = $service";
      store.write(sql, { environmentId, service }, "give");
    },
  } satisfies Partial<Ledger>;
}

function stampAndSettingMethods(store: LedgerStore) {
  return {
    setupStamp: (environmentId, step) =>
      store.row("SELECT hash FROM setup_stamps WHERE environment_id = $environmentId AND step = $step", { environmentId, step }, (row) =>
        String(row.hash),
      ),
    putSetupStamp({ environmentId, step, hash }) {
      store.transaction(() => {
        requireEnvironment(store, environmentId);
        const row = { environment_id: environmentId, step, hash };
        const upsert = `${insertInto("setup_stamps", Object.keys(row))} ON CONFLICT (environment_id, step) DO UPDATE SET hash = $hash`;
        store.write(upsert, row, "take");
      });
    },
    setupStamps: (environmentId) =>
      store.rows("SELECT step, hash FROM setup_stamps WHERE environment_id = $environmentId ORDER BY step", { environmentId }, (row) => ({
        step: String(row.step),
        hash: String(row.hash),
      })),
    setting: (key) => store.row("SELECT value FROM settings WHERE key = $key", { key }, (row) => String(row.value)),
    putSetting(key, value) {
      const row = { key, value };
      store.write(`${insertInto("settings", Object.keys(row))} ON CONFLICT (key) DO UPDATE SET value = $value`, row, "take");
    },
  } satisfies Partial<Ledger>;
}

function deletedMethods(store: LedgerStore) {
  return {
    deleted: (filter) =>
      store.rows(
        "SELECT * FROM deleted WHERE $project IS NULL OR project_id = $project ORDER BY deleted_at_ms, seq",
        { project: filter?.projectId ?? null },
        toDeleted,
      ),
    deletedRecord: (id) => store.row("SELECT * FROM deleted WHERE id = $id", { id }, toDeleted),
    putDeleted(record) {
      const row = fromDeleted(record);
      const changed = setEvery(["project_id", "deleted_at_ms", "expires_at_ms", "data"]);
      store.write(`${insertInto("deleted", Object.keys(row))} ON CONFLICT (id) DO UPDATE SET ${changed}`, row, "give");
    },
    dropDeleted(id) {
      store.write("DELETE FROM deleted WHERE id = $id", { id }, "give");
    },
  } satisfies Partial<Ledger>;
}

function trustMethods(store: LedgerStore) {
  return {
    trusted: (projectId) => store.rows("SELECT * FROM trust WHERE project_id = $projectId ORDER BY seq", { projectId }, toTrust),
    grantTrust(record) {
      store.transaction(() => {
        const project = store.row("SELECT * FROM projects WHERE id = $id", { id: record.projectId }, toProject);
        if (!project) throw rowMissing("project", record.projectId);
        const row = fromTrust(record);
        const { projectId: project_id, hash } = record;
        store.write("DELETE FROM trust WHERE project_id = $project_id AND hash = $hash", { project_id, hash }, "take");
        store.write(insertInto("trust", Object.keys(row)), row, "take");
      });
    },
  } satisfies Partial<Ledger>;
}

function requireEnvironment(store: LedgerStore, id: string): void {
  const environment = store.row("SELECT * FROM environments WHERE id = $id", { id }, toEnvironment);
  if (!environment) throw rowMissing("environment", id);
}
