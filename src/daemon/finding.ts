import type { DoctorFinding } from "../api/operations.ts";

/** A finding of the daemon's, with what `wt doctor --fix` does about it where that is safe. */
export interface Finding extends DoctorFinding {
  /** Idempotent; gives a sentence about what was done. It throws when it could not. */
  repair?: () => Promise<string>;
}
