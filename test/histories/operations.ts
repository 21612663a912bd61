// What can happen in a history, as data: fast-check makes them, a failing history is printed as they are.
import fc from "fast-check";
import type { Accident } from "./instants.ts";

/** The user's own doings; nothing of the daemon is in them. */
export type UserAction =
  | { do: "write"; branch: number; what: "untracked" | "modify" | "stage" | "commit"; file: number }
  | { do: "write_database"; branch: number }
  | { do: "end_service"; branch: number; service: "web" | "worker"; code: number }
  | { do: "rm_worktree"; branch: number }
  | { do: "git_worktree_remove"; branch: number }
  | { do: "lock_worktree"; branch: number; yes: boolean }
  | { do: "merge"; branch: number };

export type Command =
  | { do: "create"; branch: number; up: boolean; resume: boolean }
  | { do: "delete"; branch: number; force: boolean; withBranch: boolean; purge: boolean }
  | { do: "undelete"; branch: number; up: boolean }
  | { do: "purge"; branch: number }
  | { do: "gc"; branch: number; dryRun: boolean; old: boolean }
  | { do: "up"; branch: number; anew: boolean }
  | { do: "down"; branch: number }
  | { do: "reset"; branch: number }
  | { do: "checkpoint"; branch: number; id: number }
  | { do: "restore"; branch: number; id: number }
  | { do: "remove_checkpoint"; branch: number; id: number };

export type Happening =
  | { kind: "user"; action: UserAction }
  /** `alongside` begins at the same time. `again` befalls the daemon that recovers. */
  | { kind: "command"; command: Command; alongside: Command | UserAction | null; accident: Accident | null; again?: Accident | null }
  | { kind: "restart"; reboot: boolean; accident: Accident | null }
  /** Nobody does anything; what is kept of deleted environments goes when its time is over. */
  | { kind: "days"; days: number; accident: Accident | null };

const branch = fc.nat({ max: 3 });

const userAction: fc.Arbitrary<UserAction> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      branch,
      what: fc.constantFrom("untracked" as const, "modify" as const, "stage" as const, "commit" as const),
      file: fc.nat({ max: 1 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("write_database" as const), branch }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("end_service" as const),
      branch,
      service: fc.constantFrom("web" as const, "worker" as const),
      code: fc.nat({ max: 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("rm_worktree" as const), branch }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("git_worktree_remove" as const), branch }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("lock_worktree" as const), branch, yes: fc.nat({ max: 2 }).map((one) => one === 2) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("merge" as const), branch }) },
);

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("create" as const), branch, up: fc.boolean(), resume: fc.constant(false) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("create" as const), branch, up: fc.boolean(), resume: fc.constant(true) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("delete" as const),
      branch,
      force: fc.boolean(),
      withBranch: fc.boolean(),
      purge: fc.integer({ min: 1, max: 6 }).map((one) => one === 6),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("undelete" as const), branch, up: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("purge" as const), branch }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("gc" as const), branch, dryRun: fc.boolean(), old: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("up" as const), branch, anew: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("down" as const), branch }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("reset" as const), branch }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("checkpoint" as const), branch, id: fc.nat({ max: 1 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("restore" as const), branch, id: fc.nat({ max: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove_checkpoint" as const), branch, id: fc.nat({ max: 1 }) }) },
);

const instant = fc.integer({ min: 1, max: 70 });

const crash: fc.Arbitrary<Accident> = fc.record({
  kind: fc.constant("crash" as const),
  instant,
  when: fc.constantFrom("before" as const, "after" as const, "during" as const),
});

const accident: fc.Arbitrary<Accident> = fc.oneof(
  { weight: 5, arbitrary: crash },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("error" as const),
      instant,
      error: fc.constantFrom("enospc" as const, "eio" as const, "eacces" as const, "erofs" as const),
      when: fc.constantFrom("before" as const, "after" as const),
      lasts: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("slow" as const), instant, ms: fc.constantFrom(5, 30) }) },
);

export const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("user" as const), action: userAction }) },
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constant("command" as const),
      command,
      alongside: fc.option(fc.oneof(command, userAction), { freq: 5 }),
      accident: fc.option(accident, { freq: 2 }),
      again: fc.option(crash, { freq: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("restart" as const),
      reboot: fc.boolean(),
      accident: fc.option(crash, { freq: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("days" as const),
      days: fc.constantFrom(3, 8),
      accident: fc.option(accident, { freq: 2 }),
    }),
  },
);

export interface Story {
  /** What is deleted can come back. */
  keeps: boolean;
  happenings: Happening[];
}

export const story: fc.Arbitrary<Story> = fc.record({
  keeps: fc.integer({ min: 1, max: 4 }).map((one) => one > 1),
  happenings: fc.array(happening, { minLength: 10, maxLength: 25 }),
});

export const branchNames = ["a", "topic/b", "c", "d"];
