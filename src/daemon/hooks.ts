// `hooks:` of wt.yaml: commands around what happens to an environment. Those of an environment run in its worktree; while it has none, the main worktree's
// own hooks run there, so that nothing runs that was approved for other files.

import { resolve } from "node:path";
import { resolveCommandReferences } from "../config/command-references.ts";
import type { Config, HookCommand, HookEvent } from "../config/config.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { environmentUrl, hostSuffix } from "../environment/routes.ts";
import { referenceLookup } from "../environment/variables.ts";
import { type JsonValue, WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { worktreeFiles } from "../git/worktree-files.ts";
import { readConfig, requireTrust } from "./config-reader.ts";
import { commandEnvironment, contractInput, type EnvironmentSession } from "./environment-session.ts";
import { type Call, runStep } from "./journaled-run.ts";
import { seenFrom } from "./projects.ts";
import { runSetup } from "./setup-runner.ts";
import { userConfigPath, withUserHooks } from "./user-hooks.ts";
import type { World } from "./world.ts";

export interface Hooked {
  /** Of the environment it is about; `config` is the one whose hooks run. */
  session: EnvironmentSession;
  event: HookEvent;
  /** `create`, `up`, `restart`, `down`, `delete`. */
  operation: string;
  /** Services that are meant. */
  services: readonly string[];
  /** More for the context: consents of a deletion, say. */
  facts?: { [key: string]: JsonValue };
  /** Its journal row while the operation holds the environment; null before and after that. */
  journal: string | null;
  /** For events at which the environment has no worktree: the main one. */
  main?: EnvironmentRecord | undefined;
}

/**
 * Runs the commands of the event, one after the other. Throws `WtError` (`machine`, `hook_failed` or `hook_timeout`) at the first that fails.
 * Not within a hook of the same environment: one that calls `wt up` would call itself for ever.
 */
export async function runHooks(world: World, hooked: Hooked, call: Call): Promise<void> {
  const { session, event } = hooked;
  const commands = session.config.hooks[event] ?? [];
  if (commands.length === 0) return;
  const around = world.running.chain(call.within).find(({ environmentId }) => environmentId === session.environment.id);
  if (around) {
    call.emit({ type: "note", message: `hooks.${event} does not run within ${around.place}.` });
    return;
  }
  for (const [index, command] of commands.entries()) {
    const at = { step: `hook:${event}:${index}`, label: `${command.place}: ${command.run}` };
    const work = () => runHook(world, { ...hooked, command, step: at.step }, call);
    if (hooked.journal !== null) await runStep(world, call, { operation: hooked.journal, ...at, work });
    else await reported(world, call, { ...at, work });
  }
}

/** For `after_…`: what happened stays so, and the failure is said. */
export async function runAfterHooks(world: World, hooked: Hooked, call: Call): Promise<void> {
  try {
    await runHooks(world, hooked, call);
  } catch (error) {
    const failure = WtError.from(error);
    if (failure.kind === "internal") world.report(error);
    for (const message of [failure.message, ...failure.hints]) call.emit({ type: "note", message });
  }
}

/** The project's hooks of an environment as its worktree says now, approved. Without hooks of these events nothing has to be. */
export async function readHooks(
  world: World,
  of: { project: ProjectRecord; environment: EnvironmentRecord; events: readonly HookEvent[]; cwd: string },
): Promise<Config> {
  const files = worktreeFiles(createGit(world.env), of.environment.path);
  const config = await readConfig(of.project, files);
  if (of.events.some((event) => config.hooks[event])) {
    await requireTrust(world, of.project, { config, files, environment: seenFrom(world, of.cwd, of.environment) });
  }
  return config;
}

/** What runs while an environment has no worktree; null where there is no main worktree to run it in, or nothing to run. */
export async function readMainHooks(
  world: World,
  of: { project: ProjectRecord; event: "before_create" | "after_delete"; cwd: string },
): Promise<{ main: EnvironmentRecord; config: Config } | null> {
  const main = world.ledger.environments({ projectId: of.project.id }).find((one) => one.main);
  if (!main) return null;
  const project = await readHooks(world, { project: of.project, environment: main, events: [of.event], cwd: of.cwd });
  const config = await withUserHooks(world, project);
  // Its values may refer to ports and resources, which are not there.
  return config.hooks[of.event] ? { main, config: { ...config, env: {}, services: [], resources: {} } } : null;
}

async function runHook(world: World, hooked: Hooked & { command: HookCommand; step: string }, call: Call): Promise<void> {
  const { session, command, step, main } = hooked;
  const deadline = new AbortController();
  const written = command.own ? userConfigPath(world) : "wt.yaml";
  const timer = setTimeout(() => deadline.abort(tookTooLong(command, written)), command.timeoutMs);
  try {
    await runSetup(world, {
      environment: main ?? session.environment,
      name: step,
      place: command.place,
      directory: main ? resolve(main.path, command.directory) : command.directory,
      command: command.own
        ? command.run
        : resolveCommandReferences(command.run, referenceLookup(contractInput(world, session)), command.place),
      env: variablesOf(world, hooked),
      stdin: `${JSON.stringify(contextOf(world, hooked))}\n`,
      output: (line) => call.emit({ type: "output", step, stream: "stdout", line }),
      abort: AbortSignal.any([call.abort, deadline.signal]),
      unqueued: true,
      free: hooked.journal === null,
      within: call.within,
      // Nothing would ever end it: the environment is not there any more, or may never come to be.
      endsWhole: main !== undefined,
      about: session.environment.id,
      written,
    });
  } catch (error) {
    throw hookError(deadline.signal.aborted && !call.abort.aborted ? deadline.signal.reason : error, hooked.event);
  } finally {
    clearTimeout(timer);
  }
}

/** A deletion must not depend on values that cannot be made any more. */
function variablesOf(world: World, { session, event }: Hooked): Record<string, string> {
  if (event !== "before_delete") return commandEnvironment(world, session);
  try {
    return commandEnvironment(world, session);
  } catch {
    return commandEnvironment(world, { ...session, config: { ...session.config, env: {} } });
  }
}

function contextOf(world: World, { session, event, operation, services, facts }: Hooked): JsonValue {
  const { project, environment } = session;
  return {
    schema: 1,
    event,
    operation,
    project: { name: project.name, root: project.root },
    environment: {
      id: environment.id,
      slug: environment.slug,
      branch: environment.branch,
      path: environment.path,
      main: environment.main,
      slot: environment.slot,
      url: environmentUrl(environment, hostSuffix(world.gateway.port)),
    },
    services: [...services],
    ...facts,
  };
}

async function reported(world: World, call: Call, at: { step: string; label: string; work: () => Promise<void> }): Promise<void> {
  const startedMs = world.clock.now();
  call.emit({ type: "step", step: at.step, label: at.label });
  await at.work();
  call.emit({ type: "step_done", step: at.step, ms: Math.max(0, Math.round(world.clock.now() - startedMs)) });
}

function tookTooLong({ place, run, timeoutMs }: HookCommand, written: string): WtError {
  return new WtError({
    kind: "machine",
    code: "hook_timeout",
    message: `${place} \`${run}\` took longer than ${timeoutMs >= 1000 ? `${timeoutMs / 1000} s` : `${timeoutMs} ms`} and was ended.`,
    hints: [`Give it more time with \`timeout:\` in ${written}, or let it do its work in the background.`],
    details: { place },
  });
}

function hookError(error: unknown, event: HookEvent): unknown {
  if (!(error instanceof WtError) || !/^(setup_failed|hook_timeout)$/.test(error.code)) return error;
  const hints = event.startsWith("before_") ? [...error.hints, "Or leave the hooks out this time: --no-hooks"] : error.hints;
  return new WtError({ ...error.toWire(), code: error.code === "setup_failed" ? "hook_failed" : error.code, hints, cause: error });
}
