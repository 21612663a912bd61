// Looking into a branch: one that sleeps is woken for it, if that is asked for, and put back to sleep.
import type { ResourceSpec } from "../resource-driver.ts";
import { readBranchInputs } from "./branch-inputs.ts";
import type { Branch } from "./branch-life.ts";
import { type BranchParts, branchOptions } from "./branch-making.ts";
import { type BranchRecord, readBranchRecord, readOwnRecord } from "./branch-record.ts";
import type { BranchServer } from "./branch-server.ts";
import { inspectDatabase } from "./inspect-database.ts";
import { appName } from "./mysql-connection.ts";
import { findServer } from "./mysql-server.ts";
import { asRoot, type Session } from "./mysql-session.ts";

export function inspectVerbs(parts: BranchParts): Pick<BranchServer, "inspect" | "contentMark" | "inputsChanged"> {
  const { life } = parts;
  return {
    inspect: (spec, how) =>
      life.exclusively(spec, async (branch) => {
        const record = await readOwnRecord(spec);
        if (!how.wake && !(await findServer(branch.place))) return null;
        const look = () => asWatcher(branch, (session) => inspectDatabase(session, { database: appName, how }));
        return whileAwake(parts, { branch, record, abort: how.abort }, look);
      }),
    contentMark: (spec) => readMark(spec, life.branch(spec)),
    async inputsChanged(spec) {
      const record = await readBranchRecord(spec.directory);
      if (!record?.complete || record.inputsHash === null) return null;
      const { inputsHash } = await readBranchInputs(spec, branchOptions(spec));
      return inputsHash === null ? null : inputsHash !== record.inputsHash;
    },
  };
}

export interface Awake {
  branch: Branch;
  record: BranchRecord;
  abort: AbortSignal;
}

/** Alone with the branch; afterwards it sleeps if it slept before and nobody came meanwhile. */
export async function whileAwake<T>({ life }: BranchParts, { branch, record, abort }: Awake, work: () => Promise<T>): Promise<T> {
  const slept = !(await findServer(branch.place));
  if (slept) await life.awaken(branch, record, abort);
  try {
    return await work();
  } finally {
    if (slept) await life.rest(branch, record);
  }
}

/** As root; does not count as use. */
function asWatcher<T>(branch: Branch, use: (session: Session) => Promise<T>): Promise<T> {
  branch.connections++;
  return asRoot(branch.place, use);
}

/**
 * InnoDB's log moves on with whatever is written to it. What other engines write, and what is kept in files (views, triggers), is counted by statements
 * and rows since the server's start.
 */
async function readMark(spec: ResourceSpec, branch: Branch): Promise<string | null> {
  const record = await readBranchRecord(spec.directory);
  const server = record?.complete && record.nonce === spec.nonce ? await findServer(branch.place) : null;
  if (!server) return null;
  const rows = await asWatcher(branch, (session) =>
    session.query(`SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_lsn_current', 'Innodb_redo_log_current_lsn', 'Handler_write', 'Handler_update',
      'Handler_delete', 'Com_rename_table', 'Com_truncate') OR Variable_name LIKE 'Com\\_create\\_%' OR Variable_name LIKE 'Com\\_drop\\_%' OR Variable_name LIKE 'Com\\_alter\\_%'`),
  ).catch(() => null);
  // It was just being stopped.
  if (rows === null) return null;
  const counted = rows.map((row) => `${row.Variable_name}=${row.Value}`).sort();
  return [server.pid, server.startTime, Bun.hash.wyhash(counted.join(" ")).toString(36)].join(" ");
}
