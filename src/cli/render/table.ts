export interface Cell {
  text: string;
  paint?: (text: string) => string;
}

export interface TableOptions {
  paintHeader: (text: string) => string;
  /** Lines are cut to this many columns; null leaves them as long as they are (in a pipe). */
  maxWidth: number | null;
  ellipsis: string;
  /** The column that gives way first when there is too little room. */
  shrink: number;
  /** Display width that a column never falls below, so that it does not jump while cells are filled in. */
  minWidths?: number[];
}

const gap = "  ";
const smallestShrunk = 12;

/** Lines with columns aligned by what they take on a screen (wide and combining characters counted as such), without trailing space. */
export function tableLines(header: string[], rows: Cell[][], options: TableOptions): string[] {
  const widths = header.map((title, column) =>
    Math.max(Bun.stringWidth(title), options.minWidths?.[column] ?? 0, ...rows.map((row) => Bun.stringWidth(row[column]?.text ?? ""))),
  );
  shrink(widths, options);
  const headerCells = header.map((text) => ({ text, paint: options.paintHeader }));
  return [headerCells, ...rows].map((row) => tableLine(row, widths, options));
}

function shrink(widths: number[], options: TableOptions): void {
  if (options.maxWidth === null) return;
  const total = widths.reduce((sum, width) => sum + width, 0) + gap.length * (widths.length - 1);
  const excess = total - options.maxWidth;
  const current = widths[options.shrink] ?? 0;
  if (excess > 0 && current > smallestShrunk) widths[options.shrink] = Math.max(smallestShrunk, current - excess);
}

function tableLine(row: Cell[], widths: number[], options: TableOptions): string {
  const parts: string[] = [];
  const lastFilled = row.findLastIndex((cell) => cell.text !== "");
  for (const [column, cell] of row.slice(0, lastFilled + 1).entries()) {
    const width = widths[column] ?? 0;
    const text = cut(cell.text, width, options.ellipsis);
    const padding = column === lastFilled ? "" : " ".repeat(Math.max(0, width - Bun.stringWidth(text)));
    parts.push((cell.paint ? cell.paint(text) : text) + padding);
  }
  const line = parts.join(gap);
  return options.maxWidth === null ? line : cut(line, options.maxWidth, options.ellipsis);
}

/** At most `width` columns of the screen; colour sequences are kept whole and cost nothing. */
export function cut(text: string, width: number, ellipsis: string): string {
  if (Bun.stringWidth(text) <= width) return text;
  return Bun.sliceAnsi(text, 0, width, ellipsis);
}
