// What to do to bring an environment from what is observed to what is wanted. Pure: `--dry-run`, tests and the daemon read the same steps.
import type { Config } from "../config/config.ts";
import { namedResources, resourceOrder } from "../config/resource-references.ts";

export interface WantedEnvironment {
  /** `rolled_back`: undo a create that did not come to its end. */
  presence: "present" | "absent" | "rolled_back";
  /** Services that shall run; the rest of the environment is left as it is. */
  up: string[];
  /** Services that shall not run. */
  down: string[];
  /** Services to start anew even if they run and are unchanged. */
  anew: string[];
  /** Keep uncommitted and unpushed work under rescue refs before the worktree goes. */
  rescue: boolean;
  /** Delete the branch with the worktree. */
  deleteBranch: boolean;
  /** Of what is deleted: keep all of it, so that it can come back; `dirty`: there are files that no commit has. */
  keep?: { dirty: boolean } | null;
}

export interface ObservedEnvironment {
  /** `partial`: begun by us and not known to be whole. */
  worktree: "absent" | "partial" | "present";
  /** Files and clones were brought in already. */
  filled: boolean;
  /** Per setup step of the config, in order: it succeeded here with the same inputs. */
  setupDone: boolean[];
  services: ObservedService[];
  /** Names of resources that exist or may exist. */
  resources: string[];
  /** Services whose port lease exists. */
  leasedPorts: string[];
  /** It has containers, networks, volumes or images, or may have. */
  stack?: boolean;
}

export interface ObservedService {
  name: string;
  /** A process exists, may exist, or waits for what it needs. */
  live: boolean;
  /** No process exists, but one will be started by itself after a pause; or nobody can tell whether one does. */
  pausing: boolean;
  /** It runs what the config says now. */
  current: boolean;
}

export type PlanStep =
  | { kind: "worktree" }
  /** A member of the pool becomes the environment's worktree: it is moved, put on the branch, and what differs is dropped, to be made again. */
  | { kind: "claim_worktree" }
  | { kind: "check_out" }
  | { kind: "renew" }
  /** `include`: the text of `.worktreeinclude`. */
  | { kind: "copy"; patterns: string[]; include: string }
  | { kind: "clone"; directories: string[] }
  | { kind: "ports"; services: string[] }
  /** What containers need before they are made: the compose file read and rewritten, images, networks, the shared services. */
  | { kind: "stack" }
  | SetupPlanStep
  /** Steps that do not depend on each other. */
  | { kind: "setup_together"; steps: SetupPlanStep[] }
  | { kind: "resource"; name: string }
  | { kind: "start"; services: string[] }
  | { kind: "restart"; services: string[] }
  | { kind: "stop"; services: string[] }
  /** Whatever else carries the environment's mark, such as a server that a setup command left running. */
  | { kind: "sweep" }
  | { kind: "rescue" }
  | { kind: "remove_resource"; name: string }
  /** Hold commits and files where git does not collect them. */
  | { kind: "keep_work"; dirty: boolean }
  /** Stop it and keep its content. */
  | { kind: "retire_resource"; name: string }
  | { kind: "keep_worktree" }
  /** Containers, networks and images go; `volumes: false`: what volumes hold stays. */
  | { kind: "remove_stack"; volumes: boolean }
  | { kind: "remove_worktree" }
  | { kind: "undo_worktree" }
  | { kind: "delete_branch" }
  | { kind: "remove_files" }
  | { kind: "release" };

export interface SetupPlanStep {
  kind: "setup";
  index: number;
  run: string;
  skip: boolean;
}

export function isSetup({ kind }: PlanStep): boolean {
  return kind === "setup" || kind === "setup_together";
}

/** Stable name of a step, for the journal and for `OperationEvent.step`. */
export function stepName(step: PlanStep): string {
  if (step.kind === "setup") return `setup:${step.index}`;
  if (step.kind === "setup_together") return `setup:${step.steps.map(({ index }) => index).join("+")}`;
  if (step.kind === "resource" || step.kind === "remove_resource" || step.kind === "retire_resource") {
    return `${step.kind}:${step.name}`;
  }
  return step.kind;
}

