// Runs a plan under an operation's journal row.
import { existsSync } from "node:fs";
import type { OperationEvent } from "../api/environment.ts";
import { applyPlan } from "../environment/apply-plan.ts";
import type { EnvironmentRecord, OperationKind } from "../environment/ledger.ts";
import type { PlanStep } from "../environment/plan.ts";
import type { JsonValue } from "../errors/wt-error.ts";
import { machineError } from "../os/machine-error.ts";
import { awaitCopies } from "./background-copies.ts";
import { type StepContext, stepPerformers } from "./steps.ts";
import type { World } from "./world.ts";

export type Emit = (event: OperationEvent<never>) => void;

/** What an operation gets from its caller. */
export interface Call {
  emit: Emit;
  /** Fires when the caller is gone or has interrupted. */
  abort: AbortSignal;
  /** Token of the running command of a repository that the caller was called in (`RunningCommands`). */
  within?: string | undefined;
}

/** Writes the journal row of an operation that is about to begin; the caller holds the environment's lock. */
export function beginOperation(
  world: World,
  operation: { environmentId: string; kind: OperationKind; data?: { [key: string]: JsonValue } },
): string {
  const id = crypto.randomUUID();
  world.ledger.beginOperation({
    id,
    environmentId: operation.environmentId,
    kind: operation.kind,
    step: null,
    data: operation.data ?? {},
    startedAtMs: world.clock.now(),
  });
  world.changes.emit(operation.environmentId);
  return id;
}

/** Idempotent: releasing an environment ends its operations with it. */
export function endOperation(world: World, operation: { id: string; environmentId: string }): void {
  if (world.ledger.operations({ environmentId: operation.environmentId }).some((one) => one.id === operation.id)) {
    world.ledger.endOperation(operation.id);
  }
  world.changes.emit(operation.environmentId);
}

/**
 * A deletion that something on the machine stopped would be carried on by the next daemon, with the consent of then. Whoever asks for something else
 * meanwhile has changed their mind, as long as the worktree is there. The caller holds the environment's lock.
 */
export function callOffDeletion(world: World, environment: EnvironmentRecord): void {
  if (!existsSync(environment.path)) return;
  const { ledger } = world;
  ledger.transaction(() => {
    for (const operation of ledger.operations({ environmentId: environment.id })) {
      if (operation.kind === "delete") ledger.endOperation(operation.id);
    }
    for (const lease of ledger.leases({ environmentId: environment.id, kind: "worktree" })) {
      if (lease.state === "removing") ledger.updateLease(lease.id, { state: "present" });
    }
  });
}

export async function runPlan(plan: readonly PlanStep[], context: StepContext, operationId: string): Promise<void> {
  const { world } = context;
  const applied = applyPlan(plan, {
    perform: stepPerformers(context),
    journal: (step) => world.ledger.advanceOperation(operationId, step),
    report: context.emit,
    now: () => world.clock.now(),
    abort: context.abort,
    reached: world.reached,
  });
  // What comes after a plan may need all of it, and nobody copies for an operation that has failed.
  await applied
    .then(() => awaitCopies(context))
    .catch(async (error: unknown) => {
      await context.copies?.stop(error);
      rethrown(error);
    });
}

/** What decides about a failure sees whether the machine refused or we are wrong. */
function rethrown(error: unknown): never {
  throw machineError(error);
}

/** One journalled step that no plan has: begun in the ledger, reported to the caller, then carried out. */
export async function runStep<T>(
  world: World,
  call: Call,
  at: { operation: string; step: string; label: string; work: () => Promise<T> },
): Promise<T> {
  call.abort.throwIfAborted();
  const started = world.clock.now();
  world.ledger.advanceOperation(at.operation, at.step);
  call.emit({ type: "step", step: at.step, label: at.label });
  await world.reached(`before:${at.step}`);
  const result = await at.work().catch(rethrown);
  await world.reached(`after:${at.step}`);
  call.emit({ type: "step_done", step: at.step, ms: Math.max(0, Math.round(world.clock.now() - started)) });
  return result;
}

/** A signal that never fires: roll-backs and deletions are carried to their end. */
export function never(): AbortSignal {
  return new AbortController().signal;
}
