// Starting an agent: everything is resolved and recorded here, and picked up once by the process in the terminal that becomes the agent.

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { AgentLaunch, AgentLaunchRequest, AgentStart } from "../api/agents.ts";
import { type AgentCommand, agentCommand, agentSessionVariables, defaultAgent, isKnownAgent } from "../config/known-agents.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { worktreeFiles } from "../git/worktree-files.ts";
import { readProcessIdentity } from "../os/process-identity.ts";
import { agentHookArguments } from "./agent-hooks.ts";
import { agentVariable } from "./agent-memory.ts";
import { liveAgents } from "./agent-presence.ts";
import { type AgentRecord, agentRecord, agentRecords, agentView, forgetAgent, insertAgent, updateAgent } from "./agent-records.ts";
import { readConfig, requireTrust } from "./config-reader.ts";
import { agentServicePrefix } from "./lasting-commands.ts";
import { locateTarget, seenFrom } from "./projects.ts";
import { readVariables } from "./variables.ts";
import { worktreeExists } from "./worktree-exists.ts";
import type { World } from "./world.ts";

export async function launchAgent(world: World, request: AgentLaunchRequest): Promise<AgentLaunch> {
  const { project, environment } = await locateTarget(world, createGit(world.env), request.target);
  if (!worktreeExists(environment)) throw directoryGone(environment);
  const command = request.agent ?? (await configuredAgent(world, { project, environment, cwd: request.target.cwd })) ?? defaultAgent;
  const env = await agentEnvironment(world, request);
  const chosen = agentCommand(command, {
    prompt: request.prompt,
    terminal: request.place !== "detached",
    extra: (kind, words) => agentHookArguments(world, { kind, words, env }),
  });
  requireProgram(chosen, { env, directory: environment.path });
  const others = await liveAgents(world, environment);
  for (const { id, ended } of agentRecords(world, environment.id)) if (ended) forgetAgent(world, id);
  const record = newRecord(world, { environment, chosen, place: request.place, window: windowOf(request.place, project, environment) });
  // What takes the environment away looks at the row below before it begins; once it has begun it does not look again.
  if (world.ledger.operations({ environmentId: environment.id }).some(({ kind }) => kind === "delete")) throw beingDeleted(environment);
  insertAgent(world, record);
  const marks = world.driver.marks?.({ ...environmentMark(environment), service: serviceOf(record.id), generation: 1 }) ?? {};
  const start: AgentStart = {
    argv: chosen.argv,
    directory: environment.path,
    env: { ...env, ...marks, [agentVariable]: record.id, PWD: environment.path },
  };
  if (request.place === "detached") await startDetached(world, { environment, record, start });
  else world.agents.starts.set(record.id, start);
  const current = agentRecord(world, record.id) ?? record;
  return { agent: agentView(current, { project: project.name, environment: environment.slug }), path: environment.path, others };
}

/** The process `pid` is about to become the agent, or to start it. */
export async function beginAgent(world: World, { id, pid }: { id: string; pid: number }): Promise<AgentStart> {
  const start = world.agents.starts.get(id);
  const record = agentRecord(world, id);
  world.agents.starts.delete(id);
  if (!start || !record) {
    throw new WtError({
      kind: "not_found",
      code: "agent_start_gone",
      message: `There is no start of an agent ${id} to carry out: it was carried out already, or the daemon was restarted meanwhile.`,
      hints: ["Start it again: wt go"],
    });
  }
  updateAgent(world, id, { process: await readProcessIdentity(pid) });
  return start;
}

/** The agent has ended with `code`; null: it was never started, and nothing of it is worth remembering. */
export function endAgent(world: World, { id, code }: { id: string; code: number | null }): void {
  world.agents.starts.delete(id);
  if (code === null) {
    forgetAgent(world, id);
    return;
  }
  const outcome = code === 0 ? { state: "done" as const, detail: null } : { state: "gone" as const, detail: `code ${code}` };
  updateAgent(world, id, { ended: true, exitCode: code, sinceMs: world.clock.now(), ...outcome });
}

/** Of wt.yaml; a command that is more than the name of a known agent runs only when a person approved it. */
async function configuredAgent(
  world: World,
  { project, environment, cwd }: { project: ProjectRecord; environment: EnvironmentRecord; cwd: string },
): Promise<string | null> {
  const files = worktreeFiles(createGit(world.env), environment.path);
  const config = await readConfig(project, files);
  if (config.agent !== null && !isKnownAgent(config.agent)) {
    await requireTrust(world, project, { config, files, environment: seenFrom(world, cwd, environment) });
  }
  return config.agent;
}

