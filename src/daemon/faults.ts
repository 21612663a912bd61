// Fault injection for the project's own tests at the points of the journal; effects on the machine have theirs in `os/fault-layer.ts`.
import { armFaults, parseFaults, withFaults } from "../os/fault-layer.ts";

/** Called at `before:<step>` (journalled, nothing done), `after:<step>` and `paused:<step>` (services are held still). */
export type ReachedPoint = (point: string) => Promise<void>;

/** `WT_TEST_FAULT=kill@before:worktree` makes the daemon kill itself with SIGKILL there; without a setting points cost nothing. */
export function faultsFrom(setting: string | undefined): ReachedPoint {
  armFaults(parseFaults(setting ?? ""));
  return async (point) => {
    const [verb, ...step] = point.split(":");
    if (verb === "before" || verb === "after" || verb === "paused") {
      await withFaults(
        verb,
        () => step.join(":"),
        async () => undefined,
      );
    }
  };
}
