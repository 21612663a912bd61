// `wt logs`: the logs of an environment's services as one, in order of time.
import { join } from "node:path";
import type { LogLine, LogsRequest } from "../api/operations.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import type { LogEntry } from "../runtime/runtime-driver.ts";
import { agentRecords } from "./agent-records.ts";
import { locateNamed } from "./projects.ts";
import { setupLogs } from "./setup-logs.ts";
import { unknownService } from "./up-environment.ts";
import type { World } from "./world.ts";

const mostQueued = 1_000;

interface Source {
  service: string;
  logPath: string;
}

export async function* readLogs(world: World, request: LogsRequest, abort: AbortSignal): AsyncGenerator<LogLine> {
  const { project, environment, services } = await locateNamed(world, createGit(world.env), request);
  const sources = await chosenSources(world, { project, environment, services, setup: request.setup === true });
  const startedMs = world.clock.now();
  const past = await pastLines(world, sources, request);
  yield* past.map(toLogLine);
  if (request.follow) yield* followedLines(world, sources, { sinceMs: startedMs, seen: past, abort });
}

interface WantedLogs {
  project: ProjectRecord;
  environment: EnvironmentRecord;
  services: string[];
  setup: boolean;
}

async function chosenSources(world: World, wanted: WantedLogs): Promise<Source[]> {
  const { project, environment, services } = wanted;
  const known = world.supervisor.runners(environment.id);
  const names = known.map((runner) => runner.name);
  // The word alone means it where no service is called so.
  if (wanted.setup || (services.length === 1 && services[0] === "setup" && !names.includes("setup"))) {
    const found = await setupLogs(join(world.paths.environments, environment.id));
    if (found.length === 0) throw noSetup(environment.slug);
    return found;
  }
  const agents = agentSources(world, environment.id);
  const logged = agents.length > 0 ? [...names, agentLog] : names;
  for (const name of services) if (!logged.includes(name)) throw unknownService(name, logged);
  const wantsAgents = services.includes(agentLog) && !names.includes(agentLog);
  if (names.length === 0 && !wantsAgents && world.configured.names(project, environment).length === 0) throw noServices(environment.slug);
  const sources = known
    .filter((runner) => services.length === 0 || services.includes(runner.name))
    .flatMap((runner) => (runner.plan ? [{ service: runner.name, logPath: runner.plan.spec.logPath }] : []));
  if (wantsAgents) sources.push(...agents);
  return sources;
}

function noSetup(slug: string): WtError {
  return new WtError({
    kind: "not_found",
    code: "no_setup_logs",
    message: `${slug} has no logs of setup commands: none has run there yet.`,
    hints: ["Name some under `setup:` in wt.yaml, then run `wt up`."],
    details: { slug },
  });
}

function noServices(slug: string): WtError {
  return new WtError({
    kind: "not_found",
    code: "no_services",
    message: `${slug} has no services that wt knows of, so there are no logs.`,
    hints: ["Name some under `services:` in wt.yaml (`wt init` writes a first one), then run `wt up`."],
    details: { slug },
  });
}

/** What agents without a terminal print; shown only when asked for. A service of this name goes before. */
const agentLog = "agent";

function agentSources(world: World, environmentId: string): Source[] {
  return agentRecords(world, environmentId).flatMap(({ logPath }) => (logPath === null ? [] : [{ service: agentLog, logPath }]));
}

interface SourcedEntry extends LogEntry {
  service: string;
}

async function pastLines(world: World, sources: readonly Source[], request: LogsRequest): Promise<SourcedEntry[]> {
  const perSource = await Promise.all(
    sources.map(async ({ service, logPath }) => {
      const entries: SourcedEntry[] = [];
      const query = { logPath, tail: request.tail, sinceMs: request.sinceMs, follow: false };
      for await (const entry of world.driver.logs(query, new AbortController().signal)) entries.push({ ...entry, service });
      return entries;
    }),
  );
  // Sorting is stable, so lines of one service keep their order.
  const merged = perSource.flat().sort((a, b) => a.timeMs - b.timeMs);
  return request.tail === null ? merged : merged.slice(Math.max(0, merged.length - request.tail));
}

/** All sources at once, as lines come; what was shown as the past is not shown again. */
async function* followedLines(
  world: World,
  sources: readonly Source[],
  from: { sinceMs: number; seen: readonly SourcedEntry[]; abort: AbortSignal },
): AsyncGenerator<LogLine> {
  const queue: SourcedEntry[] = [];
  let wake = Promise.withResolvers<void>();
  let room = Promise.withResolvers<void>();
  let open = sources.length;
  const follow = async ({ service, logPath }: Source) => {
    let skip = from.seen.filter((entry) => entry.service === service && entry.timeMs >= from.sinceMs).length;
    const query = { logPath, tail: null, sinceMs: from.sinceMs, follow: true };
    for await (const entry of world.driver.logs(query, from.abort)) {
      if (skip-- > 0) continue;
      queue.push({ ...entry, service });
      wake.resolve();
      // A reader that has stopped reading must not make the log grow in memory.
      while (queue.length >= mostQueued && !from.abort.aborted) await room.promise;
    }
  };
  for (const source of sources) {
    follow(source)
      .catch((error) => {
        if (!from.abort.aborted) world.report(error);
      })
      .finally(() => {
        open--;
        wake.resolve();
      });
  }
  const makeRoom = () => {
    room.resolve();
    room = Promise.withResolvers<void>();
  };
  from.abort.addEventListener("abort", makeRoom, { once: true });
  while (open > 0 || queue.length > 0) {
    const next = queue.shift();
    if (next) {
      if (queue.length === mostQueued - 1) makeRoom();
      yield toLogLine(next);
      continue;
    }
    await wake.promise;
    wake = Promise.withResolvers<void>();
  }
}

function toLogLine(entry: SourcedEntry): LogLine {
  return { time: new Date(entry.timeMs).toISOString(), service: entry.service, line: entry.line };
}
