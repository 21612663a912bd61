// Shared services that sleep, and what lies in them: it can be reached only while they run.
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import type { ResourceSpec } from "../resource/resource-driver.ts";
import { never } from "./journaled-run.ts";
import { mainEnvironment } from "./main-environment.ts";
import { isReady } from "./service-waits.ts";
import { doorsOf, sharedDoors } from "./shared-doors.ts";
import { sharedLock, sharedName } from "./shared-names.ts";
import type { World } from "./world.ts";

/** The shared service that the resource lies in runs, where it was ever made; what is of another kind is nobody's to wait for. Gives the names of those that did not. */
export async function wakeServer(world: World, environment: EnvironmentRecord, spec: Pick<ResourceSpec, "options">): Promise<string[]> {
  const project = world.ledger.project(environment.projectId);
  const main = project ? mainEnvironment(world, { project }) : null;
  if (!project || !main) return [];
  const names = [...new Set(doorsOf([spec], sharedDoors(world, project)).map(({ service }) => sharedName(service)))];
  if (names.length === 0) return [];
  return world.locks.run(sharedLock(project), async () => {
    const asleep = names.flatMap((name) => {
      const runner = world.shared.runner(main.id, name);
      return runner?.plan && !isReady(runner) ? [{ name, plan: runner.plan }] : [];
    });
    for (const { plan } of asleep) world.shared.start(main.id, plan);
    const woken = asleep.map(({ name }) => name);
    if (woken.length > 0) await world.shared.whenSettled(main.id, woken, never());
    return woken;
  });
}

/** What was woken for a moment stops again, unless somebody has come to use it. */
export async function restServers(world: World, project: ProjectRecord, names: readonly string[]): Promise<void> {
  const main = mainEnvironment(world, { project });
  if (!main || names.length === 0) return;
  await world.locks.run(sharedLock(project), async () => {
    const inUse = ({ id }: EnvironmentRecord) =>
      world.ledger.operations({ environmentId: id }).length > 0 || world.supervisor.runners(id).some(({ status }) => status.live);
    if (!world.ledger.environments({ projectId: project.id }).some(inUse)) await world.shared.stop(main.id, names);
  });
}
