// Which PostgreSQL runs a branch: the user's own where its major version fits, else the one from npm.
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import type { ServerUser } from "../../os/server-user.ts";
import { embeddedVersion, findEmbeddedPackage, hydratePackage, platformPackage } from "./embedded-package.ts";

export interface ServerPrograms {
  /** Directory of `postgres` and `initdb`. */
  directory: string;
  major: number;
  /** `15.18`. */
  version: string;
  /** All of `postgres --version`: tells builds apart. */
  build: string;
  origin: "installed" | "embedded";
}

export interface ProgramSearch {
  path: string;
  stateDirectory: string;
  user: ServerUser | null;
}

export const oldestMajor = 13;

/** The programs for this major version (null: any from 13 on, the newest installed). Throws `WtError` when there are none. */
export async function findServerPrograms(major: number | null, search: ProgramSearch): Promise<ServerPrograms> {
  const installed = await readInstalled(search);
  const fitting = installed.find((each) => (major === null ? each.major >= oldestMajor : each.major === major));
  if (fitting) return fitting;
  const found = await findEmbeddedPackage(search.path);
  if (found) {
    const embedded = await readPrograms(await hydratePackage(found, search), "embedded");
    if (embedded && (major === null || embedded.major === major)) return embedded;
    if (embedded) installed.push(embedded);
  }
  throw noPrograms(major, installed);
}

/** A program of PostgreSQL's clients such as `pg_restore`, of at least this major version; null when none is installed. */
export async function findClientProgram(name: string, programs: ServerPrograms, path: string): Promise<string | null> {
  for (const directory of [programs.directory, ...installedDirectories(path)]) {
    const program = join(directory, name);
    if (!existsSync(program)) continue;
    const answer = await exec([program, "--version"], { cwd: "/", env: { LC_ALL: "C" } }).catch(() => null);
    if (answer?.code === 0 && (parseVersion(answer.stdout)?.major ?? 0) >= programs.major) return program;
  }
  return null;
}

/** `postgres (PostgreSQL) 15.18 (Debian …)`, `18beta1`. */
export function parseVersion(text: string): { major: number; version: string } | null {
  const version = /\(PostgreSQL\) ((\d+)[\w.]*)/.exec(text);
  return version ? { major: Number(version[2]), version: version[1] ?? "" } : null;
}

/** Newest major first; of two with the same one, the first on the PATH. */
async function readInstalled(search: ProgramSearch): Promise<ServerPrograms[]> {
  const found: ServerPrograms[] = [];
  for (const directory of installedDirectories(search.path)) {
    const programs = await readPrograms(directory, "installed");
    if (programs) found.push(programs);
  }
  return found.sort((one, other) => other.major - one.major);
}

async function readPrograms(directory: string, origin: ServerPrograms["origin"]): Promise<ServerPrograms | null> {
  const answer = await exec([join(directory, "postgres"), "--version"], { cwd: "/", env: { LC_ALL: "C" } }).catch(() => null);
  const version = answer?.code === 0 ? parseVersion(answer.stdout) : null;
  return version && answer ? { directory, ...version, build: answer.stdout.trim(), origin } : null;
}

/** Directories that hold both programs: those on the PATH, then where the distributions put them. */
function installedDirectories(path: string): string[] {
  const candidates = path.split(delimiter).filter((each) => each.startsWith("/"));
  candidates.push(...versionDirectories("/usr/lib/postgresql", "bin"), ...versionDirectories("/usr", "bin", /^pgsql-\d+$/));
  for (const brew of ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"]) {
    candidates.push(...versionDirectories(brew, "bin", /^postgresql(@\d+)?$/));
  }
  candidates.push(...versionDirectories("/Applications/Postgres.app/Contents/Versions", "bin"));
  const found = new Set<string>();
  for (const candidate of candidates) {
    const postgres = join(candidate, "postgres");
    if (!existsSync(postgres)) continue;
    // A link on the PATH leads to the directory that has the rest.
    const real = join(realpathSync(postgres), "..");
    if (existsSync(join(real, "initdb"))) found.add(real);
  }
  return [...found];
}

function versionDirectories(parent: string, below: string, names = /^\d+$/): string[] {
  try {
    return readdirSync(parent)
      .filter((name) => names.test(name))
      .map((name) => join(parent, name, below));
  } catch {
    return [];
  }
}

function noPrograms(major: number | null, found: ServerPrograms[]): WtError {
  const wanted = major === null ? "PostgreSQL" : `PostgreSQL ${major}`;
  const others = found.map((each) => `${each.version} in ${each.directory}`).join(", ");
  const install =
    process.platform === "darwin"
      ? `brew install postgresql@${major ?? 18}`
      : `sudo apt-get install postgresql${major === null ? "" : `-${major}`}`;
  const npm = `npm install --global ${platformPackage()}@${embeddedVersion}`;
  const why = others ? `; found only ${others}` : ` on the PATH or in the usual places, and ${platformPackage()} is not there either`;
  return new WtError({
    kind: "machine",
    code: "postgres_missing",
    message: `No programs of ${wanted} were found${why}.`,
    hints: [
      `Install it with \`${install}\`${major === null || embeddedVersion.startsWith(`${major}.`) ? `, or with \`${npm}\`` : ""}.`,
      ...(others ? ["Or change `version:` of the resource in wt.yaml."] : []),
    ],
  });
}
