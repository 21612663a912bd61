import type { GcItem, GcReport } from "../../api/gc.ts";
import type { Paint } from "../paint.ts";
import { bytes, counted } from "./age.ts";
import { shortKey } from "./template-text.ts";

/** One line a thing: what goes and why, what could not go, what may be garbage; with `verbose` also what stays and why. */
export function gcLines({ items, dryRun, freedBytes }: GcReport, { paint, verbose }: { paint: Paint; verbose: boolean }): string[] {
  const words = { removed: dryRun ? "would remove" : "removed", failed: "not removed", reported: "not touched", kept: "kept" };
  const order = verbose ? (["removed", "failed", "reported", "kept"] as const) : (["removed", "failed", "reported"] as const);
  const lines = order.flatMap((outcome) =>
    items
      .filter((item) => item.outcome === outcome)
      .map((item) => {
        const verb = outcome === "removed" ? paint.bold(words[outcome]) : outcome === "kept" ? paint.dim(words[outcome]) : words[outcome];
        const size = item.bytes === null ? "" : ` (${bytes(item.bytes)})`;
        return `${verb} ${kinds[item.kind]} ${nameOf(item)}${size}: ${item.reason}`;
      }),
  );
  const kept = items.filter(({ outcome }) => outcome === "kept").length;
  const rest = verbose || kept === 0 ? "" : ` ${kept === 1 ? "One thing stays" : `${kept} things stay`}; --verbose says why.`;
  const count = items.filter(({ outcome }) => outcome === "removed").length;
  const sum =
    count === 0 ? "There is nothing to remove." : `${dryRun ? "Would remove" : "Removed"} ${counted(count, "thing")}${freed(freedBytes)}.`;
  return [...lines, ...(lines.length > 0 ? [""] : []), `${sum}${rest}`];
}

export function environmentCount(count: number): string {
  return counted(count, "environment");
}

const kinds: Record<GcItem["kind"], string> = {
  environment: "environment",
  deleted: "deleted environment",
  process: "process",
  containers: "containers",
  volume: "volume",
  port: "port",
  lease: "row of",
  operation: "row of a",
  project: "project",
  trash: "trash",
  template: "template",
  building: "half-built template",
  directory: "directory",
  database: "database",
};

function nameOf({ kind, name }: GcItem): string {
  return kind === "template" ? shortKey(name) : name;
}

function freed(freedBytes: number): string {
  return freedBytes === 0 ? "" : `, ${bytes(freedBytes)}`;
}
