// What this disk knows of a database on a server that is not ours: the role's password, and how far we came.
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../os/files.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { type Holding, type HoldingState, readHolding } from "./server-database.ts";
import type { ServerLink } from "./server-link.ts";

export interface ServerNotes {
  nonce: string;
  password: string;
  complete: boolean;
  /** It was put aside with its content. */
  retired: boolean;
}

/** null: none, or another environment's. */
export async function readNotes(spec: ResourceSpec): Promise<ServerNotes | null> {
  try {
    const notes = JSON.parse(await readFile(notesFile(spec), "utf8")) as ServerNotes;
    return notes.nonce === spec.nonce && typeof notes.password === "string" ? { ...notes, retired: notes.retired === true } : null;
  } catch {
    return null;
  }
}

export async function writeNotes(spec: ResourceSpec, notes: ServerNotes): Promise<void> {
  await mkdir(spec.directory, { recursive: true, mode: 0o700 });
  await writeFileAtomic(notesFile(spec), JSON.stringify(notes), { mode: 0o600 });
}

/** As {@link readHolding}; where the server cannot tell whether the database is whole, what is noted here does. */
export async function stateOf(spec: ResourceSpec, link: ServerLink, holding: Holding): Promise<Exclude<HoldingState, "unmarked">> {
  const state = await readHolding(link, holding);
  if (state !== "unmarked") return state;
  return (await readNotes(spec))?.complete ? "whole" : "half";
}

function notesFile(spec: ResourceSpec): string {
  return join(spec.directory, "database.json");
}
