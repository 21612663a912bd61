// `wt gc` and `wt clean`: environments that nobody needs, and whatever was left behind.
import type { GcItem, GcReport, GcRequest } from "../api/gc.ts";
import type { ProjectRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { entryAt } from "../os/files.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { dayMs } from "./garbage-plan.ts";
import { collectEnvironments } from "./gc-environments.ts";
import { collectLeftovers } from "./gc-leftovers.ts";
import type { Call } from "./journaled-run.ts";
import { locate } from "./projects.ts";
import type { World } from "./world.ts";

const defaultAgeMs = 7 * dayMs;

/** `restMs`: nothing that was used later than so long ago; for a run that nobody asked for. */
export async function collect(world: World, request: GcRequest & { restMs?: number }, call: Call): Promise<GcReport> {
  // One at a time: a second one would judge what the first is removing.
  return world.locks.run("gc", () => collectAlone(world, request, call), call.abort);
}

async function collectAlone(world: World, request: GcRequest & { restMs?: number }, call: Call): Promise<GcReport> {
  const { dryRun, mergedOnly } = request;
  const rules = {
    nowMs: world.clock.now(),
    mergedOnly,
    olderThanMs: request.olderThanMs ?? defaultAgeMs,
    adopted: request.adopted,
    restMs: request.restMs ?? 0,
  };
  const agreed = request.environments === null ? null : new Set(request.environments);
  // A look is one step; what is removed says so itself.
  if (dryRun) call.emit({ type: "step", step: "look", label: "Look at what there is" });
  const projects = await chosenProjects(world, request);
  const items = await collectEnvironments({ world, call, dryRun, rules, agreed }, projects);
  if (!mergedOnly) {
    items.push(...(await collectLeftovers({ world, dryRun, abort: call.abort })));
    items.push(...(await collectData(world, request, call)));
  }
  if (dryRun) call.emit({ type: "step_done", step: "look", ms: Math.max(0, Math.round(world.clock.now() - rules.nowMs)) });
  const freedBytes = items.reduce((sum, { outcome, bytes }) => sum + (outcome === "removed" ? (bytes ?? 0) : 0), 0);
  return { schema: 1, dryRun, items, freedBytes };
}

/** Of the directory's project (or all), and every one whose repository is gone: nobody can go there and ask. */
async function chosenProjects(world: World, { cwd, all, mergedOnly }: GcRequest): Promise<ProjectRecord[]> {
  const projects = world.ledger.projects();
  if (all) return projects;
  const here = await locate(world, createGit(world.env), cwd).catch((error: unknown) => {
    if (WtError.from(error).code !== "not_a_repository" || mergedOnly) throw error;
    return null;
  });
  return world.ledger.projects().filter((one) => one.id === here?.project.id || entryAt(one.gitCommonDir) === null);
}

/** Templates, and directories and databases of environments that are gone. */
async function collectData(world: World, { dryRun, olderThanMs }: GcRequest, call: Call): Promise<GcItem[]> {
  const days = Math.floor((olderThanMs ?? defaultAgeMs) / dayMs);
  const quiet: Call = { emit: () => undefined, abort: call.abort };
  try {
    const report = await collectGarbage(world, { dryRun, days }, quiet);
    return report.items.map((item) => ({ ...item, path: null }));
  } catch (error) {
    const failure = WtError.from(error);
    if (failure.kind === "cancelled") throw failure;
    return [{ kind: "database", name: "templates and databases", path: null, bytes: null, outcome: "reported", reason: failure.message }];
  }
}
