// One history of thousands of commands on one world: what piles up, and what only an old world has, shows there.
import fc from "fast-check";
import { historyWorld } from "./history-world.ts";
import { emptyTally, type Living, liveOn, type Tally } from "./live-history.ts";
import { emptyModel } from "./model.ts";
import { type Happening, happening, type Story } from "./operations.ts";
import { failureOf, smallestOf } from "./run-histories.ts";

export interface LongHistory {
  /** Ends after the happening in which so many commands have been carried out. */
  commands: number;
  seed: number;
  /** After each happening. */
  progress?: (tally: Tally, happenings: number) => void;
}

export interface LongFailure {
  /** The happening that failed, counted from 1. */
  at: number;
  message: string;
  /** The fewest of the last happenings that fail on a new world, too, and how; null: it takes more than those. */
  smallest: string | null;
}

const batch = 100;
/** So many of the last happenings are tried on a new world. */
const suffixes = [5, 20, 80];
/** What led to a failure is the last of what happened; the rest can be lived again by the seed. */
const shownLines = 30;

export async function runLongHistory({ commands, seed, progress }: LongHistory): Promise<{ tally: Tally; failure: LongFailure | null }> {
  const tally = emptyTally();
  const happenings: Happening[] = [];
  const failed = await live(happenings, { commands, seed, tally, ...(progress ? { progress } : {}) });
  if (failed === null) return { tally, failure: null };
  return { tally, failure: { at: happenings.length, message: failed, smallest: await smallestEnd(happenings) } };
}

/** The same seed gives the same ones, and a longer history begins as a shorter one does. */
export function* happeningsOf(seed: number): Generator<Happening, never> {
  for (let count = 0; ; count++) yield* fc.sample(happening, { seed: seed + count, numRuns: batch });
}

async function live(happenings: Happening[], asked: LongHistory & { tally: Tally }): Promise<string | null> {
  const { commands, seed, tally, progress } = asked;
  await using history = await historyWorld({ keeps: true });
  const living: Living = { history, model: emptyModel(), story: [], tally };
  const coming = happeningsOf(seed);
  try {
    while (tally.commands < commands) {
      const { value } = coming.next();
      happenings.push(value);
      await liveOn(living, value);
      living.story.splice(0, living.story.length - shownLines);
      progress?.(tally, happenings.length);
    }
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function smallestEnd(happenings: readonly Happening[]): Promise<string | null> {
  for (const length of suffixes) {
    const story: Story = { keeps: true, happenings: happenings.slice(-length) };
    const message = await failureOf(story);
    if (message !== null) return smallestOf(story, message);
  }
  return null;
}
