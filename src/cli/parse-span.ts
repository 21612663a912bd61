import { WtError } from "../errors/wt-error.ts";

const unitMs: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** `7d`, `36h`, `2w`, or `0`. Milliseconds. Throws `usage` that names the option. */
export function parseSpan(written: string, option: string): number {
  const match = /^(\d{1,5})([mhdw])$/.exec(written);
  if (match) return Number(match[1]) * (unitMs[match[2] ?? ""] ?? 0);
  if (written === "0") return 0;
  throw new WtError({
    kind: "usage",
    code: "span_unreadable",
    message: `The span "${written}" of ${option} is not understood.`,
    hints: ["Write a number and a unit: 36h, 7d, 2w."],
  });
}
