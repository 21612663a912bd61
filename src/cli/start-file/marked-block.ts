// A few lines between two marks in a file that is somebody else's. Everything outside of the marks comes out byte for byte as it went in.

export interface Marks {
  /** Whole lines. */
  begin: string;
  end: string;
}

export type BlockPlace =
  | { kind: "absent" }
  /** From the beginning of the first mark to after the newline of the second. */
  | { kind: "found"; start: number; end: number }
  /** The marks do not make one block: whoever took a guess would delete what is between them. */
  | { kind: "damaged"; line: number; because: string };

/** `text` may hold any bytes (as latin1) and any kind of line ends. */
export function findBlock(text: string, marks: Marks): BlockPlace {
  let begun: { start: number; line: number } | null = null;
  let found: { start: number; end: number } | null = null;
  let offset = 0;
  for (const [index, line] of text.split("\n").entries()) {
    const word = line.replace(/\r$/, "").trim();
    const start = offset;
    offset += line.length + 1;
    if (word === marks.begin) {
      if (begun) return { kind: "damaged", line: index + 1, because: `it begins again before the block of line ${begun.line} ends` };
      if (found) return { kind: "damaged", line: index + 1, because: "it is a second block" };
      begun = { start, line: index + 1 };
    } else if (word === marks.end) {
      if (!begun) return { kind: "damaged", line: index + 1, because: "it ends a block that does not begin" };
      found = { start: begun.start, end: Math.min(offset, text.length) };
      begun = null;
    }
  }
  if (begun) return { kind: "damaged", line: begun.line, because: "the block does not end" };
  return found ? { kind: "found", ...found } : { kind: "absent" };
}

/** With the block in the place of the one that is there, else at the end. */
export function withBlock(
  text: string,
  place: Exclude<BlockPlace, { kind: "damaged" }>,
  { marks, lines }: { marks: Marks; lines: string },
): string {
  const block = `${marks.begin}\n${lines}\n${marks.end}\n`;
  if (place.kind === "found") return text.slice(0, place.start) + block + text.slice(place.end);
  return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${block}`;
}

export function withoutBlock(text: string, place: Exclude<BlockPlace, { kind: "damaged" }>): string {
  return place.kind === "found" ? text.slice(0, place.start) + text.slice(place.end) : text;
}
