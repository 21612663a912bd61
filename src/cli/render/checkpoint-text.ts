import type { CheckpointDiff, WholeCheckpointList } from "../../api/checkpoints.ts";
import type { Paint } from "../paint.ts";
import { age } from "./age.ts";
import type { ResourceTextOptions } from "./resource-text.ts";
import { type Cell, tableLines } from "./table.ts";

/** `wt checkpoints`. */
export function wholeCheckpointLines(list: WholeCheckpointList, options: ResourceTextOptions & { nowMs: number }): string[] {
  const { paint, width, ellipsis, nowMs } = options;
  if (list.checkpoints.length === 0) return [`${list.environment} has no checkpoints; make one: wt checkpoint`];
  const rows = list.checkpoints.map((one): Cell[] => [
    { text: one.id, paint: paint.bold },
    { text: age(one.createdAt, nowMs) },
    { text: one.branch ?? "(detached)" },
    { text: one.head?.slice(0, 10) ?? "-", paint: paint.dim },
    { text: [one.ignored ? "files, ignored ones too" : "files", ...one.resources].join(", ") },
    { text: one.automatic ? "before a restore" : "", paint: paint.dim },
  ]);
  const header = ["CHECKPOINT", "AGE", "BRANCH", "COMMIT", "HOLDS", ""];
  return tableLines(header, rows, { paintHeader: paint.dim, maxWidth: width, ellipsis, shrink: 4 });
}

/** `wt checkpoint diff`: letters as git has them, from the checkpoint to now. */
export function checkpointDiffLines({ files, environment, id }: CheckpointDiff, paint: Paint): string[] {
  if (files.length === 0) return [`The files of ${environment} are as they were at ${id}.`];
  const letters = { added: paint.good("A"), changed: paint.warning("M"), removed: paint.bad("D") };
  return files.map(({ status, path }) => `${letters[status]} ${path}`);
}
