// What is written down about one branch, in its own directory. It is there from the moment the data is; `complete` says that `ensure` came to its end.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { writeFileAtomic } from "../../os/files.ts";
import { databaseAbsent } from "../database-absent.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import type { CaptureWay } from "./live-capture.ts";

export interface BranchRecord {
  schema: 1;
  environmentId: string;
  nonce: string;
  name: string;
  port: number;
  password: string;
  /** Major version of the data. */
  major: number;
  version: string;
  template: string;
  method: string;
  inputsHash: string | null;
  createdAtMs: number;
  complete: boolean;
  /** Whose content it began with, and how that was captured. */
  forked?: { environmentId: string; way: CaptureWay; atMs: number };
}

const fileName = "branch.json";

/** null: there is none, or it is not whole. */
export async function readBranchRecord(directory: string): Promise<BranchRecord | null> {
  try {
    const record = JSON.parse(await readFile(join(directory, fileName), "utf8")) as BranchRecord;
    const whole = record.schema === 1 && typeof record.nonce === "string" && typeof record.password === "string";
    return whole && Number.isInteger(record.port) && Number.isInteger(record.major) ? record : null;
  } catch {
    return null;
  }
}

export async function writeBranchRecord(directory: string, record: BranchRecord): Promise<void> {
  await writeFileAtomic(join(directory, fileName), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
}

/** The record of a branch that is whole and ours. */
export async function readOwnRecord(spec: ResourceSpec): Promise<BranchRecord> {
  const record = await readBranchRecord(spec.directory);
  if (record?.complete && record.nonce === spec.nonce) return record;
  if (record && record.nonce !== spec.nonce) throw foreignBranch(spec);
  throw databaseAbsent(spec.name);
}

export function foreignBranch(spec: ResourceSpec): WtError {
  return new WtError({
    kind: "refused",
    code: "database_foreign",
    message: `The database in ${spec.directory} belongs to another environment.`,
    hints: ["Nothing was changed. Run `wt doctor`."],
  });
}
