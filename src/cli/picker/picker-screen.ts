// What the picker looks like for a state and a size. No I/O.
import type { Paint } from "../paint.ts";
import { cut } from "../render/table.ts";
import type { Symbols } from "../symbols.ts";
import type { PickerEntry, PickerState } from "./picker-state.ts";

export interface PickerScreenOptions {
  columns: number;
  rows: number;
  paint: Paint;
  symbols: Symbols;
  /** Lines about the selected entry. */
  preview: readonly string[];
}

/** Exactly `rows` lines: the query, the entries (scrolled so that the selected one is seen), the preview, the keys. */
export function pickerLines(entries: readonly PickerEntry[], state: PickerState, options: PickerScreenOptions): string[] {
  const { columns, rows, paint, symbols } = options;
  const previewRows = rows >= 12 ? Math.min(options.preview.length + 1, Math.floor(rows / 2)) : 0;
  const listRows = Math.max(1, rows - 2 - previewRows);
  const top = Math.max(0, Math.min(state.selected - Math.floor(listRows / 2), state.ranked.length - listRows));
  const lines = [`${paint.accent(">")} ${state.query}${paint.inverse(" ")} ${paint.dim(`${state.ranked.length}/${entries.length}`)}`];
  const nameWidth = Math.min(Math.floor(columns * 0.6), Math.max(0, ...entries.map(({ name }) => Bun.stringWidth(name))));
  for (let row = 0; row < listRows; row++) {
    const ranked = state.ranked[top + row];
    const entry = ranked && entries[ranked.index];
    if (!ranked || !entry) {
      lines.push(row === 0 ? paint.dim("  nothing matches") : "");
      continue;
    }
    const isSelected = top + row === state.selected;
    const name = cut(highlighted(entry.name, ranked.match.positions, paint), nameWidth, symbols.ellipsis);
    const padding = " ".repeat(Math.max(0, nameWidth - Bun.stringWidth(name)));
    lines.push(`${isSelected ? paint.accent(symbols.current) : " "} ${isSelected ? paint.bold(name) : name}${padding}  ${entry.note}`);
  }
  if (previewRows > 0)
    lines.push(
      paint.dim("─".repeat(columns).replaceAll("─", symbols.bar === "|" ? "-" : "─")),
      ...options.preview.slice(0, previewRows - 1),
    );
  while (lines.length < rows - 1) lines.push("");
  lines.push(paint.dim("Enter goes there, Esc leaves, typing filters"));
  return lines.map((line) => cut(line, columns, symbols.ellipsis));
}

function highlighted(name: string, positions: readonly number[], paint: Paint): string {
  const marked = new Set(positions);
  let text = "";
  for (let start = 0; start < name.length; ) {
    let end = start + 1;
    while (end < name.length && marked.has(end) === marked.has(start)) end += 1;
    const part = name.slice(start, end);
    text += marked.has(start) ? paint.warning(part) : part;
    start = end;
  }
  return text;
}
