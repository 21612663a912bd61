// What a branch's first content is made of, read from the worktree, and the key of the template that holds it.
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { WtError } from "../../errors/wt-error.ts";
import { hashFile, hashInputs, locateInput } from "../../os/input-files.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import type { BranchOptions } from "./mysql-options.ts";
import type { ServerPrograms } from "./server-programs.ts";

export interface BranchInputs {
  from: { path: string; hash: string } | null;
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
    from: options.from === null ? null : await readSource(spec, options.from),
    templateCommands: kept ? commands : [],
    branchCommands: kept ? [] : commands,
    inputsHash: kept ? await hashInputs(spec.worktree, options.inputs, `resources.${spec.name}.inputs`) : null,
  };
}

/** Everything that makes one template another one. */
export function templateKey(programs: ServerPrograms, options: BranchOptions, inputs: BranchInputs | null): string {
  const parts = {
    format: 1,
    build: programs.build,
    platform: `${process.platform}-${process.arch}`,
    owner: process.getuid?.() === 0 ? "other" : "self",
    settings: options.settings,
    ...(inputs ? { from: inputs.from?.hash ?? null, commands: inputs.templateCommands, inputs: inputs.inputsHash } : {}),
  };
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 20);
}

/** False: the base template (an empty database) is all that is wanted. */
export function needsOwnTemplate(inputs: BranchInputs): boolean {
  return inputs.from !== null || inputs.templateCommands.length > 0;
}

async function readSource(spec: ResourceSpec, written: string): Promise<{ path: string; hash: string }> {
  const path = locateInput(written, spec);
  const problem = sourceProblem(path);
  if (problem === null) return { path, hash: await hashFile(path) };
  throw new WtError({
    kind: "config",
    code: "database_source",
    message: `resources.${spec.name}.from: ${problem.what}.`,
    hints: [problem.hint],
  });
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
