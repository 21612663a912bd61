// Lives one history: each happening on the machine and in the model, then the look whether everything still holds.
import { createCheckpoint, removeCheckpoint, restoreCheckpoint } from "../../src/daemon/checkpoint-operations.ts";
import { createEnvironment } from "../../src/daemon/create-environment.ts";
import { deleteEnvironment } from "../../src/daemon/delete-environment.ts";
import { collect } from "../../src/daemon/gc.ts";
import type { Call } from "../../src/daemon/journaled-run.ts";
import { tidyKept } from "../../src/daemon/kept-upkeep.ts";
import { resetOperation } from "../../src/daemon/resource-operations.ts";
import { purgeNamed, undeleteEnvironment } from "../../src/daemon/undelete-environment.ts";
import { downEnvironment, upEnvironment } from "../../src/daemon/up-environment.ts";
import type { World } from "../../src/daemon/world.ts";
import { WtError } from "../../src/errors/wt-error.ts";
import { machineError } from "../../src/os/machine-error.ts";
import { snapshot, violations } from "./check-history.ts";
import { givenUpBy, givenUpWith, keptFor } from "./given-up.ts";
import { type HistoryWorld, historyWorld } from "./history-world.ts";
import type { Accident } from "./instants.ts";
import { databaseModel, doByHand, emptyModel, environmentOf, type Model } from "./model.ts";
import { branchNames, type Command, type Happening, type Story, type UserAction } from "./operations.ts";

/** What happened over all, so that a run can say what it has proven. */
export interface Tally {
  commands: number;
  succeeded: number;
  crashes: number;
  errors: number;
  /** By code. */
  refusals: Map<string, number>;
}

export function emptyTally(): Tally {
  return { commands: 0, succeeded: 0, crashes: 0, errors: 0, refusals: new Map() };
}

export interface Living {
  history: HistoryWorld;
  model: Model;
  story: string[];
  tally: Tally;
}

/** Throws with everything that does not hold, and the story up to there. */
export async function liveHistory({ keeps, happenings }: Story, tally: Tally = emptyTally()): Promise<void> {
  await using history = await historyWorld({ keeps });
  const living: Living = { history, model: emptyModel(), story: [], tally };
  for (const happening of happenings) await liveOn(living, happening);
}

/** One more happening; what was cut off is recovered, twice. Gives whether its accident has struck. */
export async function liveOn(living: Living, happening: Happening): Promise<boolean> {
  const { history, model, story, tally } = living;
  const verify = (when: string, more: readonly string[] = []) => {
    const found = [...more, ...violations(history, model)];
    if (found.length === 0) return;
    throw new Error(`After ${when}:\n  ${found.join("\n  ")}\nThe story:\n  ${story.join("\n  ")}`);
  };
  const said = await live(history, model, { happening, tally });
  story.push(`${JSON.stringify(happening)} → ${said.join("; ")}`);
  const struck = history.life.struckAt !== null;
  history.life.expect(null);
  if (struck || history.life.dead) {
    const again = (happening.kind === "command" && happening.again) || null;
    if (again) await history.restart({ accident: again });
    if (again && history.life.struckAt !== null) story.push(`crash of the next daemon at ${history.life.struckAt}`);
    if (!again || history.life.dead) await history.restart();
    history.life.expect(null);
    const unexpected = history.reported.map((error) => `the next daemon reports: ${text(error)}`);
    await history.quiet();
    verify(said.join("; "), unexpected);
    const before = snapshot(history);
    await history.restart();
    await history.quiet();
    const after = snapshot(history);
    if (before !== after) verify("a second recovery", [`something changed: ${difference(before, after)}`]);
  } else {
    await history.quiet();
    verify(said.join("; "));
  }
  history.machine.services = history.machine.services.filter((one) => !one.end);
  return struck;
}

