// What a branch's first content is made of, read from the worktree, and the chain of templates that hold it.
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { basename } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { hashFile, hashParts, hashStages, locateInput } from "../../os/input-files.ts";
import type { ResourceSpec, SealedTemplate } from "../resource-driver.ts";
import { planStages, type Stage, type StageChain, type StageInputs } from "../template-stages.ts";
import type { BranchOptions } from "./mysql-options.ts";
import type { ServerPrograms } from "./server-programs.ts";

export interface SourceFile {
  path: string;
  hash: string;
}

export interface BranchInputs extends StageInputs {
  from: SourceFile | null;
  mask: SourceFile | null;
  /** Run in the branch itself, because nothing says when their outcome changes. */
  branchCommands: { key: string; command: string }[];
  inputsHash: string | null;
}

/** Reads and hashes everything. Throws `WtError` (`config`) naming the key. */
export async function readBranchInputs(spec: ResourceSpec, options: BranchOptions): Promise<BranchInputs> {
  const { migrate, seed, inputs, stageInputs } = options;
  const name = `resources.${spec.name}`;
  const stages = await hashStages({ worktree: spec.worktree, name, commands: { migrate, seed }, inputs, stageInputs });
  return {
    from: await readSource(spec, "from", options.from),
    mask: await readSource(spec, "mask", options.mask),
    migrate: stages.migrate,
    seed: stages.seed,
    branchCommands: stages.others,
    inputsHash: stages.hash,
  };
}

/** The chain of templates that this content is made through. */
export function stagesOf(programs: ServerPrograms, options: BranchOptions, inputs: BranchInputs): StageChain {
  const empty = {
    format: 1,
    build: programs.build,
    platform: `${process.platform}-${process.arch}`,
    owner: process.getuid?.() === 0 ? "other" : "self",
    settings: options.settings,
  };
  return planStages({ empty, extensions: [], inputs, hashOf: hashParts });
}

/** All that is in a stage, for people, in the order in which it got there. */
export function madeFrom(inputs: BranchInputs, { kind, migrations }: Pick<Stage, "kind"> & Pick<SealedTemplate, "migrations">): string[] {
  if (kind === "empty") return ["an empty database"];
  const { from, migrate, seed, mask } = inputs;
  const count = migrations ? ` (${migrations.all} migration${migrations.all === 1 ? "" : "s"})` : "";
  return [
    ...(from ? [`from ${basename(from.path)}`] : []),
    ...(migrate ? [`migrate: ${shortened(migrate.command)}${count}`] : []),
    ...(seed && kind !== "migrated" ? [`seed: ${shortened(seed.command)}`] : []),
    ...(mask ? [`mask ${basename(mask.path)}`] : []),
  ];
}

function shortened(command: string): string {
  const line = command.replace(/\s+/g, " ").trim();
  return line.length <= 80 ? line : `${line.slice(0, 79)}…`;
}

async function readSource(spec: ResourceSpec, option: "from" | "mask", written: string | null): Promise<SourceFile | null> {
  if (written === null) return null;
  const path = locateInput(written, spec);
  requireSqlFile(path, `resources.${spec.name}.${option}`);
  return { path, hash: await hashFile(path) };
}

/** Throws `WtError` (`config`) naming the key for what is no SQL file. */
export function requireSqlFile(path: string, key: string): void {
  const problem = sourceProblem(path);
  if (problem === null) return;
  throw new WtError({ kind: "config", code: "database_source", message: `${key}: ${problem.what}.`, hints: [problem.hint] });
}

function sourceProblem(path: string): { what: string; hint: string } | null {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (!entry) return { what: `the file ${path} does not exist`, hint: "Write its path as seen from the worktree." };
  if (!entry.isFile()) return { what: `${path} is not a file`, hint: "Name an SQL file, such as `mariadb-dump` writes." };
  const head = Buffer.alloc(512);
  const file = openSync(path, "r");
  const length = readSync(file, head, 0, head.length, 0);
  closeSync(file);
  if (head[0] === 0x1f && head[1] === 0x8b)
    return { what: `${path} is compressed with gzip`, hint: `Unpack it first: \`gunzip -k ${path}\`.` };
  if (head.subarray(0, length).includes(0))
    return { what: `${path} is not an SQL file`, hint: "Make one with `mariadb-dump --routines <database>`." };
  return null;
}
