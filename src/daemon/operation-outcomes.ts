// How operations end whose caller went away before it could be told: what it asks for afterwards.
import type { OperationOutcome } from "../api/endpoints.ts";

export interface OperationOutcomes {
  begin(id: string): void;
  end(id: string, outcome: "done" | "undone"): void;
  read(id: string): OperationOutcome;
}

/** Nobody asks for older ones. */
const kept = 200;

export function createOperationOutcomes(): OperationOutcomes {
  const outcomes = new Map<string, OperationOutcome>();
  return {
    begin: (id) => void outcomes.set(id, "running"),
    end(id, outcome) {
      outcomes.delete(id);
      outcomes.set(id, outcome);
      const ended = [...outcomes].filter(([, one]) => one !== "running");
      for (const [old] of ended.slice(0, Math.max(0, ended.length - kept))) outcomes.delete(old);
    },
    read: (id) => outcomes.get(id) ?? "unknown",
  };
}
