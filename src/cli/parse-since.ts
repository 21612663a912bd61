import { WtError } from "../errors/wt-error.ts";

const unitMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** `10m` before now, or an instant as ISO 8601 (without a zone: local time). Unix milliseconds. */
export function parseSince(written: string, nowMs: number): number {
  const relative = written.match(/^(\d{1,6})([smhdw])$/);
  if (relative) return nowMs - Number(relative[1]) * (unitMs[relative[2] ?? ""] ?? 0);
  const absolute = /^\d{4}-\d{2}-\d{2}/.test(written) ? Date.parse(written) : Number.NaN;
  if (!Number.isNaN(absolute)) return absolute;
  throw new WtError({
    kind: "usage",
    code: "since_unreadable",
    message: `The time "${written}" of --since is not understood.`,
    hints: ["Write a span such as 30s, 10m, 2h, 1d, or a time such as 2026-03-01T12:00:00Z."],
  });
}
