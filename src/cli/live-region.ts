// The lines at the bottom of a terminal that are drawn again and again. What is kept scrolls up above them.

export interface LiveRegion {
  /** Replaces what is drawn now. Each line must fit the width of the terminal. */
  draw(lines: readonly string[]): Promise<void>;
  /** Puts lines above the region for good. */
  keep(lines: readonly string[]): Promise<void>;
  /** Removes what is drawn. */
  clear(): Promise<void>;
}

/** Updates arrive whole on terminals that know synchronized output; the others ignore these. */
const beginUpdate = "\u001b[?2026h";
const endUpdate = "\u001b[?2026l";
const eraseToEnd = "\u001b[J";
const eraseLine = "\u001b[K";

export function createLiveRegion(write: (text: string) => Promise<void>): LiveRegion {
  let drawn: readonly string[] = [];
  // Writes are asynchronous; in order, one region never overlaps itself.
  let last: Promise<void> = Promise.resolve();

  const replace = (kept: readonly string[], lines: readonly string[]): Promise<void> => {
    const text = `${beginUpdate}${cursorUp(drawn.length)}${kept.map((line) => `${line}${eraseLine}\n`).join("")}${lines
      .map((line) => `${line}${eraseLine}\n`)
      .join("")}${eraseToEnd}${endUpdate}`;
    drawn = lines;
    last = last.then(() => write(text));
    return last;
  };
  return {
    draw: (lines) => replace([], lines),
    keep: (lines) => replace(lines, drawn),
    clear: () => (drawn.length === 0 ? last : replace([], [])),
  };
}

function cursorUp(count: number): string {
  return count > 0 ? `\r\u001b[${count}A` : "\r";
}