async function live(history: HistoryWorld, model: Model, { happening, tally }: { happening: Happening; tally: Tally }): Promise<string[]> {
  if (happening.kind === "user") {
    await doByHand(history, model, { action: happening.action, alone: true });
    return ["done by hand"];
  }
  if (happening.kind === "restart") {
    await history.restart(happening);
    return ["restarted"];
  }
  if (happening.kind === "days") return passDays(history, model, { happening, tally });
  history.life.expect(happening.accident);
  const { alongside } = happening;
  const letGo = givenUpBy(
    history,
    [happening.command, alongside].filter((one) => one !== null && isCommand(one)).map((one) => sensible(history, one)),
  );
  model.works = model.works.filter(letGo);
  const outcomes = await Promise.all([
    carryOut(history, model, { command: happening.command, beside: alongside, tally }),
    ...(alongside === null
      ? []
      : [
          isCommand(alongside)
            ? carryOut(history, model, { command: alongside, beside: happening.command, tally })
            : byHand(history, model, alongside),
        ]),
  ]);
  // Also what was written meanwhile.
  model.works = model.works.filter(letGo);
  return [...outcomes, ...struckBy(history, happening.accident, tally)];
}

/** What is kept goes when its time is over, whether or not somebody still wanted it. */
async function passDays(
  history: HistoryWorld,
  model: Model,
  { happening, tally }: { happening: Extract<Happening, { kind: "days" }>; tally: Tally },
): Promise<string[]> {
  history.pass(happening.days);
  const over = history.ledger.deleted().filter(({ expiresAtMs }) => expiresAtMs <= history.nowMs());
  model.works = model.works.filter(givenUpWith(history, over));
  history.life.expect(happening.accident);
  const outcome = await history.act(tidyKept);
  if (outcome !== null && "error" in outcome) throw new Error(`tidying threw: ${text(outcome.error)}`);
  return [`${over.length} are over`, ...struckBy(history, happening.accident, tally)];
}

function struckBy({ life }: HistoryWorld, accident: Accident | null, tally: Tally): string[] {
  if (life.struckAt === null) return [];
  if (accident?.kind === "crash") tally.crashes++;
  else tally.errors++;
  return [`${accident?.kind} at ${life.struckAt}`];
}

const gcRequest = { all: false, mergedOnly: false, adopted: false, environments: null };
const commands = new Set([
  "create",
  "delete",
  "undelete",
  "purge",
  "gc",
  "up",
  "down",
  "reset",
  "checkpoint",
  "restore",
  "remove_checkpoint",
]);

function isCommand(what: Command | UserAction): what is Command {
  return commands.has(what.do);
}

async function byHand(history: HistoryWorld, model: Model, action: UserAction): Promise<string> {
  await doByHand(history, model, { action, alone: false });
  return `${action.do} by hand`;
}

interface Carried {
  command: Command;
  /** What happens at the same time. */
  beside: Command | UserAction | null;
  tally: Tally;
}

async function carryOut(history: HistoryWorld, model: Model, asked: Carried): Promise<string> {
  const { tally } = asked;
  const command = sensible(history, asked.command);
  tally.commands++;
  const environment = environmentOf(history, command.branch);
  const database = environment ? databaseModel(model, environment.id) : null;
  if (database) foresee(database, command, asked.beside);
  // What has no worktree is not kept.
  if (database && command.do === "delete")
    database.mayBeGone ||= !history.keeps || command.purge || model.removedByHand.has(environment?.path ?? "");
  if (command.do === "gc") for (const one of model.databases.values()) one.mayBeGone ||= !history.keeps || model.removedByHand.size > 0;
  const { root: cwd, env } = history.repository;
  const name = nameFor(history, command);
  const outcome = await history.act((world, call) => request({ world, call, cwd, env, name }, command));
  if (outcome === null) return `${command.do} was cut off`;
  if ("error" in outcome) {
    // As the one who asked would be told.
    const failure = WtError.from(machineError(outcome.error));
    tally.refusals.set(failure.code, (tally.refusals.get(failure.code) ?? 0) + 1);
    // A bug of ours is one on a broken machine, too.
    if (failure.kind === "internal") throw new Error(`${command.do} failed with a bug: ${text(outcome.error)}`);
    return `${command.do} failed: ${failure.code}: ${failure.message}`;
  }
  tally.succeeded++;
  return `${command.do} succeeded`;
}

