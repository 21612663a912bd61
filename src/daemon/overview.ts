// Keeps the file that completion and prompts read: written anew, as a whole, soon after something changed.
import { rename, rm, writeFile } from "node:fs/promises";
import type { AgentState } from "../api/agents.ts";
import type { EnvironmentOverview, Overview } from "../api/overview.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { agentRecords } from "./agent-records.ts";
import { checkpointIds } from "./checkpoint-operations.ts";
import { environmentView } from "./environment-views.ts";
import { fileEntries } from "./file-checkpoints.ts";
import { keptOf } from "./kept-environment.ts";
import { leasedResources } from "./resources.ts";
import { templatedTypes, templateKeys } from "./template-operations.ts";
import type { World } from "./world.ts";

/** Long enough that a start of many services is one write, short enough for a prompt. */
const pauseMs = 100;

export interface OverviewKeeper {
  /** Also when nothing told of a change: rows may have come from git. */
  refresh(): void;
  /** After the last change is written. */
  stop(): Promise<void>;
}

export function keepOverview(world: World): OverviewKeeper {
  const known = new Map<string, EnvironmentOverview>();
  const closing = new AbortController();
  let last: string | null = null;
  let writing: Promise<void> | null = null;
  let dirty = false;

  const write = async () => {
    while (dirty) {
      await world.clock.sleep(pauseMs, closing.signal).catch(() => undefined);
      dirty = false;
      const text = JSON.stringify(await readOverview(world, known));
      if (text !== last) last = (await writeWhole(world.paths.overview, text)) ? text : null;
    }
  };
  const refresh = () => {
    dirty = true;
    writing ??= write()
      .catch(world.report)
      .finally(() => {
        writing = null;
        if (dirty && !closing.signal.aborted) refresh();
      });
  };
  const stopListening = world.changes.listen((environmentId) => {
    known.delete(environmentId);
    refresh();
  });
  for (const { templates } of templatedTypes(world)) templates.onSealed(refresh);
  refresh();
  return {
    refresh,
    async stop() {
      stopListening();
      closing.abort();
      await writing;
    },
  };
}

/** Only what `known` does not hold is looked at. */
async function readOverview(world: World, known: Map<string, EnvironmentOverview>): Promise<Overview> {
  const templates = await templateKeys(world);
  const environments = world.ledger.environments();
  const ids = new Set(environments.map(({ id }) => id));
  for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
  const projects = world.ledger.projects().map((project) => ({
    name: project.name,
    environments: environments
      .filter(({ projectId }) => projectId === project.id)
      .map((environment) => {
        const kept = known.get(environment.id);
        if (kept && kept.branch === environment.branch && kept.path === environment.path) return kept;
        const made = environmentOverview(world, project, environment);
        known.set(environment.id, made);
        return made;
      }),
    deleted: world.ledger.deleted({ projectId: project.id }).map((record) => keptOf(record).environment.slug),
  }));
  return { schema: 1, projects, templates };
}

export function environmentOverview(world: World, project: ProjectRecord, environment: EnvironmentRecord): EnvironmentOverview {
  const { slug, branch, path, main, status, url, services } = environmentView(world, { project, environment });
  return {
    slug,
    branch,
    path,
    main,
    status,
    url,
    agent: agentOf(world, environment.id),
    services: services.map(({ name }) => name),
    resources: leasedResources(world, environment.id).map(({ spec }) => spec.name),
    checkpoints: [...new Set([...fileEntries(world, environment.id).map(({ id }) => id), ...checkpointIds(world, environment.id)])],
  };
}

const urgency: readonly AgentState[] = ["waiting", "working", "running", "done"];

function agentOf(world: World, environmentId: string): AgentState | null {
  const states = agentRecords(world, environmentId).flatMap((record) => (record.ended ? [] : [record.state]));
  return urgency.find((state) => states.includes(state)) ?? null;
}

/** False when the disk does not take it; then there is none, rather than one that is wrong. */
async function writeWhole(path: string, text: string): Promise<boolean> {
  const temporary = `${path}.new`;
  try {
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, path);
    return true;
  } catch {
    await Promise.all([temporary, path].map((one) => rm(one, { force: true }).catch(() => undefined)));
    return false;
  }
}
