// What lies on this disk for environments that the ledger does not know. The ledger says what belongs to whom; a directory that it does not
// mention is only removed when nothing works in it and nobody has written to it for long.
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readProcessTable } from "../os/process-table.ts";
import type { World } from "./world.ts";

export interface Orphan {
  /** `<state>/environments/<id>/resources/<name>`. */
  directory: string;
  /** Newest change of what is directly in it. */
  changedMs: number;
  /** Why it must not be removed, a sentence; null: it may. */
  doubt: string | null;
}

/** Throws when the directories cannot be listed: then nothing is known. */
export async function readOrphans(world: World): Promise<Orphan[]> {
  const ids = await namesIn(world.paths.environments);
  // After the directories: the row of an environment is there before its directory is.
  const known = new Set([...world.ledger.environments({ members: "with" }), ...world.ledger.deleted()].map(({ id }) => id));
  const found: string[] = [];
  for (const id of ids.filter((each) => !known.has(each))) {
    const place = join(world.paths.environments, id, "resources");
    for (const name of await namesIn(place)) found.push(join(place, name));
  }
  if (found.length === 0) return [];
  const general =
    known.size === 0
      ? "The ledger knows no environment at all, so it may have been lost."
      : world.ledgerRecovery === null
        ? null
        : "The ledger was recovered, so it may not know all environments.";
  const workers = await readWorkers();
  return found.map((directory) => {
    const worker = workers.find(({ place }) => place.startsWith(`${directory}/`));
    const doubt = worker ? `Process ${worker.pid} works in it.` : general;
    return { directory, changedMs: newestChange(directory), doubt };
  });
}

/** What cannot be read counts as changed just now. */
function newestChange(directory: string): number {
  try {
    const paths = [directory, ...readdirSync(directory).map((name) => join(directory, name))];
    return Math.max(...paths.map((path) => lstatSync(path).mtimeMs));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Processes by the directory that they work in, as far as the system tells. */
async function readWorkers(): Promise<{ pid: number; place: string }[]> {
  const table = await readProcessTable();
  return table.flatMap(({ pid }) =>
    ["cwd", "fd/3"].flatMap((name) => {
      try {
        return [{ pid, place: `${readlinkSync(`/proc/${pid}/${name}`)}/` }];
      } catch {
        return [];
      }
    }),
  );
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}
