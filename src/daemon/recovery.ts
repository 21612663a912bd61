// What a new daemon does with what the last one left: adopts services, finishes or rolls back operations, sweeps the trash.
import type { EnvironmentRecord, OperationRecord } from "../environment/ledger.ts";
import { createGit } from "../git/git.ts";
import { settleCheckpoints } from "./checkpoint-operations.ts";
import { discardUnfinishedClones } from "./clone-journal.ts";
import { rollBackCreate } from "./create-environment.ts";
import { resumeDeletion } from "./delete-environment.ts";
import { emptyConfig } from "./empty-config.ts";
import { settleFileCheckpoints } from "./file-checkpoints.ts";
import { markWhole } from "./incomplete.ts";
import { endOperation, never } from "./journaled-run.ts";
import { isRelease, resumeRelease } from "./release-environment.ts";
import { adoptResources } from "./resources.ts";
import { resumeRestore } from "./restore-environment.ts";
import { hasStack } from "./stack-leases.ts";
import { markOf, sharedMark } from "./stack-model.ts";
import { emptyTrash } from "./trash.ts";
import { resumeUndelete } from "./undelete-environment.ts";
import type { World } from "./world.ts";

const bootSetting = "boot.id";
/** A create that got this far is whole: its services are brought up like any other's. */
const wholeSteps = new Set(["start", "restart"]);

/** Adopts every service; fast. Requests may be served once it resolves. */
export async function adoptServices(world: World, bootId: string): Promise<void> {
  const { ledger } = world;
  const members = new Set(ledger.members().map((one) => one.environment.id));
  const sameBoot = ledger.setting(bootSetting) === bootId;
  for (const environment of ledger.environments({ members: "with" })) {
    try {
      // A daemon that was killed during a checkpoint left the services held still; its journal row says so.
      if (ledger.operations({ environmentId: environment.id }).some((one) => one.kind === "checkpoint")) {
        await world.supervisor.pauses.end(environment);
      }
      await world.supervisor.adopt(environment, sameBoot);
      if (environment.main && hasStack(ledger, environment.id)) await adoptShared(world, environment, sameBoot);
      if (!sameBoot && environment.wanted === "up") ledger.updateEnvironment(environment.id, { wanted: "down" });
      if (!members.has(environment.id)) world.gateway.sync(environment.id);
      await adoptResources(world, environment.id);
    } catch (error) {
      world.report(error);
    }
  }
  // Last: a daemon that dies before leaves it to the next one to find that the machine was restarted.
  if (!sameBoot) ledger.putSetting(bootSetting, bootId);
}

async function adoptShared(world: World, main: EnvironmentRecord, sameBoot: boolean): Promise<void> {
  const { environmentId: id, nonce } = sharedMark(main);
  await world.shared.adopt({ id, nonce }, sameBoot);
}

/** Settles every operation in flight, each under its environment's lock. A failure keeps the journal row and is tried again next time. */
export async function settleOperations(world: World): Promise<void> {
  await Promise.all(
    world.ledger
      .operations()
      .map((operation) =>
        world.locks.run(`environment:${operation.environmentId}`, () => settleOperation(world, operation)).catch(world.report),
      ),
  );
  for (const environment of world.ledger.environments()) {
    await world.locks.run(`environment:${environment.id}`, () => discardUnfinishedClones(world, environment)).catch(world.report);
    if (hasStack(world.ledger, environment.id)) void removeOneOffs(world, environment).catch(world.report);
    await world.locks.run(`environment:${environment.id}`, () => settleCheckpoints(world, environment)).catch(world.report);
    await world.locks.run(`environment:${environment.id}`, () => settleFileCheckpoints(world, environment)).catch(world.report);
  }
  for (const project of world.ledger.projects()) await emptyTrash(world, project);
}

/** Containers of commands that a daemon before this one left. Under the lock: a command of this one has its own. */
async function removeOneOffs(world: World, environment: EnvironmentRecord): Promise<void> {
  await world.locks.run(`environment:${environment.id}`, async () => {
    const leftovers = await world.stack.remove(markOf(environment), { volumes: false, images: false, role: "one-off" }, never());
    if (leftovers.length > 0) throw new Error(leftovers.join(" "));
  });
}

async function settleOperation(world: World, operation: OperationRecord): Promise<void> {
  const environment = world.ledger.environment(operation.environmentId);
  const project = environment ? world.ledger.project(environment.projectId) : null;
  if (!environment || !project) return;
  if (isRelease(operation)) return resumeRelease(world, operation, { project, environment });
  if (operation.kind === "restore") return resumeRestore(world, operation, { project, environment });
  if (operation.kind === "undelete") return resumeUndelete(world, operation, { project, environment });
  if (operation.kind === "delete") return resumeDeletion(world, operation, { project, environment });
  if (operation.kind === "create" && !wholeSteps.has(operation.step ?? "")) {
    const session = { project, environment, git: createGit(world.env), config: emptyConfig(project.name), callerEnv: world.env };
    const context = {
      world,
      session,
      emit: () => undefined,
      abort: never(),
      branchPlan: null,
      branchCommit: null,
      outcome: { rescueRefs: [], branch: null },
    };
    return rollBackCreate(world, context, operation.id);
  }
  // The services come last: a resume that got to them is over.
  if (wholeSteps.has(operation.step ?? "")) markWhole(world, environment.id);
  endOperation(world, { id: operation.id, environmentId: environment.id });
}
