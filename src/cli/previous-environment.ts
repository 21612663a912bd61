// What `wt switch -` goes back to: remembered for each shell (or the user, without shell integration) in the state directory.
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { WorldPaths } from "../os/paths.ts";
import type { Environment } from "./terminal.ts";

export interface PreviousEnvironment {
  project: string;
  slug: string;
}

interface Entry extends PreviousEnvironment {
  session: string;
}

/** Shells come and go; the oldest are forgotten. */
const keptEntries = 100;

export async function readPrevious(paths: WorldPaths, env: Environment): Promise<PreviousEnvironment | null> {
  const session = sessionOf(env);
  return (await readEntries(paths)).find((entry) => entry.session === session) ?? null;
}

export async function writePrevious(paths: WorldPaths, env: Environment, previous: PreviousEnvironment): Promise<void> {
  const session = sessionOf(env);
  const others = (await readEntries(paths)).filter((entry) => entry.session !== session);
  const entries: Entry[] = [{ session, project: previous.project, slug: previous.slug }, ...others].slice(0, keptEntries);
  const temporary = `${fileOf(paths)}.${process.pid}`;
  try {
    await mkdir(paths.state, { recursive: true, mode: 0o700 });
    await writeFile(temporary, JSON.stringify(entries), { mode: 0o600 });
    await rename(temporary, fileOf(paths));
  } catch {
    // Only a convenience is lost: `wt switch` itself must work with a full disk too.
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

async function readEntries(paths: WorldPaths): Promise<Entry[]> {
  try {
    const entries: unknown = JSON.parse(await readFile(fileOf(paths), "utf8"));
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(value: unknown): value is Entry {
  const entry = value as Partial<Entry> | null;
  return typeof entry?.session === "string" && typeof entry.project === "string" && typeof entry.slug === "string";
}

function sessionOf(env: Environment): string {
  return env.WT_SHELL_SESSION || "user";
}

function fileOf(paths: WorldPaths): string {
  return join(paths.state, "previous-environment.json");
}
