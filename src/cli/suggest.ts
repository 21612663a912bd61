import { editDistance } from "../config/closest.ts";

/** The candidates that a mistyped word may have meant, best first, at most three. */
export function suggestions(word: string, candidates: Iterable<string>): string[] {
  const wanted = word.toLowerCase();
  const scored: { candidate: string; score: number }[] = [];
  for (const candidate of new Set(candidates)) {
    const name = candidate.toLowerCase();
    const limit = Math.max(1, Math.floor(Math.max(wanted.length, name.length) / 3));
    const distance = editDistance(wanted, name);
    if (distance <= limit) scored.push({ candidate, score: distance });
    else if (wanted.length >= 2 && name.includes(wanted)) scored.push({ candidate, score: limit + 1 + name.indexOf(wanted) });
  }
  return scored
    .toSorted((a, b) => a.score - b.score || a.candidate.localeCompare(b.candidate))
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}
