// `type: exec`: the way to anything else. Commands of the repository make it and remove it; JSON goes in and comes out.
import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type JsonValue, WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { entryAt, writeFileAtomic } from "../../os/files.ts";
import { ensureMarkedDirectory, foreignDirectory, observeMarkedDirectory, removeMarkedDirectory } from "../../os/marked-directory.ts";
import { checkOptions, type OptionRules, textOption, variableName } from "../check-options.ts";
import type { ResourceCall, ResourceConnection, ResourceDriver, ResourceObservation, ResourceSpec } from "../resource-driver.ts";
import { lastLines, parseExecOutput } from "./exec-output.ts";

export const execOptions: OptionRules = {
  create: { kind: "command", required: true },
  destroy: { kind: "command", required: true },
  reset: { kind: "command" },
  check: { kind: "command" },
  variables: { kind: "texts", check: variableName },
};

export interface ExecResourceOptions {
  /** Complete environment of commands that nobody waits for: `destroy` and `check`. */
  env: Readonly<Record<string, string | undefined>>;
  destroyLimitMs?: number;
  checkLimitMs?: number;
}

export function createExecResource(given: ExecResourceOptions): ResourceDriver {
  const options = { destroyLimitMs: 120_000, checkLimitMs: 10_000, ...given };
  return {
    type: "exec",
    features: { checkpoints: false, sleep: false, port: false },
    variableNames: (written) => (Array.isArray(written.variables) ? written.variables.map(String) : []),
    parseOptions: (written) => checkOptions(written, execOptions),
    observe: (spec) => observe(spec, options),
    ensure: (spec, call) => ensure(spec, call, options),
    reset: (spec, call) => reset(spec, call, options),
    remove: (spec) => remove(spec, options),
    async connection(spec) {
      return (await ownRecord(spec))?.connection ?? null;
    },
    checkpoint: (spec) => Promise.reject(noCheckpoints(spec)),
    restore: (spec) => Promise.reject(noCheckpoints(spec)),
    removeCheckpoint: async () => undefined,
    sleep: async () => false,
    wake: async () => undefined,
    usage: async (spec) => ({ exclusiveBytes: null, sharedBytes: null, how: `only the commands of resources.${spec.name} know` }),
    adopt: async () => undefined,
    close: async () => undefined,
  };
}

type Limits = Required<ExecResourceOptions>;
type Verb = "create" | "destroy" | "reset" | "check";

async function observe(spec: ResourceSpec, limits: Limits): Promise<ResourceObservation> {
  const owner = await observeMarkedDirectory(spec.directory, markOf(spec));
  if (owner === "absent") return { state: "absent" };
  if (owner === "foreign") return { state: "foreign", reason: foreignDirectory(spec.directory).message };
  const record = readRecord(spec);
  if (!record?.connection) return { state: "broken", reason: `resources.${spec.name} was not made to its end.` };
  try {
    if (textOption(spec.options, "check") !== null) await runAlone(spec, "check", limits);
    return { state: "ready", detail: null };
  } catch (error) {
    return { state: "broken", reason: WtError.from(error).message };
  }
}

async function ensure(spec: ResourceSpec, call: ResourceCall, limits: Limits): Promise<ResourceConnection> {
  call.abort.throwIfAborted();
  const before = (await ownRecord(spec))?.connection ?? null;
  if (before && (await observe(spec, limits)).state === "ready") return before;
  await ensureMarkedDirectory(spec.directory, markOf(spec));
  if (before) return create(spec, call);
  await writeRecord(spec, { connection: null });
  try {
    return await create(spec, call);
  } catch (error) {
    // What it did until it failed is taken back; where that fails too, the record stays so that it is tried again.
    await remove(spec, limits).catch((failure) => call.report(WtError.from(failure).message));
    throw error;
  }
}

async function create(spec: ResourceSpec, call: ResourceCall): Promise<ResourceConnection> {
  const connection = await runLent(spec, "create", call);
  call.abort.throwIfAborted();
  await writeRecord(spec, { connection });
  return connection;
}

async function reset(spec: ResourceSpec, call: ResourceCall, limits: Limits): Promise<ResourceConnection> {
  const before = (await ownRecord(spec))?.connection;
  if (!before) throw notMade(spec);
  call.abort.throwIfAborted();
  if (textOption(spec.options, "reset") !== null) {
    await runLent(spec, "reset", call);
    return before;
  }
  await runAlone(spec, "destroy", limits);
  try {
    return await create(spec, call);
  } catch (error) {
    await writeRecord(spec, { connection: null });
    throw error;
  }
}

async function remove(spec: ResourceSpec, limits: Limits): Promise<void> {
  if ((await observeMarkedDirectory(spec.directory, markOf(spec))) === "ours" && readRecord(spec)) {
    await runAlone(spec, "destroy", limits);
    if (textOption(spec.options, "check") !== null) await requireGone(spec, limits);
  }
  await removeMarkedDirectory(spec.directory, markOf(spec));
}

async function requireGone(spec: ResourceSpec, limits: Limits): Promise<void> {
  const remains = await runAlone(spec, "check", limits).then(
    () => true,
    () => false,
  );
  if (!remains) return;
  throw new WtError({
    kind: "machine",
    code: "resource_remains",
    message: `resources.${spec.name}.destroy succeeded, but resources.${spec.name}.check still finds it.`,
    hints: [`Mend \`destroy\` of resources.${spec.name} in wt.yaml, then try again.`],
  });
}

