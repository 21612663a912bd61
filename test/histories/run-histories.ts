// Many random histories, one after the other; each has a seed of its own, by which it can be lived again.
import fc from "fast-check";
import { emptyTally, liveHistory, type Tally } from "./live-history.ts";
import { type Story, story } from "./operations.ts";

export interface Histories {
  /** Ends after the history in which so many commands have been carried out. */
  commands: number;
  /** Or after so many histories. */
  histories?: number;
  /** Of the first history; the next ones have the next numbers. */
  seed: number;
  /** After each history. */
  progress?: (tally: Tally, seed: number) => void;
}

export interface Failure {
  seed: number;
  message: string;
  /** The fewest happenings found that still fail, and how. */
  smallest: string;
}

export async function runHistories(asked: Histories): Promise<{ tally: Tally; failure: Failure | null }> {
  const { commands, histories = Number.POSITIVE_INFINITY, seed, progress } = asked;
  const tally = emptyTally();
  for (let lived = 0; ; lived++) {
    if (tally.commands >= commands || lived >= histories) return { tally, failure: null };
    const own = seed + lived;
    const lives = historyOf(own);
    const message = await failureOf(lives, tally);
    if (message !== null) return { tally, failure: { seed: own, message, smallest: await smallestOf(lives, message) } };
    progress?.(tally, own);
  }
}

export function historyOf(seed: number): Story {
  const [one] = fc.sample(story, { seed, numRuns: 1 });
  if (!one) throw new Error("fast-check made nothing");
  return one;
}

/** What does not hold in it, and the story up to there; null: all holds. */
export async function failureOf(story: Story, tally?: Tally): Promise<string | null> {
  return liveHistory(story, tally).then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

/** Leaves out one happening after the other, as long as something still fails. */
export async function smallestOf(story: Story, message: string): Promise<string> {
  let smallest = story;
  let said = message;
  for (let index = smallest.happenings.length - 1; index >= 0; index--) {
    const without = { ...story, happenings: smallest.happenings.toSpliced(index, 1) };
    const failure = await failureOf(without);
    if (failure === null) continue;
    smallest = without;
    said = failure;
  }
  return `${said}\n${JSON.stringify(smallest)}`;
}