/** Most commands should find something to work on; now and then one that does not stays as it is. */
function sensible(history: HistoryWorld, command: Command): Command {
  if (command.branch === branchNames.length - 1 || command.do === "create" || command.do === "gc") return command;
  const has =
    command.do === "undelete" || command.do === "purge" ? keptFor(history, command.branch) : environmentOf(history, command.branch);
  return has ? command : { do: "create", branch: command.branch, up: true, resume: false };
}

/** What a command may do to a database, whether or not it comes to its end. */
function foresee(database: ReturnType<typeof databaseModel>, command: Command, beside: Carried["beside"]): void {
  if (command.do === "reset") database.contents.add(null);
  if (!("id" in command)) return;
  const id = `c${command.id}`;
  const known = database.checkpoints.get(id);
  // What is removed meanwhile can be made anew.
  const anew = command.do === "checkpoint" && beside?.do === "remove_checkpoint" ? database.contents : [];
  if (command.do === "checkpoint")
    database.checkpoints.set(id, known ? new Set([...known, ...anew]) : new Set([...database.contents, "gone"]));
  if (command.do === "restore") for (const content of known ?? []) if (content !== "gone") database.contents.add(content);
  if (command.do === "remove_checkpoint") known?.add("gone");
}

function nameFor(history: HistoryWorld, command: Command): string {
  const name = branchNames[command.branch] ?? "";
  if (command.do === "create") return name;
  if (command.do === "undelete" || command.do === "purge") return keptFor(history, command.branch)?.id ?? name;
  return environmentOf(history, command.branch)?.slug ?? name;
}

interface Asked {
  world: World;
  call: Call;
  name: string;
  cwd: string;
  env: Record<string, string>;
}

function request({ world, call, cwd, env, name }: Asked, command: Command): Promise<unknown> {
  const target = { cwd, name };
  switch (command.do) {
    case "create":
      return createEnvironment(world, { cwd, branch: name, up: command.up, env, resume: command.resume, git: "skip" }, call);
    case "delete":
      return deleteEnvironment(world, { target, force: command.force, branch: command.withBranch, purge: command.purge }, call);
    case "undelete":
      return undeleteEnvironment(world, { cwd, name, up: command.up, env }, call);
    case "purge":
      return purgeNamed(world, { cwd, name }, call);
    case "gc":
      return collect(world, { ...gcRequest, cwd, dryRun: command.dryRun, olderThanMs: command.old ? 0 : null }, call);
    case "up":
      return upEnvironment(world, { target, services: [], env, anew: command.anew }, call);
    case "down":
      return downEnvironment(world, { target, services: [] }, call);
    case "reset":
      return resetOperation(world, { target, resource: "db", restart: false, env }, call);
    case "checkpoint":
      return createCheckpoint(world, { target, id: `c${command.id}` }, call);
    case "restore":
      return restoreCheckpoint(world, { target, id: `c${command.id}`, restart: false, env }, call);
    case "remove_checkpoint":
      return removeCheckpoint(world, { target, id: `c${command.id}` }, call);
  }
}

function difference(before: string, after: string): string {
  const [old, fresh] = [before, after].map((one) => one.split("\n"));
  const gone = old?.filter((line) => !fresh?.includes(line)).slice(0, 8) ?? [];
  const come = fresh?.filter((line) => !old?.includes(line)).slice(0, 8) ?? [];
  return `- ${gone.join(" ")} + ${come.join(" ")}`;
}

function text(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
