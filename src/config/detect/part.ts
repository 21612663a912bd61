import type { RepositoryFiles } from "../config.ts";
import type { DetectedDatabase } from "./database.ts";

/** One folder looked at. */
export interface Look {
  files: RepositoryFiles;
  directory: string;
  /** What the top folder's package.json says, when this is a folder below it. */
  root: NodeFacts | null;
}

export interface NodeFacts {
  manager: PackageManager;
  /** It installs for the folders below it too. */
  workspaces: boolean;
}

export type PackageManager = "npm" | "pnpm" | "yarn" | "bun";

export interface DetectedService {
  /** Wish; made unique later. */
  name: string;
  run: string;
  directory: string;
  /** `pages`: what a person opens. `api`: answers HTTP for others. `assets`: answers HTTP, but only on its own host. `worker`: listens on nothing. */
  role: "pages" | "api" | "assets" | "worker";
  env: Record<string, string>;
  /** Path of an HTTP probe other than `/`. */
  readyPath: string | null;
  /** It came from a script that starts other parts too. */
  fromStarter: boolean;
  /** A service of the compose file, which has no `run`. `target`: the port to write down, where the first that the file names is another. */
  container?: { target: number | null };
}

export interface DetectedStep {
  run: string;
  inputs: string[];
  directory: string;
}

export interface DetectedPart {
  services: DetectedService[];
  setup: DetectedStep[];
  /** One sentence for each decision. */
  because: string[];
  node: NodeFacts | null;
  /** Text of the script that starts several parts at once. */
  startsOthers: string | null;
  /** Databases that migrations of this part build; proposed, never used by themselves. */
  databases: DetectedDatabase[];
  /** Folders that belong to this part and are no parts of their own. */
  claims: string[];
}

export function emptyPart(): DetectedPart {
  return { services: [], setup: [], because: [], node: null, startsOthers: null, databases: [], claims: [] };
}

export function service(given: Pick<DetectedService, "name" | "run" | "directory" | "role"> & Partial<DetectedService>): DetectedService {
  return { env: {}, readyPath: null, fromStarter: false, ...given };
}

/** Path of a file in the folder looked at, seen from the top. */
export function at(look: Look, name: string): string {
  return look.directory === "." ? name : `${look.directory}/${name}`;
}

/** The first of these files that is there. */
export async function firstPresent(look: Look, names: readonly string[]): Promise<{ name: string; text: string } | null> {
  for (const name of names) {
    const text = await look.files.read(at(look, name));
    if (text !== null) return { name, text };
  }
  return null;
}

const usualFolders = ["frontend", "backend", "client", "server", "web", "api", "ui", "app", "worker"];
const groups = ["apps", "services"];

/** Folders below the top that may hold parts of the app: the usual names, and everything in `apps/` and `services/`. */
export async function partFolders(files: RepositoryFiles): Promise<string[]> {
  const top = (await files.list(".")).filter((name) => name.endsWith("/")).map((name) => name.slice(0, -1));
  const found = usualFolders.filter((name) => top.includes(name));
  for (const group of groups.filter((name) => top.includes(name))) {
    for (const name of await files.list(group))
      if (name.endsWith("/") && !name.startsWith(".")) found.push(`${group}/${name.slice(0, -1)}`);
  }
  return found;
}

/** Last part of the folder's path, or `fallback` for the top folder. */
export function nameOf(look: Look, fallback: string): string {
  return look.directory === "." ? fallback : (look.directory.split("/").at(-1) ?? fallback);
}
