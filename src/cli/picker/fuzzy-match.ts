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

/** The best placement: after each letter, `best[i]` is the best match of the letters so far whose last one stands at `i`. */
function matchPart(part: string, name: string): FuzzyMatch | null {
  const lower = name.toLowerCase();
  let best: (FuzzyMatch | null)[] = [];
  for (const [index, letter] of [...part].entries()) {
    const next: (FuzzyMatch | null)[] = [];
    /** The best of those that end before `place`, each letter between counted against it. */
    let before: FuzzyMatch | null = null;
    for (let place = 0; place < name.length; place++) {
      const adjacent: FuzzyMatch | null = best[place - 1] ?? null;
      before = better(before && minus(before, skipped), adjacent && minus(adjacent, skipped));
      next.push(lower[place] === letter ? extend(index, place, { name, before, adjacent }) : null);
    }
    best = next;
  }
  return best.reduce(better, null);
}

function better(a: FuzzyMatch | null, b: FuzzyMatch | null): FuzzyMatch | null {
  if (!a || !b) return a ?? b;
  return b.score > a.score ? b : a;
}

function minus(match: FuzzyMatch, cost: number): FuzzyMatch {
  return { score: match.score - cost, positions: match.positions };
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
