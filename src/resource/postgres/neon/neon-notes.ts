// What is written down about a branch at Neon, in the resource's own directory: its password, and what was under way. Everything else is asked.
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../../os/files.ts";
import type { ResourceSpec } from "../../resource-driver.ts";
import { serverUrlText } from "../server-url.ts";
import { readServerUrl } from "../shared-database.ts";

export interface NeonNotes {
  schema: 1;
  nonce: string;
  branchId: string | null;
  /** The branch it was made from, which `reset` goes back to. */
  parentId: string;
  role: string;
  database: string;
  /** With the password; null until there is one. */
  url: string | null;
  /** Name of the branch that holds what was there before a reset or restore that has not come to its end. */
  pending: string | null;
  complete: boolean;
}

/** null: there are none, or they are not whole, or of another environment. */
export async function readNotes(spec: ResourceSpec): Promise<NeonNotes | null> {
  try {
    const notes = JSON.parse(await readFile(notesFile(spec), "utf8")) as NeonNotes;
    return notes.schema === 1 && notes.nonce === spec.nonce && typeof notes.parentId === "string" ? notes : null;
  } catch {
    return null;
  }
}

export async function writeNotes(spec: ResourceSpec, notes: NeonNotes): Promise<void> {
  await mkdir(spec.directory, { recursive: true, mode: 0o700 });
  await writeFileAtomic(notesFile(spec), `${JSON.stringify(notes, null, 2)}\n`, { mode: 0o600 });
}

export function passwordOf(notes: NeonNotes): string {
  return notes.url === null ? "" : readServerUrl(notes.url).password;
}

/** Another password in the place of the URL's own. */
export function withPassword(url: string, password: string): string {
  return serverUrlText({ ...readServerUrl(url), password });
}

function notesFile(spec: ResourceSpec): string {
  return join(spec.directory, "neon.json");
}
