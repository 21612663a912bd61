// Ranks names by what was typed: all letters in order, better the more they stand together and at the beginnings of words.

export interface FuzzyMatch {
  score: number;
  /** Indexes of the letters that matched, for highlighting. */
  positions: number[];
}

const consecutive = 8;
const wordStart = 7;
const nameStart = 4;
const skipped = 0.2;

/** Null when the letters of `query` do not occur in order. Spaces separate parts that may match anywhere, each in order. */
export function fuzzyMatch(query: string, name: string): FuzzyMatch | null {
  const parts = query
    .toLowerCase()
    .split(/\s+/)
    .filter((part) => part !== "");
  const positions = new Set<number>();
  let score = 0;
  for (const part of parts) {
    const match = matchPart(part, name);
    if (!match) return null;
    score += match.score;
    for (const position of match.positions) positions.add(position);
  }
  return { score, positions: [...positions].toSorted((a, b) => a - b) };
}

/** The best placement, found from the end of the part backwards: best[i] is the best match of the letters up to here that ends at i. */
function matchPart(part: string, name: string): FuzzyMatch | null {
  const lower = name.toLowerCase();
  let best: (FuzzyMatch | null)[] = [];
  for (const [index, letter] of [...part].entries()) {
    const next: (FuzzyMatch | null)[] = Array.from({ length: name.length }, () => null);
    let before: FuzzyMatch | null = null;
    for (let place = 0; place < name.length; place++) {
      if (lower[place] === letter) next[place] = extend(index, place, { name, before, adjacent: best[place - 1] ?? null });
      const candidate = best[place] ?? null;
      if (candidate && candidate.score - skipped > (before?.score ?? Number.NEGATIVE_INFINITY) - skipped) before = candidate;
      else if (before) before = { ...before, score: before.score - skipped };
    }
    best = next;
  }
  return best.reduce<FuzzyMatch | null>(
    (top, match) => (match && match.score > (top?.score ?? Number.NEGATIVE_INFINITY) ? match : top),
    null,
  );
}

function extend(
  index: number,
  place: number,
  { name, before, adjacent }: { name: string; before: FuzzyMatch | null; adjacent: FuzzyMatch | null },
): FuzzyMatch | null {
  const own = 1 + (startsWord(name, place) ? wordStart : 0) + (place === 0 ? nameStart : 0);
  if (index === 0) return { score: own - place * skipped, positions: [place] };
  const options = [adjacent && { from: adjacent, bonus: consecutive }, before && { from: before, bonus: 0 }].filter(
    (option) => option !== null,
  );
  let best: FuzzyMatch | null = null;
  for (const { from, bonus } of options) {
    const score = from.score + own + bonus;
    if (score > (best?.score ?? Number.NEGATIVE_INFINITY)) best = { score, positions: [...from.positions, place] };
  }
  return best;
}

function startsWord(name: string, place: number): boolean {
  if (place === 0) return true;
  const previous = name[place - 1] ?? "";
  return /[^\p{L}\p{N}]/u.test(previous) || (/\p{Ll}/u.test(previous) && /\p{Lu}/u.test(name[place] ?? ""));
}
