// Environments, and members of the pool, which are environments in no list.
import type { EnvironmentRecord, Ledger } from "../environment/ledger.ts";
import { environmentTaken, leasesRemain, rowExists, rowMissing, takenEnvironmentKey } from "../environment/ledger-errors.ts";
import type { LedgerStore } from "./ledger-store.ts";
import { fromEnvironment, toEnvironment, toLease, toMember, toProject } from "./rows.ts";
import { defined, insertInto, setEvery } from "./statements.ts";

const environmentColumns = [
  ...["id", "project_id", "slug", "host_label", "branch", "path", "main", "owns_worktree", "owns_branch", "slot", "nonce", "wanted"],
  "created_at_ms",
];

function environmentOf(store: LedgerStore, id: string): EnvironmentRecord | null {
  return store.row("SELECT * FROM environments WHERE id = $id", { id }, toEnvironment);
}

function refuseTakenEnvironment(store: LedgerStore, wanted: EnvironmentRecord): void {
  const sql = `SELECT * FROM environments
    WHERE path = $path OR host_label = $label OR (project_id = $project AND (slug = $slug OR slot = $slot)) ORDER BY seq`;
  const { path, hostLabel: label, projectId: project, slug, slot } = wanted;
  const taken = takenEnvironmentKey(wanted, store.rows(sql, { path, label, project, slug, slot }, toEnvironment));
  if (taken) throw environmentTaken(wanted, taken);
}

function insertEnvironmentRow(store: LedgerStore, record: EnvironmentRecord): void {
  const project = store.row("SELECT * FROM projects WHERE id = $id", { id: record.projectId }, toProject);
  if (!project) throw rowMissing("project", record.projectId);
  if (environmentOf(store, record.id)) throw rowExists("environment", record.id);
  refuseTakenEnvironment(store, record);
  store.write(insertInto("environments", environmentColumns), fromEnvironment(record), "take");
}

export function memberMethods(store: LedgerStore) {
  const requireMember = (id: string) => {
    const known = store.row("SELECT * FROM environments WHERE id = $id AND member IS NOT NULL", { id }, toEnvironment);
    if (!known) throw rowMissing("environment", id);
    return known;
  };
  return {
    members: (filter) =>
      store.rows(
        "SELECT * FROM environments WHERE ($project IS NULL OR project_id = $project) AND member IS NOT NULL ORDER BY seq",
        { project: filter?.projectId ?? null },
        toMember,
      ),
    insertMember({ environment, data }) {
      store.transaction(() => {
        insertEnvironmentRow(store, environment);
        const row = { id: environment.id, member: JSON.stringify(data) };
        store.write("UPDATE environments SET member = $member WHERE id = $id", row, "take");
      });
    },
    updateMember(id, data) {
      store.transaction(() => {
        requireMember(id);
        store.write("UPDATE environments SET member = $member WHERE id = $id", { id, member: JSON.stringify(data) }, "take");
      });
    },
    claimMember(id, named) {
      store.transaction(() => {
        const record = { ...requireMember(id), ...named };
        refuseTakenEnvironment(store, record);
        const sql = `UPDATE environments SET ${setEvery(environmentColumns)}, member = NULL, seq = (SELECT max(seq) + 1 FROM environments) WHERE id = $id`;
        store.write(sql, fromEnvironment(record), "take");
      });
    },
  } satisfies Partial<Ledger>;
}

export function environmentMethods(store: LedgerStore) {
  const environment: Ledger["environment"] = (id) => environmentOf(store, id);
  return {
    environments: (filter) =>
      store.rows(
        "SELECT * FROM environments WHERE ($project IS NULL OR project_id = $project) AND ($members OR member IS NULL) ORDER BY seq",
        { project: filter?.projectId ?? null, members: Number(filter?.members === "with") },
        toEnvironment,
      ),
    environment,
    insertEnvironment(record) {
      store.transaction(() => insertEnvironmentRow(store, record));
    },
    updateEnvironment(id, change) {
      store.transaction(() => {
        const known = environment(id);
        if (!known) throw rowMissing("environment", id);
        const record = { ...known, ...defined(change) };
        refuseTakenEnvironment(store, record);
        store.write(`UPDATE environments SET ${setEvery(environmentColumns)} WHERE id = $id`, fromEnvironment(record), "give");
      });
    },
    deleteEnvironment(id) {
      store.transaction(() => {
        const held = store.rows("SELECT * FROM leases WHERE environment_id = $id ORDER BY id", { id }, toLease);
        if (held.length > 0) throw leasesRemain(id, held);
        store.write("DELETE FROM environments WHERE id = $id", { id }, "give");
      });
    },
  } satisfies Partial<Ledger>;
}
