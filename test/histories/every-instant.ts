// Each operation is cut off, or refused by the machine, at every single instant of it, and everything still holds after.

import { historyWorld } from "./history-world.ts";
import type { Accident } from "./instants.ts";
import { emptyTally, liveOn, type Tally } from "./live-history.ts";
import { emptyModel } from "./model.ts";
import type { Command, Happening, UserAction } from "./operations.ts";

export interface Scene {
  name: string;
  /** What is there before. */
  before: (Command | UserAction)[];
  command: Command;
}

const branch = 0;
const create: Command = { do: "create", branch, up: true, resume: false };
const work: UserAction[] = [
  { do: "write", branch, what: "commit", file: 0 },
  { do: "write", branch, what: "stage", file: 0 },
  { do: "write", branch, what: "modify", file: 0 },
  { do: "write", branch, what: "untracked", file: 0 },
  { do: "write_database", branch },
];
const kept: Command = { do: "delete", branch, force: true, withBranch: true, purge: false };
const checkpoint: Command = { do: "checkpoint", branch, id: 0 };

export const scenes: Scene[] = [
  { name: "create", before: [], command: create },
  { name: "up", before: [{ ...create, up: false }, ...work], command: { do: "up", branch, anew: false } },
  { name: "restart", before: [create, ...work], command: { do: "up", branch, anew: true } },
  { name: "down", before: [create, ...work], command: { do: "down", branch } },
  { name: "delete", before: [create], command: { ...kept, force: false, withBranch: false } },
  { name: "delete --force --branch", before: [create, ...work], command: kept },
  { name: "delete --force --branch --purge", before: [create, ...work], command: { ...kept, purge: true } },
  { name: "undelete", before: [create, ...work, kept], command: { do: "undelete", branch, up: true } },
  { name: "undelete --purge", before: [create, ...work, kept], command: { do: "purge", branch } },
  { name: "db reset", before: [create, ...work], command: { do: "reset", branch } },
  { name: "checkpoint", before: [create, ...work], command: checkpoint },
  {
    name: "restore",
    before: [create, ...work, checkpoint, { do: "write_database", branch }],
    command: { do: "restore", branch, id: 0 },
  },
  { name: "gc", before: [create], command: { do: "gc", branch, dryRun: false, old: true } },
];

export const ways: Omit<Extract<Accident, { kind: "crash" | "error" }>, "instant">[] = [
  { kind: "crash", when: "before" },
  { kind: "crash", when: "during" },
  { kind: "crash", when: "after" },
  { kind: "error", when: "before", error: "enospc", lasts: true },
  { kind: "error", when: "before", error: "eio", lasts: false },
  { kind: "error", when: "after", error: "eio", lasts: false },
  { kind: "error", when: "before", error: "eacces", lasts: true },
] as never;

/** Gives how many instants the operation has. `step` 3: only every third of them, beginning with `first`. */
export async function strikeEverywhere(
  scene: Scene,
  how: { way: (typeof ways)[number]; first: number; step: number },
  tally: Tally = emptyTally(),
): Promise<number> {
  for (let instant = how.first; ; instant += how.step) {
    const accident = { ...how.way, instant } as Accident;
    if (!(await strike(scene, accident, tally))) return instant;
  }
}

/** False: the operation was over before that instant. */
async function strike(scene: Scene, accident: Accident, tally: Tally): Promise<boolean> {
  await using history = await historyWorld();
  const on = { history, model: emptyModel(), story: [], tally };
  for (const one of scene.before) await liveOn(on, preparing(one));
  return await liveOn(on, { kind: "command", command: scene.command, alongside: null, accident });
}

const userActions = new Set(["write", "write_database"]);

function preparing(one: Command | UserAction): Happening {
  return userActions.has(one.do)
    ? { kind: "user", action: one as UserAction }
    : { kind: "command", command: one as Command, alongside: null, accident: null };
}
