// Which PostgreSQL runs a branch: the user's own where its major version fits, else the one from npm.
import { homedir } from "node:os";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import type { ServerUser } from "../../os/server-user.ts";
import { embeddedVersion, findEmbeddedPackage, hydratePackage, platformPackage } from "./embedded-package.ts";
import { isMusl, type PlacesToLook, programDirectories } from "./program-places.ts";

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
  /** Only tests have other places than the machine's. */
  root?: string;
  home?: string;
  packages?: string[];
}

export const oldestMajor = 13;

/** The programs for this major version (null: any from 13 on, the newest installed). Throws `WtError` when there are none. */
export async function findServerPrograms(major: number | null, search: ProgramSearch): Promise<ServerPrograms> {
  const installed = await readInstalled(search);
  const fitting = installed.find((each) => (major === null ? each.major >= oldestMajor : each.major === major));
  if (fitting) return fitting;
  const unusable: string[] = [];
  const found = await findEmbeddedPackage(search.path, search.packages);
  if (found.directory) {
    const programs = await hydratePackage(found.directory, search);
    const embedded = await readPrograms(programs, "embedded");
    if (embedded && (major === null || embedded.major === major)) return embedded;
    if (embedded) installed.push(embedded);
    else
      unusable.push(
        `PostgreSQL from npm in ${found.directory} does not run here${isMusl(search.root) ? ", since it needs glibc and this system has musl" : ""}`,
      );
  } else if (found.foreign) unusable.push(`${found.foreign} is for another platform than ${process.platform}-${process.arch}`);
  throw noPrograms(major, { installed, unusable });
}

/** `postgres (PostgreSQL) 15.18 (Debian …)`, `18beta1`. */
export function parseVersion(text: string): { major: number; version: string } | null {
  const version = /\(PostgreSQL\) ((\d+)[\w.]*)/.exec(text);
  return version ? { major: Number(version[2]), version: version[1] ?? "" } : null;
}

/** Newest major first; of two with the same one, the first on the PATH. */
async function readInstalled(search: ProgramSearch): Promise<ServerPrograms[]> {
  const found: ServerPrograms[] = [];
  for (const directory of programDirectories(places(search))) {
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

function places({ path, root, home }: ProgramSearch): PlacesToLook {
  return { path, home: home ?? homedir(), env: process.env, ...(root === undefined ? {} : { root }) };
}

interface Found {
  installed: ServerPrograms[];
  /** What was there and cannot be used, as ends of a sentence. */
  unusable: string[];
}

function noPrograms(major: number | null, { installed, unusable }: Found): WtError {
  const wanted = major === null ? "PostgreSQL" : `PostgreSQL ${major}`;
  const others = installed.map((each) => `${each.version} in ${each.directory}`).join(", ");
  const old = major === null && others ? `; worldtree needs ${oldestMajor} or newer` : "";
  const why = others ? `; found only ${others}${old}` : " on the PATH or in the usual places";
  const more = unusable.length > 0 ? `; ${unusable.join("; ")}` : others ? "" : `, and ${platformPackage()} is not there either`;
  const npm =
    major === null || embeddedVersion.startsWith(`${major}.`)
      ? `, or with \`npm install --global ${platformPackage()}@${embeddedVersion}\``
      : "";
  return new WtError({
    kind: "machine",
    code: "postgres_missing",
    message: `No programs of ${wanted} were found${why}${more}.`,
    hints: [
      `Install it with \`${installCommand(major)}\`${isMusl() ? "" : npm}.`,
      ...(others ? ["Or change `version:` of the resource in wt.yaml."] : []),
    ],
  });
}

function installCommand(major: number | null): string {
  if (process.platform === "darwin") return `brew install postgresql@${major ?? 18}`;
  if (isMusl()) return `apk add postgresql${major ?? 17}`;
  return `sudo apt-get install postgresql${major === null ? "" : `-${major}`}`;
}
