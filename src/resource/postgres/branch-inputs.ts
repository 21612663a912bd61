// What a branch's first content is made of, read from the worktree.
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { hashFile, hashStages, locateInput } from "../../os/input-files.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import type { StageInputs } from "../template-stages.ts";
import { type DumpKind, readDumpKind } from "./load-dump.ts";
import type { BranchOptions } from "./postgres-options.ts";

export interface SourceFile {
  path: string;
  kind: DumpKind;
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

async function readSource(spec: ResourceSpec, option: "from" | "mask", written: string | null): Promise<SourceFile | null> {
  if (written === null) return null;
  const key = `resources.${spec.name}.${option}`;
  const path = locateInput(written, spec);
  const kind = await readDumpKind(path, key);
  if (option === "mask" && kind !== "sql") {
    throw new WtError({ kind: "config", code: "database_source", message: `${key}: ${path} is not an SQL file.` });
  }
  return { path, kind, hash: await hashFile(kind === "directory" ? join(path, "toc.dat") : path) };
}
