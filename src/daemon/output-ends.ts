// What an error shows of a command's output: the cause stands in the first lines as often as in the last.
const firstLines = 8;
const lastLines = 12;

export interface OutputEnds {
  first: readonly string[];
  last: readonly string[];
  leftOut: number;
}

export const noOutput: OutputEnds = { first: [], last: [], leftOut: 0 };

export function withLine({ first, last, leftOut }: OutputEnds, line: string): OutputEnds {
  if (first.length < firstLines) return { first: [...first, line], last, leftOut };
  if (last.length < lastLines) return { first, last: [...last, line], leftOut };
  return { first, last: [...last.slice(1), line], leftOut: leftOut + 1 };
}

/** `logPath`: where the whole output can be read. */
export function shownOutput({ first, last, leftOut }: OutputEnds, logPath: string): string[] {
  const gap = leftOut === 0 ? [] : [`… ${leftOut} ${leftOut === 1 ? "line" : "lines"} left out; all of them are in ${logPath}`];
  return [...first, ...gap, ...last];
}