/** One sentence fragment for people. */
export function stepLabel(step: PlanStep): string {
  switch (step.kind) {
    case "worktree":
      return "Create the worktree";
    case "claim_worktree":
      return "Take a prepared worktree";
    case "check_out":
      return "Check out the files";
    case "renew":
      return "Look what differs";
    case "copy":
      return `Copy ${[...step.patterns, ...(step.include === "" ? [] : ["what .worktreeinclude names"])].join(", ")}`;
    case "clone":
      return `Clone ${step.directories.join(", ")}`;
    case "ports":
      return "Lease ports";
    case "stack":
      return "Prepare containers";
    case "remove_stack":
      return "Remove containers";
    case "setup":
      return step.run;
    case "setup_together":
      return `${step.steps.map(({ run }) => run).join(", ")} (at once)`;
    case "resource":
      return `Prepare ${step.name}`;
    case "start":
      return `Start ${step.services.join(", ")}`;
    case "restart":
      return `Restart ${step.services.join(", ")}`;
    case "stop":
      return `Stop ${step.services.join(", ")}`;
    case "sweep":
      return "End what is left running";
    case "rescue":
      return "Keep unsaved work under a rescue ref";
    case "keep_work":
      return "Keep the work";
    case "retire_resource":
      return `Stop ${step.name}`;
    case "keep_worktree":
      return "Take the worktree away";
    case "remove_resource":
      return `Remove ${step.name}`;
    case "remove_worktree":
    case "undo_worktree":
      return "Remove the worktree";
    case "delete_branch":
      return "Delete the branch";
    case "remove_files":
      return "Remove logs";
    case "release":
      return "Give back ports and names";
  }
}

/**
 * The steps, in order. Carrying them out twice is harmless: each is idempotent, and a plan made from the state in between leaves out
 * what is done. `config` is null when only removal is wanted (a broken wt.yaml must not stop `wt delete`).
 */
export function planEnvironment(wanted: WantedEnvironment, observed: ObservedEnvironment, config: Config | null): PlanStep[] {
  if (wanted.presence !== "present") return planRemoval(wanted, observed);
  return [...planPresence(observed, config), ...planServices(wanted, observed)];
}

function planPresence(observed: ObservedEnvironment, config: Config | null): PlanStep[] {
  const steps: PlanStep[] = [];
  if (observed.worktree !== "present") steps.push({ kind: "worktree" });
  if (!config) return steps;
  const { copy: patterns, include = "" } = config;
  if (!observed.filled && (patterns.length > 0 || include !== "")) steps.push({ kind: "copy", patterns, include });
  if (!observed.filled && config.clone.length > 0) steps.push({ kind: "clone", directories: config.clone });
  const leased = new Set(observed.leasedPorts);
  const unleased = config.services
    .filter((service) => service.port.kind !== "none" && !leased.has(service.name))
    .map((service) => service.name);
  if (unleased.length > 0) steps.push({ kind: "ports", services: unleased });
  if (config.compose) steps.push({ kind: "stack" });
  // A migration usually needs what setup installs, and a setup command may need a database that no command fills.
  const missing = resourceOrder(config.resources).filter((name) => !observed.resources.includes(name));
  const filled = new Set<string>();
  for (const name of missing) if (fillsByCommand(config, name) || isNamedLate(config, name, filled)) filled.add(name);
  for (const name of missing) if (!filled.has(name)) steps.push({ kind: "resource", name });
  steps.push(...planSetup(observed, config));
  for (const name of filled) steps.push({ kind: "resource", name });
  return steps;
}

