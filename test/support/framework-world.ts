// A world with one of the real apps of test/fixtures/apps, none of which has a wt.yaml, and two worktrees that say different things.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import type { EnvironmentDocument } from "../../src/api/environment.ts";
import { findChromium } from "./chromium.ts";
import { type HermeticWorld, hermeticWorld } from "./hermetic-world.ts";

const apps = resolve(import.meta.dir, "../fixtures/apps");

/** Frameworks install and start in seconds on a quiet machine; a cold cache on a busy one takes longer. */
export const frameworkDeadlineMs = 240_000;

export type Environment = EnvironmentDocument["environment"];

export interface FrameworkWorld extends AsyncDisposable {
  world: HermeticWorld;
  /** Created and up, with the text `this is a` in `file` of its branch. */
  a: Environment;
  b: Environment;
}

export interface FrameworkOptions {
  app: string;
  /** Holds the text `this is main`. */
  file: string;
}

export async function frameworkWorld({ app, file }: FrameworkOptions): Promise<FrameworkWorld> {
  const world = await hermeticWorld();
  try {
    writePackageSettings(world.directory);
    // Nuxt leaves its sockets there.
    world.env.TMPDIR = join(world.directory, "tmp");
    mkdirSync(world.env.TMPDIR);
    const files = readApp(app);
    await world.write(files);
    await world.commit("first");
    for (const name of ["a", "b"]) {
      await world.git(["checkout", "--quiet", "-b", name]);
      await world.write({ [file]: (files[file] ?? "").replace("this is main", `this is ${name}`) });
      await world.commit(`say ${name}`);
      await world.git(["checkout", "--quiet", "main"]);
    }
    await world.ok(["trust", "--yes"]);
    const [a, b] = await Promise.all(
      ["a", "b"].map(async (name) => JSON.parse(await world.ok(["create", name, "--json"])).environment as Environment),
    );
    return { world, a: a as Environment, b: b as Environment, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
  } catch (error) {
    await world[Symbol.asyncDispose]();
    throw error;
  }
}

/** `app` is a name in test/fixtures/apps, or an absolute path. */
export function readApp(app: string): Record<string, string> {
  const root = resolve(apps, app);
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.parentPath.includes("node_modules"),
  );
  return Object.fromEntries(
    entries.map((entry) => join(entry.parentPath, entry.name)).map((path) => [relative(root, path), readFileSync(path, "utf8")]),
  );
}

/** A world has a HOME of its own; registry and caches of npm and pip are the machine's. */
export function writePackageSettings(directory: string): void {
  const asked = Bun.spawnSync(["npm", "config", "get", "registry", "cache"], { cwd: apps, stdout: "pipe", stderr: "ignore" });
  const settings = asked.stdout
    .toString()
    .split("\n")
    .filter((line) => /^(registry|cache)=/.test(line));
  const lines = [...settings, "prefer-offline=true", "audit=false", "fund=false", "update-notifier=false", ""];
  writeFileSync(join(directory, "home/.npmrc"), lines.join("\n"));
  mkdirSync(join(directory, "config/pip"));
  writeFileSync(join(directory, "config/pip/pip.conf"), `[global]\ncache-dir = ${process.env.HOME ?? tmpdir()}/.cache/pip\n`);
}

/** Why a test cannot run here, or null. In CI everything is installed, so nothing is skipped there. */
export function missing(...needs: ("npm" | "pip" | "chromium")[]): string | null {
  if (process.env.CI) return null;
  const reason = needs.map((need) => probes[need]()).find((answer) => answer !== null) ?? null;
  if (reason) console.log(`Skipped: ${reason}`);
  return reason;
}

const probes: Record<"npm" | "pip" | "chromium", () => string | null> = {
  npm() {
    if (!Bun.which("npm")) return "npm is not installed.";
    return succeeds(["npm", "view", "--prefer-offline", "express", "name"]) ? null : "npm reaches no registry.";
  },
  pip() {
    if (!Bun.which("python3")) return "python3 is not installed.";
    const directory = mkdtempSync(join(tmpdir(), "wt-venv-"));
    try {
      if (!succeeds(["python3", "-m", "venv", directory])) return "python3 cannot make virtual environments (Debian: python3-venv).";
      const install = [`${directory}/bin/python`, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps", "asgiref"];
      return succeeds(install) ? null : "pip reaches no package index.";
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
  chromium: () => (findChromium() ? null : "Chromium is not installed."),
};

function succeeds(command: string[]): boolean {
  return Bun.spawnSync(command, { cwd: tmpdir(), stdin: "ignore", stdout: "ignore", stderr: "ignore" }).exitCode === 0;
}

export interface PortHolder {
  pid: number;
  /** Which environment and service the process was started for, as its own environment says. */
  environment: string | null;
  service: string | null;
}

/** Linux: the processes that listen on the port, found in /proc alone. */
export function holdersOf(port: number): PortHolder[] {
  const inodes = new Set(["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) => listeningInodes(table, port)));
  const links = [...inodes].map((inode) => `socket:[${inode}]`);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && heldFiles(name).some((link) => links.includes(link)))
    .map((name) => {
      const variables = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
      const value = (key: string) => variables.find((each) => each.startsWith(`${key}=`))?.slice(key.length + 1) ?? null;
      return { pid: Number(name), environment: value("WT_ENVIRONMENT"), service: value("WT_SERVICE") };
    });
}

function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readFileSync(table, "utf8")
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
  return rows.filter((row) => row[1]?.endsWith(suffix) && row[3] === "0A").map((row) => row[9] ?? "");
}

function heldFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return "";
      }
    });
  } catch {
    return [];
  }
}
