// `branch: shared` without `url`: everybody uses what the main worktree has. It is made there, on demand, by what wt.yaml says there.

import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { worktreeFiles } from "../git/worktree-files.ts";
import { readConfig, requireTrust } from "./config-reader.ts";
import { withEnvironment } from "./environment-lock.ts";
import type { EnvironmentSession } from "./environment-session.ts";
import { beginOperation, type Call, endOperation, runPlan } from "./journaled-run.ts";
import { mainEnvironment } from "./main-environment.ts";
import { ensurePort } from "./port-leases.ts";
import { driverOf, leasedResources } from "./resources.ts";
import type { StepContext } from "./steps.ts";
import type { World } from "./world.ts";

/**
 * Afterwards the main worktree's resource of that name exists; asleep is enough, a connection wakes it. The caller holds the lock of its own
 * environment and never that of the main one. Throws `WtError` that says whose resource could not be made, and why.
 */
export async function ensureMainResource(world: World, session: EnvironmentSession, wanted: { name: string; call: Call }): Promise<void> {
  const main = mainEnvironment(world, session);
  if (!main) throw withoutMain(wanted.name);
  await withEnvironment(world, main, {
    call: wanted.call,
    work: async () => {
      if (await isThere(world, main, wanted.name)) return;
      wanted.call.emit({ type: "note", message: `${wanted.name} is shared by everybody, and the main worktree has none yet.` });
      await make(world, { ...session, environment: main }, wanted).catch((error) => {
        throw wanted.call.abort.aborted ? error : inMain(main, wanted.name, WtError.from(error));
      });
    },
  });
}

async function isThere(world: World, main: EnvironmentRecord, name: string): Promise<boolean> {
  const leased = leasedResources(world, main.id).find((one) => one.spec.name === name);
  if (!leased?.connection) return false;
  const { state } = await driverOf(world, leased.type).observe(leased.spec);
  return state === "ready" || state === "asleep" || state === "shared";
}

async function make(world: World, seen: EnvironmentSession, { name, call }: { name: string; call: Call }): Promise<void> {
  const { project, environment } = seen;
  const files = worktreeFiles(createGit(world.env), environment.path);
  const config = await readConfig(project, files);
  const [there, here] = [config.resources[name], seen.config.resources[name]];
  if (!there || there.type !== here?.type) throw otherInMain(name, { there: there?.type ?? null, here: here?.type ?? "" });
  await requireTrust(world, project, { config, files, environment: { slug: environment.slug, here: false } });
  for (const service of config.services) await ensurePort(world, environment, service);
  const operation = beginOperation(world, { environmentId: environment.id, kind: "up" });
  const context: StepContext = {
    world,
    session: { ...seen, config },
    emit: (event) => call.emit(ofMain(event)),
    abort: call.abort,
    branchPlan: null,
    branchCommit: null,
    outcome: { rescueRefs: [], branch: null },
  };
  try {
    await runPlan([{ kind: "resource", name }], context, operation);
  } finally {
    endOperation(world, { id: operation, environmentId: environment.id });
  }
}

/** The caller has a step of the same name under way. */
function ofMain(event: Parameters<Call["emit"]>[0]): Parameters<Call["emit"]>[0] {
  if (event.type === "step") return { ...event, step: `main:${event.step}`, label: `${event.label} in the main worktree` };
  return event.type === "step_done" || event.type === "output" ? { ...event, step: `main:${event.step}` } : event;
}

function inMain(main: EnvironmentRecord, name: string, failure: WtError): WtError {
  return new WtError({
    ...failure.toWire(),
    message: `${name} is shared by everybody, and it could not be made in the main worktree: ${failure.message}`,
    hints: [...failure.hints, `Make it there first: wt up -e ${main.slug}`],
    cause: failure,
  });
}

function otherInMain(name: string, { there, here }: { there: string | null; here: string }): WtError {
  return new WtError({
    kind: "config",
    code: "main_resource_unknown",
    message: there === null ? `Its wt.yaml has no resources.${name}.` : `Its wt.yaml says that resources.${name} is ${there}, not ${here}.`,
    hints: [`Write resources.${name} in the main worktree's wt.yaml too, or name the database that all share with \`url:\`.`],
  });
}

function withoutMain(name: string): WtError {
  return new WtError({
    kind: "config",
    code: "main_worktree_missing",
    message: `resources.${name} is shared without a \`url:\`, which means the main worktree's, and this repository has no main worktree.`,
    hints: [`Name the database that all share: \`url:\` under resources.${name}.`],
  });
}
