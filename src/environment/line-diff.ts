// Which lines of two texts differ. Pure, and the same from both sides: the way back is the way there with its signs exchanged.

/** `…` stands for lines that are the same and were left out. */
export interface DiffLine {
  sign: "-" | "+" | " " | "…";
  text: string;
}

/** Beyond this many comparisons the middle counts as replaced: a page of differences helps nobody. */
const largestTable = 1_000_000;

/** The lines that only `before` (`-`) or only `after` (`+`) has, each with up to `context` lines around it. Empty for equal texts. */
export function lineDiff(before: string, after: string, context = 1): DiffLine[] {
  if (before === after) return [];
  // Where several answers are equally short, both directions have to choose the same one.
  const turned = before > after;
  const [one, other] = turned ? [after, before] : [before, after];
  const lines = editScript(one.split("\n"), other.split("\n"));
  return withContext(ordered(turned ? lines.map(turnedLine) : lines), context);
}

/** As seen from the other side. */
export function mirroredLines(lines: readonly DiffLine[]): DiffLine[] {
  return ordered(lines.map(turnedLine));
}

function turnedLine({ sign, text }: DiffLine): DiffLine {
  return { sign: sign === "-" ? "+" : sign === "+" ? "-" : sign, text };
}

function editScript(before: string[], after: string[]): DiffLine[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < before.length - head && tail < after.length - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const same = (lines: string[]) => lines.map((text): DiffLine => ({ sign: " ", text }));
  return [
    ...same(before.slice(0, head)),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...same(before.slice(before.length - tail)),
  ];
}

/** By the longest common subsequence. */
function middle(before: string[], after: string[]): DiffLine[] {
  const [rows, columns] = [before.length, after.length];
  if (rows * columns > largestTable) {
    return [...before.map((text): DiffLine => ({ sign: "-", text })), ...after.map((text): DiffLine => ({ sign: "+", text }))];
  }
  const width = columns + 1;
  const longest = new Uint32Array((rows + 1) * width);
  const at = (row: number, column: number) => longest[row * width + column] ?? 0;
  for (let row = rows - 1; row >= 0; row--) {
    for (let column = columns - 1; column >= 0; column--) {
      longest[row * width + column] =
        before[row] === after[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const lines: DiffLine[] = [];
  let [row, column] = [0, 0];
  while (row < rows || column < columns) {
    if (row < rows && column < columns && before[row] === after[column]) {
      lines.push({ sign: " ", text: before[row++] ?? "" });
      column++;
    } else if (column === columns || (row < rows && at(row + 1, column) >= at(row, column + 1))) {
      lines.push({ sign: "-", text: before[row++] ?? "" });
    } else lines.push({ sign: "+", text: after[column++] ?? "" });
  }
  return lines;
}

/** In each run of changes what goes stands before what comes. */
function ordered(lines: readonly DiffLine[]): DiffLine[] {
  const result: DiffLine[] = [];
  let come: DiffLine[] = [];
  for (const line of lines) {
    if (line.sign === "+") come.push(line);
    else if (line.sign === "-") result.push(line);
    else {
      result.push(...come, line);
      come = [];
    }
  }
  return [...result, ...come];
}

function withContext(lines: readonly DiffLine[], context: number): DiffLine[] {
  const near = (index: number) => lines.slice(Math.max(0, index - context), index + context + 1).some(({ sign }) => sign !== " ");
  const result: DiffLine[] = [];
  let left = 0;
  const gap = () => {
    if (left > 0) result.push({ sign: "…", text: `${left} ${left === 1 ? "line" : "lines"}` });
    left = 0;
  };
  for (const [index, line] of lines.entries()) {
    if (near(index)) {
      gap();
      result.push(line);
    } else left++;
  }
  gap();
  return result;
}
