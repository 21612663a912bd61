// Looking into a branch: one that sleeps is woken for it, if that is asked for, and put back to sleep.
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Inspection, ResourceContent, ResourceSpec } from "../resource-driver.ts";
import { readBranchInputs } from "./branch-inputs.ts";
import type { Branch } from "./branch-life.ts";
import { type BranchParts, branchOptions } from "./branch-making.ts";
import { type BranchRecord, readBranchRecord, readOwnRecord } from "./branch-record.ts";
import type { BranchServer } from "./branch-server.ts";
import { adminRole, appRole } from "./data-directory.ts";
import { inspectDatabase } from "./inspect-database.ts";
import { openSession } from "./pg-session.ts";
import { adminPasswordFile, adminTarget, asAdmin, findServer, type ServerPlace, serverPlace } from "./postmaster.ts";

export function inspectVerbs({ life }: BranchParts): Pick<BranchServer, "inspect" | "contentMark" | "inputsChanged"> {
  return {
    inspect: (spec, how) =>
      life.exclusively(spec, async (branch) => {
        const record = await readOwnRecord(spec);
        if (!how.wake && !(await findServer(branch.place))) return null;
        return whileAwake({ life, branch, record, abort: how.abort }, () => look(branch.place, record, how));
      }),
    async contentMark(spec) {
      const record = await readBranchRecord(spec.directory);
      const place = serverPlace(spec.directory);
      if (!record?.complete || !(await findServer(place))) return null;
      // Whatever is written moves it on. Asked in another database, so that asking does not count as use.
      const [row] = await asAdmin(place, record.port, (session) =>
        session.query("SELECT system_identifier || ' ' || pg_current_wal_insert_lsn() AS mark FROM pg_control_system()"),
      );
      return row?.mark ?? null;
    },
    async inputsChanged(spec) {
      const record = await readBranchRecord(spec.directory);
      if (!record?.complete || record.inputsHash === null) return null;
      const { inputsHash } = await readBranchInputs(spec, branchOptions(spec));
      return inputsHash === null ? null : inputsHash !== record.inputsHash;
    },
  };
}

export interface Awake {
  life: BranchParts["life"];
  branch: Branch;
  record: BranchRecord;
  abort: AbortSignal;
}

/** Alone with the branch; afterwards it sleeps if it slept before and nobody came meanwhile. */
export async function whileAwake<T>({ life, branch, record, abort }: Awake, work: () => Promise<T>): Promise<T> {
  const slept = !(await findServer(branch.place));
  if (slept) await life.awaken(branch, record, { abort });
  try {
    return await work();
  } finally {
    if (slept) await life.rest(branch, record);
  }
}

async function look(place: ServerPlace, record: BranchRecord, how: Inspection): Promise<ResourceContent> {
  const session = await openSession(adminTarget(place, record.port, appRole));
  const stop = () => session.close();
  how.abort.addEventListener("abort", stop, { once: true });
  try {
    return await inspectDatabase((sql) => session.query(sql), how);
  } catch (error) {
    how.abort.throwIfAborted();
    throw error;
  } finally {
    how.abort.removeEventListener("abort", stop);
    session.close();
  }
}

/** Variables for PostgreSQL's own programs to come in by the private socket; only valid while `use` runs. */
export async function withAdminVariables<T>(
  spec: ResourceSpec,
  port: number,
  use: (variables: Record<string, string>) => Promise<T>,
): Promise<T> {
  const server = serverPlace(spec.directory);
  // A server that a connection woke asks for it even there.
  const password = await readFile(adminPasswordFile(server), "utf8").catch(() => null);
  // A socket's path must be short, and a program of somebody else's cannot be handed an open directory.
  const place = await mkdtemp(join(existsSync("/tmp") ? "/tmp" : tmpdir(), "wt-"));
  try {
    await symlink(adminTarget(server, port).socketDirectory, join(place, "d"));
    const variables = { PGHOST: join(place, "d"), PGPORT: String(port), PGUSER: adminRole, PGDATABASE: appRole };
    return await use(password === null ? variables : { ...variables, PGPASSWORD: password });
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}
