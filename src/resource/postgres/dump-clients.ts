// PostgreSQL's client programs as they are installed here: also without a server beside them.
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { parseVersion } from "./server-programs.ts";

export interface ClientSearch {
  /** PATH. */
  searchPath: string;
  /** Looked into first; null: none. */
  programs: string | null;
  /** Major version of the server; an older program refuses to speak to it. */
  major: number;
}

/** The program of the server's own major version, else the oldest of a newer one. Throws `WtError` (`machine`, `client_missing`) that says what to install. */
export async function findClient(name: "pg_dump" | "pg_restore" | "psql", search: ClientSearch): Promise<string> {
  const found: { path: string; major: number; version: string }[] = [];
  for (const path of candidates(name, search)) {
    const answer = await exec([path, "--version"], { cwd: "/", env: { LC_ALL: "C", PATH: search.searchPath } }).catch(() => null);
    const version = answer?.code === 0 ? parseVersion(answer.stdout) : null;
    if (version?.major === search.major) return path;
    if (version) found.push({ path, ...version });
  }
  const [next] = found.filter(({ major }) => major > search.major).sort((a, b) => a.major - b.major);
  if (next) return next.path;
  const others = found.map(({ version, path }) => `${version} (${path})`).join(", ");
  throw new WtError({
    kind: "machine",
    code: "client_missing",
    message: `${name} of PostgreSQL ${search.major} or newer is needed and was not found${others ? `; there is only ${others}` : ""}.`,
    hints: [
      process.platform === "darwin"
        ? `Install it: brew install libpq (or postgresql@${search.major})`
        : `Install it: sudo apt-get install postgresql-client-${search.major} (or postgresql-client)`,
    ],
    details: { program: name, major: search.major },
  });
}

function candidates(name: string, { searchPath, programs }: ClientSearch): string[] {
  const directories = [...(programs === null ? [] : [programs]), ...searchPath.split(delimiter).filter((each) => each.startsWith("/"))];
  directories.push(...below("/usr/lib/postgresql", "bin"), ...below("/usr", "bin", /^pgsql-\d+$/));
  for (const brew of ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"]) {
    directories.push(...below(brew, "bin", /^(postgresql(@\d+)?|libpq)$/));
  }
  directories.push(...below("/Applications/Postgres.app/Contents/Versions", "bin"));
  const found = new Map<string, string>();
  for (const directory of directories) {
    const path = join(directory, name);
    // Debian's wrapper chooses a program by the name it was called by, so the link itself is what is run.
    if (existsSync(path) && !found.has(real(path))) found.set(real(path), path);
  }
  return [...found.values()];
}

function real(path: string): string {
  const target = realpathSync(path);
  return target.endsWith("pg_wrapper") ? path : target;
}

function below(parent: string, name: string, names = /^\d+$/): string[] {
  try {
    return readdirSync(parent)
      .filter((each) => names.test(each))
      .map((each) => join(parent, each, name));
  } catch {
    return [];
  }
}