function planSetup(observed: ObservedEnvironment, config: Config): PlanStep[] {
  const steps = config.setup.map(({ run, group }, index) => {
    return { group, step: { kind: "setup", index, run, skip: observed.setupDone[index] === true } as const };
  });
  return [...Map.groupBy(steps, ({ group }) => group).values()].flatMap((together): PlanStep[] => {
    const due = together.flatMap(({ step }) => (step.skip ? [] : [step]));
    const done = together.flatMap(({ step }) => (step.skip ? [step] : []));
    return due.length > 1 ? [...done, { kind: "setup_together", steps: due }] : together.map(({ step }) => step);
  });
}

/** It refers to one that is made late; in the order of `resourceOrder` that one was looked at before. */
function isNamedLate(config: Config, name: string, late: ReadonlySet<string>): boolean {
  const resource = config.resources[name];
  return resource !== undefined && namedResources(resource).some((needed) => late.has(needed));
}

function fillsByCommand(config: Config, name: string): boolean {
  const options = config.resources[name]?.options ?? {};
  return "migrate" in options || "seed" in options;
}

/** What makes a member of the pool fit; the plan of what is then observed follows. */
export const claimPlan: readonly PlanStep[] = [{ kind: "claim_worktree" }, { kind: "check_out" }, { kind: "renew" }];
export const refreshPlan: readonly PlanStep[] = [{ kind: "check_out" }, { kind: "renew" }];

/** By a command, so that setup comes first. */
export function isMadeLate(config: Config, name: string): boolean {
  const late = new Set<string>();
  for (const one of resourceOrder(config.resources)) if (fillsByCommand(config, one) || isNamedLate(config, one, late)) late.add(one);
  return late.has(name);
}

/** The part of the plan that stops, restarts and starts services. */
export function planServices(wanted: WantedEnvironment, observed: ObservedEnvironment): PlanStep[] {
  const byName = new Map(observed.services.map((service) => [service.name, service]));
  const anew = new Set(wanted.anew);
  const stop = wanted.down.filter((name) => byName.get(name)?.live || byName.get(name)?.pausing);
  const restart = wanted.up.filter((name) => byName.get(name)?.live && (anew.has(name) || !byName.get(name)?.current));
  const start = wanted.up.filter((name) => !byName.get(name)?.live);
  const steps: PlanStep[] = [];
  if (stop.length > 0) steps.push({ kind: "stop", services: stop });
  if (restart.length > 0) steps.push({ kind: "restart", services: restart });
  if (start.length > 0) steps.push({ kind: "start", services: start });
  return steps;
}

function planKeeping(wanted: WantedEnvironment, observed: ObservedEnvironment, { dirty }: { dirty: boolean }): PlanStep[] {
  return [
    { kind: "keep_work", dirty },
    ...(observed.stack ? [{ kind: "remove_stack", volumes: false } as const] : []),
    ...observed.resources.map((name) => ({ kind: "retire_resource", name }) as const),
    { kind: "keep_worktree" },
    ...(wanted.deleteBranch ? [{ kind: "delete_branch" } as const] : []),
    { kind: "release" },
  ];
}

function planRemoval(wanted: WantedEnvironment, observed: ObservedEnvironment): PlanStep[] {
  const steps: PlanStep[] = [];
  const live = observed.services.filter((service) => service.live || service.pausing).map((service) => service.name);
  if (live.length > 0) steps.push({ kind: "stop", services: live });
  steps.push({ kind: "sweep" });
  if (wanted.keep) return [...steps, ...planKeeping(wanted, observed, wanted.keep)];
  if (wanted.rescue && observed.worktree === "present") steps.push({ kind: "rescue" });
  for (const name of observed.resources) steps.push({ kind: "remove_resource", name });
  if (observed.stack) steps.push({ kind: "remove_stack", volumes: true });
  if (wanted.presence === "rolled_back") {
    if (observed.worktree !== "absent") steps.push({ kind: "undo_worktree" });
  } else {
    if (observed.worktree !== "absent") steps.push({ kind: "remove_worktree" });
    if (wanted.deleteBranch) steps.push({ kind: "delete_branch" });
  }
  steps.push({ kind: "remove_files" }, { kind: "release" });
  return steps;
}
