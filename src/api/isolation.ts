// `wt doctor --isolation`: every try to get from one environment to another, and what came of it.
import type { DoctorFinding } from "./operations.ts";

export const isolationWays = ["name", "network", "port", "gateway", "cookie", "database"] as const;
export type IsolationWay = (typeof isolationWays)[number];

export const isolationOutcomes = ["separate", "reached", "not tried"] as const;
export type IsolationOutcome = (typeof isolationOutcomes)[number];

export interface IsolationTry {
  /** Slugs. */
  from: string;
  to: string;
  way: IsolationWay;
  /** Where the try was made: a container's name, or `this machine`. */
  at: string;
  /** What it was that should not be reached. */
  target: string;
  outcome: IsolationOutcome;
  /** A sentence: what answered, or why nothing could be said. */
  detail: string;
}

export interface IsolationReport {
  schema: 1;
  project: string;
  /** Slugs of those that run. */
  environments: string[];
  tries: IsolationTry[];
  /** One for each way that was open between two. */
  findings: DoctorFinding[];
}
