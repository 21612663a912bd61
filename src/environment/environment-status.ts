// The one word for an environment, from the states of its services. Pure.
import type { OperationKind } from "./ledger.ts";
import type { ServicePhase } from "./service-machine.ts";

export type EnvironmentCondition =
  | "Healthy"
  | "Starting"
  | "Degraded"
  | "Stopped"
  | "Creating"
  | "Deleting"
  | "Incomplete"
  | "Missing"
  | "Unknown";

export interface ConditionInput {
  operation: OperationKind | null;
  worktreeExists: boolean;
  /** A create failed and was kept. */
  incomplete: boolean;
  wanted: "up" | "down";
  services: readonly ServicePhase[];
}

export function environmentCondition(input: ConditionInput): EnvironmentCondition {
  if (input.operation === "delete") return "Deleting";
  if (input.operation === "create") return "Creating";
  if (!input.worktreeExists) return "Missing";
  if (input.incomplete) return input.operation === "up" || input.operation === "restart" ? "Creating" : "Incomplete";
  const phases = input.services;
  const some = (...wanted: ServicePhase[]) => phases.some((phase) => wanted.includes(phase));
  if (some("Failed", "CrashLoopBackOff", "Restarting")) return "Degraded";
  if (some("Unknown")) return "Unknown";
  if (some("Starting", "Waiting")) return "Starting";
  if (input.wanted === "down" || phases.length === 0) return input.wanted === "up" ? "Healthy" : "Stopped";
  if (phases.every((phase) => phase === "Stopped" || phase === "Stopping")) return "Stopped";
  return "Healthy";
}

/** With a database that cannot be used, services that run are not all there is to health. */
export function conditionWithResources(condition: EnvironmentCondition, states: readonly string[]): EnvironmentCondition {
  return condition === "Healthy" && states.some((state) => state === "Broken" || state === "Foreign") ? "Degraded" : condition;
}
