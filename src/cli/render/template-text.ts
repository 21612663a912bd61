import type { GarbageReport, TemplateList, TemplateView } from "../../api/templates.ts";
import type { Paint } from "../paint.ts";
import { age, bytes, counted, duration } from "./age.ts";
import type { ResourceTextOptions } from "./resource-text.ts";
import { type Cell, tableLines } from "./table.ts";

/** Long enough to tell them apart, and what commands take. */
const keyLength = 12;

/** `wt db template list`. */
export function templateLines({ templates }: TemplateList, options: ResourceTextOptions & { nowMs: number }): string[] {
  const { paint, nowMs } = options;
  if (templates.length === 0) return ["There are no templates; the first is built with the first database: wt up, or wt db template build"];
  const rows = templates.map((one): Cell[] => [
    { text: shortKey(one.key), paint: paint.bold },
    { text: one.resource === "" ? "-" : `${one.project ?? "?"} ${one.resource}` },
    { text: bytes(one.bytes) },
    { text: one.exclusiveBytes === null ? "?" : bytes(one.exclusiveBytes) },
    { text: age(one.createdAt, nowMs), paint: paint.dim },
    { text: one.usedAt === null ? "never" : age(one.usedAt, nowMs), paint: paint.dim },
    { text: one.branches.length === 0 ? "-" : String(one.branches.length) },
    stateCell(one, paint),
    { text: contentOf(one), paint: paint.dim },
  ]);
  const header = ["TEMPLATE", "FOR", "SIZE", "OWN", "AGE", "USED", "BRANCHES", "STATE", "MADE FROM"];
  const table = { paintHeader: paint.dim, maxWidth: options.width, ellipsis: options.ellipsis, shrink: header.length - 1 };
  const reasons = templates.filter(({ problem }) => problem !== null).map((one) => `${paint.bold(shortKey(one.key))}: ${one.problem}`);
  return [...tableLines(header, rows, table), ...(reasons.length > 0 ? ["", ...reasons] : [])];
}

/** `Built 3fa91c0e7b12 in 1.4 s: migrate: npm run migrate (7 migrations). 5 of them were there already.` */
export function builtLines(template: TemplateView, { built }: { built: boolean }): string[] {
  const key = shortKey(template.key);
  if (!built) return [`The template ${key} is there already: ${contentOf(template)}.`, "Build it anew in any case: wt db template refresh"];
  return [`Built ${key} in ${duration(template.buildMs)}: ${contentOf(template)}.`];
}

/** `wt db gc`: what goes and why, then what stays. */
export function garbageLines({ items, dryRun, freedBytes }: GarbageReport, paint: Paint): string[] {
  const words = { removed: dryRun ? "would remove" : "removed", kept: "kept", reported: "not touched", failed: "not removed" };
  const order = ["removed", "failed", "reported", "kept"] as const;
  const lines = order.flatMap((outcome) =>
    items
      .filter((item) => item.outcome === outcome)
      .map((item) => {
        const size = item.bytes === null ? "" : ` (${bytes(item.bytes)})`;
        const name = item.kind === "template" ? shortKey(item.name) : item.name;
        const verb = outcome === "removed" ? paint.bold(words[outcome]) : outcome === "kept" ? paint.dim(words[outcome]) : words[outcome];
        return `${verb} ${kinds[item.kind]} ${name}${size}: ${item.reason}`;
      }),
  );
  const count = items.filter(({ outcome }) => outcome === "removed").length;
  const sum = `${dryRun ? "Would free" : "Freed"} ${bytes(freedBytes)} with ${counted(count, "thing")}.`;
  return [...lines, ...(lines.length > 0 ? [""] : []), count === 0 ? "There is nothing to remove." : sum];
}

const kinds = {
  template: "template",
  trash: "what is left of a removal,",
  building: "half-built template",
  directory: "directory",
  database: "database",
};

/** With the number that tells a rebuilt one apart. */
export function shortKey(key: string): string {
  const [hash = "", generation] = key.split(".");
  return generation === undefined ? hash.slice(0, keyLength) : key;
}

function contentOf({ madeFrom, migrations, stage }: TemplateView): string {
  const content = madeFrom.length > 0 ? madeFrom.join(", ") : stage;
  if (!migrations || migrations.before === 0) return content;
  return `${content}; ${migrations.before} of ${migrations.all} ${migrations.before === 1 ? "was" : "were"} there already`;
}

function stateCell({ problem, wantedBy, lasting }: TemplateView, paint: Paint): Cell {
  if (problem !== null) return { text: "Retired", paint: paint.bad };
  if (lasting > 0 || wantedBy.length > 0) return { text: "Needed", paint: paint.good };
  return { text: "Old", paint: paint.dim };
}
