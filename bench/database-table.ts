// The databases' numbers: one table of every way, and a row for each bar.

import type { Sizes } from "./database-content.ts";
import type { CreateTimes } from "./database-create.ts";
import type { Line } from "./database-ways.ts";
import type { BenchRow } from "./gateway.ts";
import { compared, formatted } from "./measure.ts";
import type { NamedTable } from "./table.ts";

const bars = { firstQueryMs: 150, timesFaster: 25, idleMb: 200, createMs: 1000 };

export interface Measured {
  fileSystem: string;
  lines: Line[];
  memory: { bytes: number; servers: number } | null;
  create: CreateTimes;
  sizes: Sizes;
  /** The databases are too small for the bars to mean anything. */
  quick: boolean;
}

export function databaseRows({ fileSystem, lines, memory, create, sizes, quick }: Measured): BenchRow[] {
  const own = lines.find((line) => line.own && line.dataset === "large");
  const template = lines.find((line) => /wal_log/.test(line.how) && line.dataset === "large");
  if (!own || !template) throw new Error(`There is no line of the large database on ${fileSystem}.`);
  const method = own.how.replace("wt, ", "");
  // The bars are about file systems that share blocks.
  const barred = !quick && method.startsWith("copy-on-write");
  const what = `a database of ${sizeText(sizes.large)} of its own, ${fileSystem}, ${method}`;
  const faster = template.ms / own.ms;
  const rows = [
    compared({
      what,
      measure: "to its first query",
      value: own.ms,
      peer: ["CREATE DATABASE … TEMPLATE", template.ms],
      ...(barred ? { bar: { text: `< ${bars.firstQueryMs} ms`, met: own.ms < bars.firstQueryMs } } : {}),
    }),
    compared({
      what,
      measure: "times faster than CREATE DATABASE … TEMPLATE",
      value: faster,
      unit: "×",
      peer: null,
      ...(barred ? { bar: { text: `≥ ${bars.timesFaster} ×`, met: faster >= bars.timesFaster } } : {}),
    }),
    compared({
      what: `wt create of an app with a database of ${sizeText(sizes.large)}, ${fileSystem}, ${method}`,
      measure: "to the first HTTP 200 that comes from it",
      value: create.answer,
      peer: create.hand === null ? null : ["git worktree add, createdb -T, the app, by hand", create.hand],
      ...(barred ? { bar: { text: `< ${bars.createMs} ms`, met: create.answer < bars.createMs } } : {}),
    }),
    compared({
      what: `wt create of an app with a database of ${sizeText(sizes.large)}, ${fileSystem}, ${method}`,
      measure: "of it: the database",
      value: create.database,
      peer: null,
    }),
  ];
  if (memory) {
    const megabytes = memory.bytes / 1e6;
    const bar = { text: `< ${bars.idleMb} MB`, met: megabytes < bars.idleMb };
    const whose = `${memory.servers} databases of their own, awake and idle, ${fileSystem}`;
    rows.push(compared({ what: whose, measure: "memory (PSS)", value: megabytes, unit: "MB", peer: null, ...(quick ? {} : { bar }) }));
  }
  return rows;
}

export function databaseTable(lines: readonly Line[], sizes: Sizes): NamedTable {
  const counts = [...new Set(lines.flatMap((line) => line.many.map(({ count }) => count)))];
  const most = Math.max(...counts);
  return {
    title: "Databases, to the first query",
    header: [
      ...["file system", "database", "how", "one", "and a row of its largest table", "disk"],
      ...counts.map((count) => `${count} at once`),
      ...[`disk each of ${most}`, "wake, warm", "wake, cold"],
    ],
    lines: lines.map((line) => [
      line.fileSystem,
      sizeText(sizes[line.dataset]),
      line.how,
      time(line.ms),
      time(line.rowMs),
      bytes(line.bytes),
      ...counts.map((count) => time(line.many.find((each) => each.count === count)?.ms)),
      bytes(line.many.find((each) => each.count === most)?.bytesEach),
      time(line.wake?.warmMs),
      time(line.wake?.coldMs),
    ]),
  };
}

export function sizeText({ bytes: size, files }: { bytes: number; files: number }): string {
  return size < 500e6 ? `${bytes(size)}, ${files} files` : bytes(size);
}

function time(ms: number | undefined): string {
  if (ms === undefined || Number.isNaN(ms)) return "";
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${formatted(ms / 1000, "s")}`;
}

function bytes(count: number | undefined): string {
  if (count === undefined || Number.isNaN(count)) return "";
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)} GB`;
  return `${(count / 1e6).toFixed(count < 10e6 ? 1 : 0)} MB`;
}
