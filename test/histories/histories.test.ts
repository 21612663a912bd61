// A short run of what `npm run test:histories` does at length.
import { expect, test } from "bun:test";
import { runHistories } from "./run-histories.ts";

const commands = Number(process.env.WT_HISTORIES_COMMANDS ?? 250);
const seed = Number(process.env.WT_HISTORIES_SEED ?? Math.floor(Math.random() * 2 ** 31));

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
