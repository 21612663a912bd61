// The whole of `wt __complete`, without what other commands need: at every press of TAB a person waits for it.
import { completionCandidates } from "./candidates.ts";
import type { NamePlace } from "./names.ts";

/** A line for each: `candidate<TAB>description`. */
export async function printCandidates(words: readonly string[], place: NamePlace): Promise<void> {
  const candidates = await completionCandidates(words, place);
  await Bun.write(Bun.stdout, candidates.map(({ value, description }) => `${value}\t${description}\n`).join(""));
}
