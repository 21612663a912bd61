// `wt shared`: the services that run once per project.
import type { SharedDocument, SharedRequest, StackRequest } from "../api/stacks.ts";
import type { ProjectRecord } from "../environment/ledger.ts";
import { createGit } from "../git/git.ts";
import { stackSession } from "./explain-stack.ts";
import type { Call } from "./journaled-run.ts";
import { mainEnvironment } from "./main-environment.ts";
import { locateTarget } from "./projects.ts";
import { sharedFacts } from "./shared-facts.ts";
import { spokenName } from "./shared-names.ts";
import { lowerShared, raiseShared, removeShared } from "./shared-stack.ts";
import { projectLease } from "./stack-leases.ts";
import type { World } from "./world.ts";

export async function listShared(world: World, request: StackRequest): Promise<SharedDocument> {
  const { project } = await locateTarget(world, createGit(world.env), request.target);
  return sharedDocument(world, project);
}

export async function changeShared(world: World, request: SharedRequest, call: Call): Promise<SharedDocument> {
  const { project } = await locateTarget(world, createGit(world.env), request.target);
  const main = mainEnvironment(world, { project });
  // What was made can be stopped and removed whatever wt.yaml says by now.
  const isMade = main !== null && projectLease(world, main.id, "shared") !== null;
  const session = request.wanted === "up" || !isMade ? await stackSession(world, request) : null;
  call.emit({ type: "step", step: "stack", label: labels[request.wanted] });
  const started = world.clock.now();
  if (request.wanted === "absent") await removeShared(world, project, call);
  else if (request.wanted === "down" || session === null) await lowerShared(world, project, call);
  else await raiseShared(world, session, call);
  call.emit({ type: "step_done", step: "stack", ms: Math.max(0, Math.round(world.clock.now() - started)) });
  return sharedDocument(world, project);
}

const labels = { up: "Bring the shared services up", down: "Stop the shared services", absent: "Remove the shared services" };

export function sharedDocument(world: World, project: ProjectRecord): SharedDocument {
  const main = mainEnvironment(world, { project });
  const { doors } = sharedFacts(world, project);
  const runners = main ? world.shared.runners(main.id) : [];
  return {
    schema: 1,
    project: project.name,
    composeProject: (main && projectLease(world, main.id, "shared")?.key) ?? null,
    services: runners.map((runner) => {
      const name = spokenName(runner.name);
      return {
        name,
        state: runner.status.phase,
        reason: runner.status.reason,
        ports: doors.filter(({ service }) => service === name).map(({ target, port }) => ({ target, port })),
        restarts: runner.status.restarts,
        logPath: runner.plan?.spec.logPath ?? null,
      };
    }),
  };
}
