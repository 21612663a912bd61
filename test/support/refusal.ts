// What every refusal of the real `wt` must look like, and a picture of everything that it could have left behind.
import { Database } from "bun:sqlite";
import { expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type ErrorKind, exitCodes, type WireError } from "../../src/errors/wt-error.ts";
import { eventually, type HermeticWorld, type RunOptions } from "./hermetic-world.ts";

export interface Refusal extends RunOptions {
  kind: ErrorKind;
  code: string;
  /** What the sentence has to name. */
  names: (string | RegExp)[];
  /** What one of the hints has to say. */
  hint?: string | RegExp;
}

/**
 * Runs the command twice, for people and with `--json`: the exit code of the kind, one sentence that names the thing, a next step, no stack;
 * the same error as a document on stdout. Gives the document.
 */
export async function expectRefusal(world: HermeticWorld, args: string[], refusal: Refusal): Promise<WireError> {
  const text = await world.wt(args, refusal);
  expectSentence(text, refusal);
  const json = await world.wt([...args, "--json"], refusal);
  const { error } = JSON.parse(json.stdout) as { schema: 1; error: WireError };
  expect({ code: error.code, kind: error.kind, exit: json.code }).toEqual({
    code: refusal.code,
    kind: refusal.kind,
    exit: exitCodes[refusal.kind],
  });
  expect(error.stack).toBeUndefined();
  expect(text.stderr).toContain(`wt: ${error.message}\n`);
  return error;
}

export function expectSentence(ran: { code: number; stderr: string }, refusal: Refusal): void {
  const { stderr } = ran;
  const lines = stderr.split("\n");
  const sentences = lines.filter((line) => line.startsWith("wt: "));
  const hints = lines.filter((line) => /^ {2}(→|->) /.test(line));
  expect({ exit: ran.code, sentences: sentences.length, stderr }).toEqual({ exit: exitCodes[refusal.kind], sentences: 1, stderr });
  const [sentence = ""] = sentences;
  expect(sentence).toMatch(/[.!?]$/);
  for (const name of refusal.names) {
    if (typeof name === "string") expect(sentence).toContain(name);
    else expect(sentence).toMatch(name);
  }
  expect(stderr).not.toMatch(/^ +at /m);
  if (refusal.kind !== "cancelled") expect({ hints: hints.length > 0, stderr }).toEqual({ hints: true, stderr });
  if (typeof refusal.hint === "string") expect(hints.join("\n")).toContain(refusal.hint);
  else if (refusal.hint) expect(hints.join("\n")).toMatch(refusal.hint);
}

/** Everything that a refused or undone command could leave behind: compare two of these. */
export interface Traces {
  environments: string[];
  worktrees: string;
  refs: string;
  config: string;
  directories: string[];
  logs: string[];
  ledger: Record<string, unknown[]>;
  processes: number;
}

export async function traces(world: HermeticWorld): Promise<Traces> {
  const { environments } = await world.list();
  const names = (path: string) => (existsSync(path) && statSync(path).isDirectory() ? readdirSync(path).sort() : []);
  return {
    environments: environments.map(({ slug, status }) => `${slug} ${status}`).sort(),
    worktrees: await world.git(["worktree", "list", "--porcelain"]),
    refs: await world.git(["for-each-ref"]),
    config: await world.git(["config", "--local", "--list"]),
    directories: names(`${world.repository}.worktrees`),
    logs: names(join(world.directory, "state/worldtree/environments")),
    ledger: ledgerRows(world),
    processes: world.processes().filter((pid) => !isGit(pid)).length,
  };
}

/** Between commands the daemon asks git what `wt list` will want to know. */
function isGit(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "git";
  } catch {
    return true;
  }
}

/** Rows that belong to environments; those of services without what changes while they run. */
export function ledgerRows(world: HermeticWorld): Record<string, unknown[]> {
  const database = new Database(join(world.directory, "state/worldtree/ledger.sqlite"), { readonly: true });
  try {
    const rows = (query: string) => database.query(query).all();
    return {
      environments: rows("SELECT slug, host_label, branch, path, slot, wanted FROM environments ORDER BY slug"),
      leases: rows("SELECT kind, key, state FROM leases WHERE kind <> 'process' ORDER BY kind, key"),
      processes: rows("SELECT key FROM leases WHERE kind = 'process' ORDER BY key"),
      operations: rows("SELECT kind, step FROM operations ORDER BY seq"),
      services: rows("SELECT environment_id, service, wanted FROM services ORDER BY environment_id, service"),
      stamps: rows("SELECT environment_id, step FROM setup_stamps ORDER BY environment_id, step"),
    };
  } finally {
    database.close();
  }
}

/** Runs the work and expects that nothing at all is left of it. */
export async function leavesNothing(world: HermeticWorld, work: () => Promise<unknown>): Promise<void> {
  const before = await traces(world);
  await work();
  // What a command stopped is reaped a moment later.
  const same = (now: Traces) => Bun.deepEquals(now, before);
  expect(await eventually(() => traces(world), same, 3_000)).toEqual(before);
}
