// Which hooks belong to which operation: what `create`, `up`, `down` and `delete` call around their work.
import type { Config, HookEvent } from "../config/config.ts";
import type { EnvironmentRecord, OperationRecord, ProjectRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit, type Git } from "../git/git.ts";
import { emptyConfig } from "./empty-config.ts";
import type { EnvironmentSession } from "./environment-session.ts";
import { readHooks, readMainHooks, runAfterHooks, runHooks } from "./hooks.ts";
import { type Call, endOperation, never } from "./journaled-run.ts";
import { readUserHooks, withUserHooks } from "./user-hooks.ts";
import { worktreeExists } from "./worktree-exists.ts";
import type { World } from "./world.ts";

export interface HookSubject {
  project: ProjectRecord;
  environment: EnvironmentRecord;
  git: Git;
  callerEnv: Record<string, string>;
  /** Of the caller. */
  cwd: string;
}

/** Kept among the setup stamps: `after_create` waits until the environment is complete for the first time. */
const createdStamp = "worldtree:after_create";

export function expectAfterCreate(world: World, { environment, config }: EnvironmentSession): void {
  if (config.hooks.after_create) world.ledger.putSetupStamp({ environmentId: environment.id, step: createdStamp, hash: "due" });
}

/** The main worktree's `before_create`, approved; what it gives runs them once the environment has its row. */
export async function prepareBeforeCreate(
  world: World,
  of: { project: ProjectRecord; cwd: string; wanted: boolean },
): Promise<(session: EnvironmentSession, operation: string, call: Call) => Promise<void>> {
  const found = of.wanted ? await readMainHooks(world, { ...of, event: "before_create" }) : null;
  return async (session, operation, call) => {
    if (!found) return of.wanted ? sayWithoutMain(world, { project: of.project, event: "before_create" }, call) : undefined;
    const { config, main } = found;
    const hooked = {
      session: { ...session, config },
      event: "before_create",
      operation: "create",
      services: [],
      journal: operation,
    } as const;
    await runHooks(world, { ...hooked, main }, call);
  };
}

/** Once the services are ready (`up`) and the first time that the environment is complete. Nothing holds the environment by then. Never throws. */
export async function runHooksAfterUp(
  world: World,
  subject: HookSubject & { operation: string; services: readonly string[] | "all"; up: boolean },
  call: Call,
): Promise<void> {
  const { environment, up, operation } = subject;
  if (!world.ledger.environment(environment.id)) return;
  const due = world.ledger.setupStamp(environment.id, createdStamp) === "due";
  if (!up && !due) return;
  const events = [...(up ? (["after_up"] as const) : []), ...(due ? (["after_create"] as const) : [])];
  const config = await readHooks(world, { ...subject, events })
    .then((project) => withUserHooks(world, project))
    .catch((error) => {
      call.emit({ type: "note", message: `The hooks ${events.join(" and ")} did not run: ${WtError.from(error).message}` });
      return null;
    });
  if (!config) return;
  const services = subject.services === "all" ? config.services.map(({ name }) => name) : subject.services;
  const session: EnvironmentSession = { ...subject, config };
  for (const event of events) {
    // Once means once, also where it fails.
    if (event === "after_create") world.ledger.putSetupStamp({ environmentId: environment.id, step: createdStamp, hash: "done" });
    await runAfterHooks(
      world,
      { session, event, operation: event === "after_create" ? "create" : operation, services, journal: null },
      call,
    );
  }
}

/** `before_down`, and what runs `after_down`. A wt.yaml with mistakes must not keep anything running: then its hooks are left out, and that is said. */
export async function runHooksBeforeDown(
  world: World,
  subject: HookSubject & { services: readonly string[]; journal: string },
  call: Call,
): Promise<(call: Call) => Promise<void>> {
  const config = await readLeaving(world, { ...subject, events: ["before_down", "after_down"] }, call);
  const session: EnvironmentSession = { ...subject, config };
  const hooked = { session, operation: "down", services: subject.services };
  await runHooks(world, { ...hooked, event: "before_down", journal: subject.journal }, call);
  return (after) => runAfterHooks(world, { ...hooked, event: "after_down", journal: null }, after);
}

