// A short run of what `npm run test:histories` does at length.
import { expect, test } from "bun:test";
import { liveHistory } from "./live-history.ts";
import type { Happening } from "./operations.ts";
import { runHistories } from "./run-histories.ts";

const commands = Number(process.env.WT_HISTORIES_COMMANDS ?? 250);
const seed = Number(process.env.WT_HISTORIES_SEED ?? 1);

test(
  `random histories from seed ${seed} on: nothing leaks, no file is lost`,
  async () => {
    const { failure, tally } = await runHistories({ commands, seed });
    if (failure)
      throw new Error(`npm run test:histories -- --seed ${failure.seed} --histories 1\n${failure.message}\nSmallest: ${failure.smallest}`);
    // A run in which nothing went wrong would prove nothing.
    expect(tally.crashes).toBeGreaterThan(0);
    expect(tally.errors).toBeGreaterThan(0);
    expect(tally.succeeded).toBeGreaterThan(tally.commands / 4);
  },
  10 * 60_000,
);

const make: Happening = {
  kind: "command",
  command: { do: "create", branch: 0, up: true, resume: false },
  alongside: null,
  accident: null,
};

test.each([1, 2, 3, 4, 5, 6])("a daemon that dies at its instant %i after a reboot: nothing starts by itself", async (instant) => {
  const crash = { kind: "crash" as const, instant, when: "before" as const };
  await liveHistory({ keeps: true, happenings: [make, { kind: "restart", reboot: true, accident: crash }] });
});

test.each(["up", "down", "reset"] as const)("%s beside a delete of the same environment is no bug", async (what) => {
  const gone = { do: "delete" as const, branch: 0, force: true, withBranch: true, purge: false };
  const beside = what === "up" ? { do: what, branch: 0, anew: false } : { do: what, branch: 0 };
  await liveHistory({ keeps: true, happenings: [make, { ...make, command: gone, alongside: beside }] });
});

test("a checkpoint that is removed and made anew at the same time holds what is there now", async () => {
  const of = { branch: 0, id: 1 };
  const write: Happening = { kind: "user", action: { do: "write_database", branch: 0 } };
  const checkpoint = { do: "checkpoint" as const, ...of };
  const anew: Happening = { ...make, command: { do: "remove_checkpoint", ...of }, alongside: checkpoint };
  await liveHistory({ keeps: true, happenings: [make, { ...make, command: checkpoint }, write, anew] });
});

test("a deleted environment that can come back and a new one of the same name do not share a database", async () => {
  const gone = { do: "delete" as const, branch: 0, force: true, withBranch: true, purge: false };
  const write: Happening = { kind: "user", action: { do: "write_database", branch: 0 } };
  await liveHistory({
    keeps: true,
    happenings: [make, write, { ...make, command: gone }, make, write, { ...make, command: { do: "up", branch: 0, anew: true } }],
  });
});
