// Runs one command of the repository (a setup step, a migration) through the runtime driver, so that it is marked, leased and logged like a service: a crash of the daemon
// in the middle of `npm ci` leaves a process that the next daemon finds and ends.
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import type { ContainerRef, ServiceInstance, ServiceSpec } from "../runtime/runtime-driver.ts";
import { noOutput, shownOutput, withLine } from "./output-ends.ts";
import { callerVariable } from "./running-commands.ts";
import { setupLogName } from "./setup-logs.ts";
import type { World } from "./world.ts";

export interface SetupRun {
  environment: EnvironmentRecord;
  /** Mark, log and lease: `setup:0`, `resource:db`, `hook:before_up:0`; no service can be called so. */
  name: string;
  /** The key in wt.yaml, for sentences: `setup[0]`. */
  place: string;
  /** With its references resolved. */
  command: string;
  /** Relative to the worktree, or absolute. */
  directory: string;
  env: Record<string, string>;
  output: (line: string) => void;
  abort: AbortSignal;
  /** What it reads on its standard input; without it there is nothing to read. */
  stdin?: string;
  /** Runs at once, however many setup commands there are: it may wait for some. */
  unqueued?: boolean;
  /** Nobody waits for it: it gets the processor and the disk when nobody else wants them, and takes no place from those who wait. */
  gentle?: boolean;
  /** No operation holds the environment while it runs. */
  free?: boolean;
  /** The environment it is about, where that is not the one it runs in. */
  about?: string;
  /** Token of the command that asked for the operation. */
  within?: string | undefined;
  /** The file that it stands in, for sentences; default: wt.yaml. */
  written?: string;
  /** Called when it has succeeded: how long it ran, without the time it waited for its turn. */
  took?: (ms: number) => void;
  /** What it leaves running is ended with it. */
  endsWhole?: boolean;
  /** Where it runs; absent: on the host. */
  container?: CommandContainer;
}

/** A container for one command. */
export interface CommandContainer {
  /** Made, and not started. After a throw nothing is left. */
  make(command: string, abort: AbortSignal): Promise<ContainerRef>;
  /** Idempotent; ends what runs in it. */
  remove(): Promise<void>;
}

/** The shell lowers itself before it comes to the command; where a program for that is missing, it goes on as it is. */
const gentleShell = `renice -n 19 -p $$ >/dev/null 2>&1
ionice -c 3 -p $$ >/dev/null 2>&1
`;
const stopPolicy = { signal: "SIGTERM" as const, graceMs: 3_000 };

/** Throws `WtError` (`machine`, `setup_failed`) with the first and last lines when the command fails; on abort its processes are ended first. */
export async function runSetup(world: World, run: SetupRun): Promise<void> {
  const leave = run.unqueued || run.gentle ? () => undefined : await world.setups.enter(run.abort);
  const { environment, place } = run;
  const running = world.running.begin({ environmentId: run.about ?? environment.id, place, holds: !run.free, within: run.within ?? null });
  try {
    const startedMs = world.clock.now();
    await runAdmitted(world, { ...run, env: { ...run.env, [callerVariable]: running.token } });
    run.took?.(Math.max(0, Math.round(world.clock.now() - startedMs)));
  } finally {
    running.end();
    leave();
  }
}

