// What is written down about one branch, in its own directory. It is there from the moment the data is; `complete` says that `ensure` came to its end.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../os/files.ts";

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
