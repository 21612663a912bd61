import type { IsolationReport, IsolationTry } from "../../api/isolation.ts";
import type { Paint } from "../paint.ts";
import type { Symbols } from "../symbols.ts";
import { findingLines } from "./doctor-text.ts";
import { type Cell, tableLines } from "./table.ts";

/** One row for each way between two, with the worst that came of its tries; then why some could not be made, and the findings. */
export function isolationLines({ tries, findings }: IsolationReport, { paint, symbols }: { paint: Paint; symbols: Symbols }): string[] {
  const groups = [...Map.groupBy(tries, ({ from, to, way }) => `${from} ${to} ${way}`).values()];
  const rows = groups.flatMap((group): Cell[][] => {
    const [first] = group;
    if (!first) return [];
    return [[{ text: first.from }, { text: first.to }, { text: first.way }, outcomeCell(group, paint)]];
  });
  const sorted = rows.toSorted((a, b) => pairOf(a).localeCompare(pairOf(b)));
  const table = tableLines(["FROM", "TO", "WAY", "OUTCOME"], sorted, {
    paintHeader: paint.dim,
    maxWidth: null,
    ellipsis: symbols.ellipsis,
    shrink: 3,
  });
  return [...table, ...reasonLines(tries), "", ...findingLines(findings, paint, symbols)];
}

function pairOf([from, to]: Cell[]): string {
  return `${from?.text} ${to?.text}`;
}

function tryCount(number: number): string {
  return number === 1 ? "1 try" : `${number} tries`;
}

function outcomeCell(group: readonly IsolationTry[], paint: Paint): Cell {
  const count = (outcome: IsolationTry["outcome"]) => group.filter((one) => one.outcome === outcome).length;
  const [reached, separate, left] = [count("reached"), count("separate"), count("not tried")];
  if (reached > 0) return { text: `reached (${reached} of ${tryCount(group.length)})`, paint: paint.bad };
  if (separate === 0) return { text: "not tried", paint: paint.warning };
  return { text: `separate (${tryCount(separate)}${left > 0 ? `, ${left} not tried` : ""})`, paint: paint.good };
}

/** Each reason once. */
function reasonLines(tries: readonly IsolationTry[]): string[] {
  const left = tries.filter(({ outcome }) => outcome === "not tried");
  const reasons = [...Map.groupBy(left, ({ way, detail }) => `${way}: ${detail}`)];
  if (reasons.length === 0) return [];
  return [
    "",
    "Not tried:",
    ...reasons.map(([reason, group]) => `  ${reason} (${group.length}, such as ${group[0]?.target} from ${group[0]?.at})`),
  ];
}