/** Through the caller: marked, logged and ended like every command of the repository. */
async function runLent(spec: ResourceSpec, verb: "create" | "reset", call: ResourceCall): Promise<ResourceConnection> {
  const command = commandOf(spec, verb);
  const [input, output] = [join(spec.directory, "input.json"), join(spec.directory, "output.json")];
  const lent = `/bin/sh -c "$WT_RESOURCE_COMMAND" <"$WT_RESOURCE_INPUT" >"$WT_RESOURCE_OUTPUT"`;
  const variables = { WT_RESOURCE_COMMAND: command, WT_RESOURCE_INPUT: input, WT_RESOURCE_OUTPUT: output };
  try {
    await writeFile(input, inputOf(spec, verb), { mode: 0o600 });
    await writeFile(output, "", { mode: 0o600 });
    await call.run(lent, { ...readRecord(spec)?.connection?.variables, ...variables });
    const printed = readFileSync(output, "utf8");
    if (verb === "reset") return { variables: {}, values: {} };
    return parseExecOutput(printed, { place: placeOf(spec, verb), variables: namedVariables(spec) });
  } catch (error) {
    throw inOwnWords(error, { lent, command, place: placeOf(spec, verb), printed: output });
  } finally {
    for (const path of [input, output]) await rm(path, { force: true });
  }
}

/** What was lent out is our affair; people wrote `command`. */
function inOwnWords(error: unknown, of: { lent: string; command: string; place: string; printed: string }): unknown {
  if (!(error instanceof WtError) || !error.message.includes(of.lent)) return error;
  const printed = lastLines(entryAt(of.printed) ? readFileSync(of.printed, "utf8") : "", 5);
  return new WtError({
    kind: error.kind,
    code: error.code,
    message: error.message.replace(of.lent, of.command),
    hints: [...printed, ...error.hints],
    details: { ...error.details, place: of.place },
    cause: error,
  });
}

/** Nobody waits for these with a terminal: `destroy` when an environment goes, `check` when it is looked at. */
async function runAlone(spec: ResourceSpec, verb: "destroy" | "check", limits: Limits): Promise<void> {
  const command = commandOf(spec, verb);
  const limitMs = verb === "check" ? limits.checkLimitMs : limits.destroyLimitMs;
  const inherited = Object.entries(limits.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const abort = AbortSignal.timeout(limitMs);
  const result = await exec(["/bin/sh", "-c", command], {
    // A worktree that is gone took its scripts along; commands of the system still work.
    cwd: entryAt(spec.worktree) ? spec.worktree : spec.directory,
    env: { ...Object.fromEntries(inherited), ...readRecord(spec)?.connection?.variables },
    stdin: inputOf(spec, verb),
    abort,
    killSignal: "SIGTERM",
  }).catch((error: unknown) => {
    if (!abort.aborted) throw error;
    throw commandError(spec, verb, { how: `took longer than ${limitMs / 1000} seconds`, printed: "" });
  });
  if (result.code === 0) return;
  throw commandError(spec, verb, { how: `failed with code ${result.code}`, printed: `${result.stdout}\n${result.stderr}` });
}

function inputOf(spec: ResourceSpec, action: Verb): string {
  const { environmentId, nonce, name, label, worktree, mainWorktree, main } = spec;
  const connection = readRecord(spec)?.connection ?? null;
  return `${JSON.stringify({ action, environmentId, nonce, name, label, worktree, mainWorktree, main, connection })}\n`;
}

function commandOf(spec: ResourceSpec, verb: Verb): string {
  return textOption(spec.options, verb) ?? "";
}

function placeOf(spec: ResourceSpec, verb: Verb): string {
  return `resources.${spec.name}.${verb}`;
}

function namedVariables(spec: ResourceSpec): string[] | null {
  return Array.isArray(spec.options.variables) ? spec.options.variables.map(String) : null;
}

function markOf(spec: ResourceSpec): string {
  return `${spec.environmentId}/${spec.name}/${spec.nonce}`;
}

interface ExecRecord {
  /** null until `create` has succeeded. */
  connection: ResourceConnection | null;
}

function readRecord(spec: ResourceSpec): ExecRecord | null {
  try {
    return JSON.parse(readFileSync(join(spec.directory, "exec.json"), "utf8")) as ExecRecord;
  } catch {
    return null;
  }
}

/** What `create` printed may hold passwords. */
function writeRecord(spec: ResourceSpec, record: ExecRecord): Promise<void> {
  return writeFileAtomic(join(spec.directory, "exec.json"), `${JSON.stringify(record)}\n`, { mode: 0o600 });
}

async function ownRecord(spec: ResourceSpec): Promise<ExecRecord | null> {
  return (await observeMarkedDirectory(spec.directory, markOf(spec))) === "ours" ? readRecord(spec) : null;
}

function commandError(spec: ResourceSpec, verb: Verb, { how, printed }: { how: string; printed: string }): WtError {
  const details: { [key: string]: JsonValue } = { place: placeOf(spec, verb) };
  const hint = entryAt(spec.worktree)
    ? `Mend \`${verb}\` of resources.${spec.name} in wt.yaml, or what it complains about, then try again.`
    : `The worktree ${spec.worktree} is gone, and the scripts in it; bring it back with \`git worktree add\`, then try again.`;
  return new WtError({
    kind: "machine",
    code: "command_failed",
    message: `${placeOf(spec, verb)} \`${commandOf(spec, verb)}\` ${how}.`,
    hints: [...lastLines(printed, 10), hint],
    details,
  });
}

function notMade(spec: ResourceSpec): WtError {
  return new WtError({
    kind: "not_found",
    code: "resource_absent",
    message: `resources.${spec.name} was not made yet.`,
    hints: ["Run `wt up` to make it."],
  });
}

function noCheckpoints(spec: ResourceSpec): WtError {
  return new WtError({
    kind: "refused",
    code: "checkpoints_unsupported",
    message: `resources.${spec.name} is of type exec, which has no checkpoints.`,
    hints: [`Bring it back to its beginning: wt db reset ${spec.name}`],
  });
}
