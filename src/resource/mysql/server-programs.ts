// Which MySQL or MariaDB of this machine runs a branch.
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";

export type Flavor = "mysql" | "mariadb";

export interface ServerPrograms {
  server: string;
  /** MariaDB's script that makes a data directory; MySQL's server does it itself. */
  installer: string | null;
  flavor: Flavor;
  /** `10.11.19`. */
  version: string;
  /** All of `--version`: tells builds apart. */
  build: string;
}

export interface ProgramWish {
  /** `type:` in wt.yaml: `mysql` takes either, MySQL itself first. */
  type: Flavor;
  version: string | null;
  path: string;
}

export function programTitle({ flavor, version }: Pick<ServerPrograms, "flavor" | "version">): string {
  return `${flavor === "mariadb" ? "MariaDB" : "MySQL"} ${version}`;
}

/** Throws `WtError` (`machine`, `mysql_missing`) when there are none that fit. */
export async function findServerPrograms(wish: ProgramWish): Promise<ServerPrograms> {
  const found: ServerPrograms[] = [];
  for (const server of installedServers(wish.path)) {
    const programs = await readPrograms(server, wish.path);
    if (programs) found.push(programs);
  }
  const fitting = found.filter((each) => (wish.type === "mysql" || each.flavor === "mariadb") && fits(each.version, wish.version));
  const best = fitting.find((each) => each.flavor === wish.type) ?? fitting[0];
  if (best) return best;
  throw noPrograms(wish, found);
}

/** The client program of MySQL or MariaDB by one of these names, the first that is installed; null: none. */
export function findClient(names: readonly string[], path: string): string | null {
  const PATH = [path, "/usr/local/mysql/bin", ...brewDirectories()].join(delimiter);
  return names.map((name) => Bun.which(name, { PATH })).find((found) => found !== null) ?? null;
}

/** `mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for …`, `/usr/sbin/mysqld  Ver 8.0.36-0ubuntu0.22.04.1 for …`. */
export function parseServerVersion(text: string): { flavor: Flavor; version: string } | null {
  const version = /\bVer (\d+\.\d+\.\d+)/.exec(text)?.[1];
  return version ? { flavor: /MariaDB/i.test(text) ? "mariadb" : "mysql", version } : null;
}

function fits(version: string, wanted: string | null): boolean {
  return wanted === null || version === wanted || version.startsWith(`${wanted}.`);
}

async function readPrograms(server: string, path: string): Promise<ServerPrograms | null> {
  const answer = await exec([server, "--no-defaults", "--version"], { cwd: "/", env: { LC_ALL: "C" } }).catch(() => null);
  const parsed = answer?.code === 0 ? parseServerVersion(answer.stdout) : null;
  if (!answer || !parsed) return null;
  const beside = [dirname(server), join(dirname(server), "../bin"), join(dirname(server), "../scripts"), path].join(delimiter);
  const names = ["mariadb-install-db", "mysql_install_db"];
  const installer = parsed.flavor === "mysql" ? null : (names.map((name) => Bun.which(name, { PATH: beside })).find(Boolean) ?? null);
  if (parsed.flavor === "mariadb" && installer === null) return null;
  return { server, installer, ...parsed, build: answer.stdout.replace(server, "").trim() };
}

/** Without doubles: `mysqld` may be a link to `mariadbd`. */
function installedServers(path: string): string[] {
  const directories = [...path.split(delimiter).filter((each) => each.startsWith("/")), ...serverDirectories()];
  const found = new Set<string>();
  for (const directory of directories) {
    for (const name of ["mariadbd", "mysqld"]) if (existsSync(join(directory, name))) found.add(realpathSync(join(directory, name)));
  }
  return [...found];
}

/** Where the distributions put servers, which are seldom on the PATH. */
function serverDirectories(): string[] {
  const fixed = ["/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/libexec", "/usr/bin", "/usr/local/mysql/bin"];
  return [...fixed, ...brewDirectories()];
}

/** Homebrew puts no version of MySQL but the newest on the PATH. */
function brewDirectories(): string[] {
  return ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"].flatMap((parent) =>
    namesIn(parent)
      .filter((name) => /^(mysql|mariadb)(-client)?(@[\d.]+)?$/.test(name))
      .map((name) => join(parent, name, "bin")),
  );
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function noPrograms({ type, version }: ProgramWish, found: readonly ServerPrograms[]): WtError {
  const wanted = `${type === "mariadb" ? "MariaDB" : "MySQL or MariaDB"}${version === null ? "" : ` ${version}`}`;
  const others = found.map((each) => `${programTitle(each)} (${each.server})`).join(", ");
  const install = process.platform === "darwin" ? "brew install mariadb" : "sudo apt-get install mariadb-server";
  return new WtError({
    kind: "machine",
    code: "mysql_missing",
    message: `No server of ${wanted} was found${others ? `; there is only ${others}` : " on the PATH or in the usual places"}.`,
    hints: [
      others ? "Change `type:` or `version:` of the resource in wt.yaml, or install that one." : `Install it with \`${install}\`.`,
      "Or name a server that is there already: `server: mysql://root:secret@localhost:3306`.",
    ],
  });
}