export interface DeletionHooks {
  /** Whether anything is to run before. */
  before: boolean;
  runBefore(operation: string, call: Call): Promise<void>;
  /** When the environment is gone. Never throws. */
  runAfter(call: Call): Promise<void>;
}

export const noDeletionHooks: DeletionHooks = { before: false, runBefore: async () => undefined, runAfter: async () => undefined };

/** Both are approved before anything is deleted. */
export async function prepareDeletionHooks(
  world: World,
  subject: HookSubject & { consent: { force: boolean; branch: boolean } },
  call: Call,
): Promise<DeletionHooks> {
  const config = await readLeaving(world, { ...subject, events: ["before_delete"] }, call);
  const facts = { force: subject.consent.force, deleteBranch: subject.consent.branch };
  const hooked = { operation: "delete", services: [], facts };
  const after = await readMainHooks(world, { ...subject, event: "after_delete" }).catch((error) => leaveOut(error, "after_delete", call));
  return {
    before: config.hooks.before_delete !== undefined,
    runBefore: (journal, before) =>
      runHooks(world, { ...hooked, session: { ...subject, config }, event: "before_delete", journal }, before),
    async runAfter(last) {
      if (!after) return sayWithoutMain(world, { project: subject.project, event: "after_delete" }, last);
      const session: EnvironmentSession = { ...subject, config: after.config };
      await runAfterHooks(world, { ...hooked, session, event: "after_delete", journal: null, main: after.main }, last);
    },
  };
}

/** The user's own hooks of the event have no place where there is no main worktree; what counts on them must hear of it. */
async function sayWithoutMain(world: World, of: { project: ProjectRecord; event: HookEvent }, call: Call): Promise<void> {
  if (world.ledger.environments({ projectId: of.project.id }).some((one) => one.main)) return;
  const { hooks } = await readUserHooks(world);
  if (!hooks[of.event]) return;
  call.emit({ type: "note", message: `Your hooks.${of.event} did not run: ${of.project.name} has no main worktree to run it in.` });
}

/** True when the daemon died while `before_delete` ran: it may have wanted to refuse, so the deletion has not begun. */
export function endedBeforeDeletion(world: World, operation: OperationRecord): boolean {
  if (!operation.step?.startsWith("hook:before_delete")) return false;
  endOperation(world, { id: operation.id, environmentId: operation.environmentId });
  return true;
}

/** After a deletion that a new daemon has carried to its end. */
export async function afterResumedDeletion(
  world: World,
  operation: OperationRecord,
  found: { project: ProjectRecord; environment: EnvironmentRecord },
): Promise<void> {
  if (operation.data.hooks !== true) return;
  const call: Call = { emit: (event) => void (event.type === "note" && world.report(new Error(event.message))), abort: never() };
  const main = await readMainHooks(world, { project: found.project, event: "after_delete", cwd: found.project.root });
  if (!main) return;
  const session: EnvironmentSession = { ...found, config: main.config, git: createGit(world.env), callerEnv: world.env };
  await runAfterHooks(world, { session, event: "after_delete", operation: "delete", services: [], journal: null, main: main.main }, call);
}

async function readLeaving(
  world: World,
  of: HookSubject & { events: ("before_down" | "after_down" | "before_delete")[] },
  call: Call,
): Promise<Config> {
  const nothing = emptyConfig(of.project.name);
  if (!worktreeExists(of.environment)) return nothing;
  const events = of.events.join(" and ");
  const project = (await readHooks(world, of).catch((error) => leaveOut(error, events, call))) ?? nothing;
  return (await withUserHooks(world, project).catch((error) => leaveOut(error, events, call))) ?? project;
}

function leaveOut(error: unknown, events: string, call: Call): null {
  const failure = WtError.from(error);
  if (failure.kind === "untrusted") {
    const hints = [...failure.hints, "Or leave the hooks out this time: --no-hooks"];
    throw new WtError({ ...failure.toWire(), hints, cause: failure });
  }
  if (failure.kind !== "config") throw failure;
  call.emit({ type: "note", message: `The hooks ${events} did not run: ${failure.message}` });
  return null;
}
