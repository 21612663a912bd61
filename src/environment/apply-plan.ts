// Carries a plan out: journals each step before its effect, reports progress, stops at the first failure. Knows no driver by name.
import { type PlanStep, stepLabel, stepName } from "./plan.ts";

/** One function per step kind; each is idempotent and throws `WtError` with nothing half-made of its own left. */
export type StepPerformers = {
  [Kind in PlanStep["kind"]]: (step: Extract<PlanStep, { kind: Kind }>) => Promise<void>;
};

export interface ApplyPlanOptions {
  perform: StepPerformers;
  /** Called before a step's effect; when it returns, the journal is on disk. */
  journal: (step: string) => void;
  report: (
    event: { type: "step"; step: string; label: string } | { type: "step_done"; step: string; ms: number; skipped?: boolean },
  ) => void;
  now: () => number;
  abort: AbortSignal;
  /** For fault injection: called at `before:<step>` (journalled, nothing done) and `after:<step>`. */
  reached?: (point: string) => void | Promise<void>;
}

export async function applyPlan(plan: readonly PlanStep[], options: ApplyPlanOptions): Promise<void> {
  for (const step of plan) {
    options.abort.throwIfAborted();
    const name = stepName(step);
    options.report({ type: "step", step: name, label: stepLabel(step) });
    if (step.kind === "setup" && step.skip) {
      options.report({ type: "step_done", step: name, ms: 0, skipped: true });
      continue;
    }
    const started = options.now();
    options.journal(name);
    await options.reached?.(`before:${name}`);
    await performStep(step, options.perform);
    await options.reached?.(`after:${name}`);
    options.report({ type: "step_done", step: name, ms: Math.max(0, Math.round(options.now() - started)) });
  }
}

function performStep<Kind extends PlanStep["kind"]>(step: Extract<PlanStep, { kind: Kind }>, perform: StepPerformers): Promise<void> {
  // The mapped type pairs kind and performer; TypeScript cannot follow that through an index by a union.
  const performer = perform[step.kind] as (step: Extract<PlanStep, { kind: Kind }>) => Promise<void>;
  return performer(step);
}