async function runAdmitted(world: World, run: SetupRun): Promise<void> {
  const { environment, name: service } = run;
  const generation = world.clock.now();
  const logPath = await freshLogPath(world, run, generation);
  const key = `${environment.id}/${service}/${generation}`;
  const lease = world.ledger.claim({ environmentId: environment.id, kind: "process", key });
  // One that is absolute stays as it is.
  const directory = resolve(environment.path, run.directory);
  const release = () => {
    if (lease) world.ledger.release(lease.id);
  };
  const { container } = run;
  const made = await container?.make(run.command, run.abort).catch((error: unknown) => {
    release();
    throw error;
  });
  const spec: ServiceSpec = {
    environmentId: environment.id,
    nonce: environment.nonce,
    service,
    generation,
    command:
      (run.gentle ? gentleShell : "") +
      (run.stdin === undefined ? run.command : await readingFrom(logPath.replace(/\.log$/, ".json"), run)),
    directory,
    env: { ...run.env, PWD: directory },
    port: null,
    logPath,
    stop: stopPolicy,
    ...(made ? { container: made } : {}),
  };
  // After a throw of `start` nothing is there.
  const instance = await world.driver.start(spec).catch(async (error: unknown) => {
    await container?.remove();
    release();
    throw error;
  });
  let output = noOutput;
  const reading = new AbortController();
  const reader = readOutput(world, { logPath, abort: reading.signal }, (line) => {
    run.output(line);
    output = withLine(output, line);
  });
  try {
    const end = await endOrStop(world, { instance, ended: release }, run.abort);
    await drained(world, logPath, reader.count);
    if (end.code !== 0 || run.endsWhole) {
      // What it left running would be in the way of the next attempt.
      const { leftovers } = await world.driver.stop(instance, stopPolicy);
      if (leftovers.length > 0) world.report(new Error(leftovers.join(" ")));
    }
    if (end.code !== 0) throw setupFailed(run, { end, output: shownOutput(output, logPath), logPath });
  } finally {
    reading.abort(new Error("done"));
    await reader.done;
    await container?.remove().catch(world.report);
  }
}

/** A file for each run: by the times of lines, which are not exact, the first one could count as an older run's. Those of older runs go. */
async function freshLogPath(world: World, { environment, name }: SetupRun, generation: number): Promise<string> {
  const directory = join(world.paths.environments, environment.id);
  const stem = name.replaceAll(":", "-");
  const older = (await readdir(directory).catch(() => [])).filter(
    (one) => one.startsWith(stem) && /^(-\d+)?\./.test(one.slice(stem.length)),
  );
  for (const one of older) await rm(join(directory, one), { force: true });
  return join(directory, `${setupLogName(name, generation)}.log`);
}

/** The command with its input in a file: any driver can run that, and a daemon that dies takes no pipe along. */
async function readingFrom(path: string, { command, stdin = "" }: SetupRun): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, stdin, { mode: 0o600 });
  return `exec <'${path.replaceAll("'", "'\\''")}'\n${command}`;
}

async function endOrStop(
  world: World,
  { instance, ended }: { instance: ServiceInstance; ended: () => void },
  abort: AbortSignal,
): Promise<{ code: number | null; signal: string | null }> {
  try {
    const end = await world.driver.waitForCommand(instance, abort);
    ended();
    return end;
  } catch (error) {
    const { leftovers } = await world.driver.stop(instance, stopPolicy);
    // What could not be ended keeps its lease.
    if (leftovers.length === 0) ended();
    else world.report(new Error(leftovers.join(" ")));
    throw error;
  }
}

function readOutput(world: World, query: { logPath: string; abort: AbortSignal }, onLine: (line: string) => void) {
  let count = 0;
  const read = async () => {
    const entries = world.driver.logs({ logPath: query.logPath, tail: null, sinceMs: null, follow: true }, query.abort);
    for await (const entry of entries) {
      count++;
      onLine(entry.line);
    }
  };
  const done = read().catch((error) => {
    if (!query.abort.aborted) world.report(error);
  });
  return { done, count: () => count };
}

/** The follower may be a moment behind the command's end: waits until it has seen as many lines as the log holds. */
async function drained(world: World, logPath: string, seen: () => number): Promise<void> {
  let total = 0;
  const query = { logPath, tail: null, sinceMs: null, follow: false };
  for await (const _ of world.driver.logs(query, new AbortController().signal)) total++;
  for (let waited = 0; seen() < total && waited < 50; waited++) await world.clock.sleep(10);
}

function setupFailed(
  run: SetupRun,
  failure: { end: { code: number | null; signal: string | null }; output: string[]; logPath: string },
): WtError {
  const how = failure.end.signal ? `was ended by ${failure.end.signal}` : `failed with code ${failure.end.code ?? "unknown"}`;
  return new WtError({
    kind: "machine",
    code: "setup_failed",
    message: `${run.place} \`${run.command}\` ${how}.`,
    hints: [
      ...failure.output.map((line) => `  ${line}`),
      `Mend the command in ${run.written ?? "wt.yaml"}, or what it complains about, then try again.`,
    ],
    details: { place: run.place, exitCode: failure.end.code, log: failure.output.join("\n"), logPath: failure.logPath },
  });
}