/** What `wt run` would give a command, without the marks of an agent that asks for another one. */
async function agentEnvironment(world: World, { target, env }: AgentLaunchRequest): Promise<Record<string, string>> {
  const variables = await readVariables(world, {
    target,
    callerNames: Object.keys(env),
    ...(env.WT_VARIABLES === undefined ? {} : { callerMark: env.WT_VARIABLES }),
  });
  const dropped = new Set([...variables.unset, ...agentSessionVariables]);
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !dropped.has(name)));
  return { ...kept, ...Object.fromEntries(variables.variables.map(({ key, value }) => [key, value])) };
}

function newRecord(
  world: World,
  made: { environment: EnvironmentRecord; chosen: AgentCommand; place: AgentRecord["place"]; window: string | null },
): AgentRecord {
  const id = randomBytes(4).toString("hex");
  const logPath = made.place === "detached" ? join(world.paths.environments, made.environment.id, `agent-${id}.log`) : null;
  const { kind } = made.chosen;
  const { place, window } = made;
  const nowMs = world.clock.now();
  return {
    id,
    environmentId: made.environment.id,
    kind,
    place,
    state: "running",
    sinceMs: nowMs,
    detail: null,
    startedAtMs: nowMs,
    process: null,
    ended: false,
    exitCode: null,
    window,
    logPath,
  };
}

/** Through the runtime driver, so that it outlives the daemon, with a log like a service's. */
async function startDetached(
  world: World,
  { environment, record, start }: { environment: EnvironmentRecord; record: AgentRecord; start: AgentStart },
): Promise<void> {
  try {
    const instance = await world.driver.start({
      ...environmentMark(environment),
      service: serviceOf(record.id),
      generation: 1,
      command: `exec ${start.argv.map(quoted).join(" ")}`,
      directory: start.directory,
      env: start.env,
      port: null,
      logPath: record.logPath ?? "",
      stop: { signal: "SIGTERM", graceMs: 5_000 },
    });
    updateAgent(world, record.id, { process: instance.pid === null ? null : await readProcessIdentity(instance.pid), state: "working" });
    world.driver.waitForCommand(instance, world.agents.closing.signal).then(
      ({ code, signal }) => {
        if (code === null)
          updateAgent(world, record.id, { ended: true, state: "gone", detail: signal ?? "ended unseen", sinceMs: world.clock.now() });
        else endAgent(world, { id: record.id, code });
      },
      (error) => {
        if (!world.agents.closing.signal.aborted) world.report(error);
      },
    );
  } catch (error) {
    forgetAgent(world, record.id);
    throw error;
  }
}

function environmentMark({ id, nonce }: EnvironmentRecord): { environmentId: string; nonce: string } {
  return { environmentId: id, nonce };
}

function serviceOf(id: string): string {
  return `${agentServicePrefix}${id}`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** A session for each project, a window for each environment. Neither tmux nor zellij takes every character in a name. */
function windowOf(place: AgentRecord["place"], project: ProjectRecord, environment: EnvironmentRecord): string | null {
  if (place !== "tmux" && place !== "zellij") return null;
  return `${project.name.replace(/[^A-Za-z0-9_-]/g, "-")}:${environment.slug}`;
}

function requireProgram({ argv, known, kind }: AgentCommand, where: { env: Record<string, string>; directory: string }): void {
  const program = argv[0] ?? "";
  if (Bun.which(program, { PATH: where.env.PATH ?? "", cwd: where.directory })) return;
  throw new WtError({
    kind: "machine",
    code: "program_missing",
    message: `The program ${program}${known ? ` of ${known.title}` : ""} was not found on the PATH.`,
    hints: [`Install it, or choose another agent: --agent <command>, or agent: in wt.yaml.`],
    details: { program, agent: kind },
  });
}

function beingDeleted({ slug }: EnvironmentRecord): WtError {
  return new WtError({
    kind: "refused",
    code: "environment_deleting",
    message: `${slug} is being deleted, so no agent is started in it.`,
    hints: [`Make it anew: wt create ${slug}`],
  });
}

function directoryGone({ slug, path }: EnvironmentRecord): WtError {
  return new WtError({
    kind: "machine",
    code: "worktree_missing",
    message: `The directory of ${slug}, ${path}, is gone.`,
    hints: [`Run \`wt delete ${slug}\` to give the rest back.`],
  });
}
