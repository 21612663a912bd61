// What a branch's first content is made of, read from the worktree, and the key of the template that holds it.
import { createReadStream, existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { type DumpKind, readDumpKind } from "./load-dump.ts";
import type { BranchOptions } from "./postgres-options.ts";
import type { ServerPrograms } from "./server-programs.ts";

export interface SourceFile {
  path: string;
  kind: DumpKind;
  hash: string;
}

export interface BranchInputs {
  from: SourceFile | null;
  mask: SourceFile | null;
  /** Run when the template is built: their files are part of its key. */
  templateCommands: { key: string; command: string }[];
  /** Run in the branch itself, because nothing says when their outcome changes. */
  branchCommands: { key: string; command: string }[];
  inputsHash: string | null;
}

/** Reads and hashes everything. Throws `WtError` (`config`) naming the key. */
export async function readBranchInputs(spec: ResourceSpec, options: BranchOptions): Promise<BranchInputs> {
  const commands = (["migrate", "seed"] as const).flatMap((key) => {
    const command = options[key];
    return command === null ? [] : [{ key, command }];
  });
  const kept = options.inputs.length > 0;
  return {
    from: await readSource(spec, "from", options.from),
    mask: await readSource(spec, "mask", options.mask),
    templateCommands: kept ? commands : [],
    branchCommands: kept ? [] : commands,
    inputsHash: kept ? await hashInputs(spec, options.inputs) : null,
  };
}

/** Everything that makes one template another one. */
export function templateKey(programs: ServerPrograms, options: BranchOptions, inputs: BranchInputs | null): string {
  const parts = {
    format: 2,
    build: programs.build,
    platform: `${process.platform}-${process.arch}`,
    owner: process.getuid?.() === 0 ? "other" : "self",
    locale: options.locale,
    ...(inputs
      ? {
          extensions: options.extensions,
          from: inputs.from?.hash ?? null,
          mask: inputs.mask?.hash ?? null,
          commands: inputs.templateCommands,
          inputs: inputs.inputsHash,
        }
      : {}),
  };
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 20);
}

/** False: the base template (an empty database) is all that is wanted. */
export function needsOwnTemplate(options: BranchOptions, inputs: BranchInputs): boolean {
  return inputs.from !== null || inputs.mask !== null || inputs.templateCommands.length > 0 || options.extensions.length > 0;
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

async function hashInputs(spec: ResourceSpec, patterns: string[]): Promise<string> {
  const files = new Set<string>();
  for (const pattern of patterns) {
    const names = statSync(join(spec.worktree, pattern), { throwIfNoEntry: false })?.isDirectory()
      ? `${pattern.replace(/\/+$/, "")}/**/*`
      : pattern;
    const found = [...new Bun.Glob(names).scanSync({ cwd: spec.worktree, onlyFiles: true, dot: true })];
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
  const hasher = new Bun.CryptoHasher("sha256");
  for (const name of [...files].sort()) hasher.update(`${name}\0${await hashFile(join(spec.worktree, name))}\0`);
  return hasher.digest("hex");
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
