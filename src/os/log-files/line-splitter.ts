// Bytes in any portions → lines with the place where each ends. Pure but for what it holds back of an unfinished line.

export interface SplitLine {
  line: string;
  /** Position just behind the line, its newline included. */
  end: number;
}

export interface LineSplitter {
  /** `at`: position of the first byte of `bytes`; it follows on what was pushed before. */
  push(bytes: Uint8Array, at: number): SplitLine[];
  /** Gives out an unfinished line; what follows on it becomes a line of its own. */
  flush(): SplitLine[];
}

/** A longer line is given out in pieces. */
export const longestLineBytes = 64 * 1024;

const newline = 10;
const carriageReturn = 13;

export function createLineSplitter(): LineSplitter {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let held: Uint8Array = new Uint8Array(0);
  let end = 0;
  /** The unfinished line was begun already: a newline alone finishes it and is no line of its own. */
  let begun = false;

  const pieces = (bytes: Uint8Array, at: number, lines: SplitLine[]) => {
    let rest = bytes;
    let position = at;
    while (rest.length > longestLineBytes) {
      const cut = cutAt(rest);
      position += cut;
      lines.push({ line: decoder.decode(rest.subarray(0, cut)), end: position });
      rest = rest.subarray(cut);
      begun = true;
    }
    return rest;
  };

  return {
    push(bytes, at) {
      const lines: SplitLine[] = [];
      let from = 0;
      for (let to = bytes.indexOf(newline); to !== -1; to = bytes.indexOf(newline, from)) {
        const whole = join(held, bytes.subarray(from, to));
        const lineEnd = at + to + 1;
        const rest = withoutReturn(pieces(whole, lineEnd - 1 - whole.length, lines));
        if (rest.length > 0 || !begun) lines.push({ line: decoder.decode(rest), end: lineEnd });
        held = new Uint8Array(0);
        begun = false;
        from = to + 1;
      }
      end = at + bytes.length;
      const whole = join(held, bytes.subarray(from));
      held = pieces(whole, end - whole.length, lines).slice();
      return lines;
    },
    flush() {
      if (held.length === 0) return [];
      const lines = [{ line: decoder.decode(held), end }];
      held = new Uint8Array(0);
      begun = true;
      return lines;
    },
  };
}

/** Before the first byte of the character that would be cut in two. */
function cutAt(bytes: Uint8Array): number {
  for (let cut = longestLineBytes; cut > longestLineBytes - 4; cut--) {
    if (((bytes[cut] ?? 0) & 0xc0) !== 0x80) return cut;
  }
  return longestLineBytes;
}

function withoutReturn(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes;
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
