// What a branch's first content is made of, read from the worktree.
import { createReadStream, existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { type DumpKind, readDumpKind } from "./load-dump.ts";
import type { InputFile } from "./migration-order.ts";
import type { BranchOptions } from "./postgres-options.ts";

export interface SourceFile {
  path: string;
  kind: DumpKind;
  hash: string;
}

/** A command whose outcome is kept in a template while its files are the same. */
export interface StageCommand {
  command: string;
  files: InputFile[];
}

export interface BranchInputs {
  from: SourceFile | null;
  mask: SourceFile | null;
  /** Run when the template is built. */
  migrate: StageCommand | null;
  seed: StageCommand | null;
  /** Run in the branch itself, because nothing says when their outcome changes. */
  branchCommands: { key: string; command: string }[];
  inputsHash: string | null;
}

/** Reads and hashes everything. Throws `WtError` (`config`) naming the key. */
export async function readBranchInputs(spec: ResourceSpec, options: BranchOptions): Promise<BranchInputs> {
  const { migrate, seed, inputs, stageInputs } = options;
  const patterns = { migrate: stageInputs?.migrate ?? inputs, seed: stageInputs?.seed ?? inputs };
  const stage = async (key: "migrate" | "seed"): Promise<StageCommand | null> => {
    const command = options[key];
    if (command === null || patterns[key].length === 0) return null;
    return { command, files: await hashInputs(spec, patterns[key]) };
  };
  const made = { migrate: await stage("migrate"), seed: await stage("seed") };
  const branchCommands = [
    ...(migrate !== null && !made.migrate ? [{ key: "migrate", command: migrate }] : []),
    ...(seed !== null && !made.seed ? [{ key: "seed", command: seed }] : []),
  ];
  const files = [...(made.migrate?.files ?? []), ...(made.seed?.files ?? [])];
  return {
    from: await readSource(spec, "from", options.from),
    mask: await readSource(spec, "mask", options.mask),
    ...made,
    branchCommands,
    inputsHash: inputs.length > 0 ? new Bun.CryptoHasher("sha256").update(JSON.stringify(files)).digest("hex") : null,
  };
}

async function readSource(spec: ResourceSpec, option: "from" | "mask", written: string | null): Promise<SourceFile | null> {
  if (written === null) return null;
  const key = `resources.${spec.name}.${option}`;
  const path = locate(spec, written);
  const kind = await readDumpKind(path, key);
  if (option === "mask" && kind !== "sql") {
    throw new WtError({ kind: "config", code: "database_source", message: `${key}: ${path} is not an SQL file.` });
  }
  return { path, kind, hash: await hashFile(kind === "directory" ? join(path, "toc.dat") : path) };
}

/** In the worktree, else in the main one: dumps are seldom in git. */
function locate(spec: ResourceSpec, written: string): string {
  const home = written.startsWith("~/") ? join(homedir(), written.slice(2)) : written;
  if (isAbsolute(home)) return home;
  const here = join(spec.worktree, home);
  const main = join(spec.mainWorktree, home);
  return !existsSync(here) && existsSync(main) ? main : here;
}

/** What installs and builds make is no input, whatever the pattern: Django's own migrations lie below `.venv`. */
const made = /(^|\/)(node_modules|\.venv|venv|\.tox|\.git|__pycache__)(\/|$)/;

async function hashInputs(spec: ResourceSpec, patterns: string[]): Promise<InputFile[]> {
  const files = new Set<string>();
  for (const pattern of patterns) {
    const names = statSync(join(spec.worktree, pattern), { throwIfNoEntry: false })?.isDirectory()
      ? `${pattern.replace(/\/+$/, "")}/**/*`
      : pattern;
    const scanned = [...new Bun.Glob(names).scanSync({ cwd: spec.worktree, onlyFiles: true, dot: true })];
    const found = scanned.filter((name) => made.test(pattern) || !made.test(name));
    for (const name of found) files.add(name);
    if (found.length === 0) {
      throw new WtError({
        kind: "config",
        code: "inputs_missing",
        message: `resources.${spec.name}.inputs: ${JSON.stringify(pattern)} matches no file in ${spec.worktree}.`,
        hints: ["Name the files or directories that the migration reads, such as `migrations/**`."],
      });
    }
  }
  const hashed: InputFile[] = [];
  for (const path of [...files].sort()) hashed.push({ path, hash: await hashFile(join(spec.worktree, path)) });
  return hashed;
}

/** Hashes of large dumps are remembered while the file is the same. */
const remembered = new Map<string, string>();

async function hashFile(path: string): Promise<string> {
  const { size, mtimeMs, ino } = statSync(path);
  const key = `${path}\0${size}\0${mtimeMs}\0${ino}`;
  const known = remembered.get(key);
  if (known) return known;
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hasher.update(chunk as Buffer);
  const hash = hasher.digest("hex");
  if (size > 1 << 20) remembered.set(key, hash);
  return hash;
}
