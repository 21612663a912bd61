import type { DiffDocument, DiffLineView, ObjectChangeView, RowCountView } from "../../api/content.ts";
import type { Paint } from "../paint.ts";
import { counted } from "./age.ts";
import { type Cell, tableLines } from "./table.ts";

export interface DiffTextOptions {
  paint: Paint;
  width: number | null;
  ellipsis: string;
}

/** `wt db diff`: what the second has more, less and otherwise; the last lines say how many. */
export function diffLines(diff: DiffDocument, options: DiffTextOptions): string[] {
  const { paint } = options;
  const side = ({ environment, resource, version }: DiffDocument["from"]) => `${environment} ${resource} ${paint.dim(`(${version})`)}`;
  const head = [paint.bad(`--- ${side(diff.from)}`), paint.good(`+++ ${side(diff.to)}`)];
  const what = diff.rows === null ? "The schemas are the same." : "The schemas and the row counts are the same.";
  if (diff.same) return [...head, "", what];
  const groups = (["added", "removed", "changed"] as const).flatMap((change) => {
    const objects = diff.objects.filter((one) => one.change === change);
    return objects.length === 0 ? [] : ["", paint.bold(titles[change]), ...objects.flatMap((one) => objectLines(one, paint))];
  });
  return [...head, ...groups, ...rowLines(diff, options), "", totals(diff)];
}

const titles = { added: "Added", removed: "Removed", changed: "Changed" } as const;
const signs = { added: "+", removed: "-", changed: "~" } as const;

function objectLines({ change, kind, name, lines }: ObjectChangeView, paint: Paint): string[] {
  const painted = { added: paint.good, removed: paint.bad, changed: paint.warning }[change];
  return [`  ${painted(`${signs[change]} ${kind}`)} ${printable(name)}`, ...lines.map((line) => `      ${lineText(line, paint)}`)];
}

function lineText({ sign, text }: DiffLineView, paint: Paint): string {
  if (sign === "…") return paint.dim(`… ${text}`);
  const line = `${sign} ${printable(text)}`;
  return sign === "+" ? paint.good(line) : sign === "-" ? paint.bad(line) : line;
}

/** A definition is the repository's text: it must not move the cursor. */
function printable(text: string): string {
  return text.replace(/\t/g, "  ").replace(/\p{Cc}/gu, "");
}

function rowLines({ rows, from, to }: DiffDocument, { paint, width, ellipsis }: DiffTextOptions): string[] {
  if (!rows || rows.length === 0) return [];
  const cells = rows.map((one): Cell[] => [
    { text: one.table },
    { text: count(one.from) },
    { text: count(one.to) },
    { text: change(one.from, one.to) },
  ]);
  const header = ["ROWS OF", from.environment, to.environment, ""];
  return ["", ...tableLines(header, cells, { paintHeader: paint.bold, maxWidth: width, ellipsis, shrink: 0 })];
}

function count({ rows, exact }: RowCountView): string {
  return rows === null ? "?" : `${exact ? "" : "about "}${rows}`;
}

function change(from: RowCountView, to: RowCountView): string {
  if (from.rows === null || to.rows === null) return "";
  const by = to.rows - from.rows;
  return by > 0 ? `+${by}` : String(by);
}

function totals({ objects, rows }: DiffDocument): string {
  const of = (wanted: ObjectChangeView["change"]) => objects.filter(({ change }) => change === wanted).length;
  const schema = `${of("added")} added, ${of("removed")} removed, ${of("changed")} changed`;
  return rows && rows.length > 0 ? `${schema}; ${counted(rows.length, "table")} with other row counts.` : `${schema}.`;
}
