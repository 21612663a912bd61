const unitsMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** Milliseconds of `30s`, `2m`, `1.5h`, `250ms` or a number of seconds; null for anything else or more than a day. */
export function parseDurationMs(written: string | number): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(String(written).trim());
  if (!match) return null;
  const unit = (match[2] ?? "s") as keyof typeof unitsMs;
  const ms = Math.round(Number(match[1]) * unitsMs[unit]);
  return ms <= 24 * unitsMs.h ? ms : null;
}

/** `1m30s`, as Go and Compose write it. */
export function goDurationMs(written: string): number | null {
  const parts = written.match(/\d+(?:\.\d+)?(?:ms|h|m|s)/g) ?? [];
  if (parts.length === 0 || parts.join("") !== written) return null;
  return parts.reduce((sum, part) => sum + (parseDurationMs(part) ?? 0), 0);
}
