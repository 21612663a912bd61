const units: [string, number][] = [
  ["w", 7 * 24 * 3600],
  ["d", 24 * 3600],
  ["h", 3600],
  ["m", 60],
  ["s", 1],
];

/** How long ago, in the one unit that says it: `42s`, `5m`, `2h`, `5d`, `9w`. */
export function age(since: string, nowMs: number): string {
  const then = Date.parse(since);
  if (Number.isNaN(then)) return "?";
  const seconds = Math.max(0, Math.floor((nowMs - then) / 1000));
  for (const [unit, size] of units) {
    if (unit === "w" && seconds < 4 * size) continue;
    if (seconds >= size) return `${Math.floor(seconds / size)}${unit}`;
  }
  return "0s";
}

/** `12 ms`, `1.4 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

/** `512 B`, `36 MB`, `1.2 GB`. */
export function bytes(count: number): string {
  const names = ["B", "KB", "MB", "GB", "TB"];
  let value = count;
  let index = 0;
  while (value >= 1024 && index < names.length - 1) {
    value /= 1024;
    index += 1;
  }
  const digits = index >= 3 && value < 10 ? 1 : 0;
  return `${value.toFixed(digits)} ${names[index] ?? "B"}`;
}

/** `1 project`, `3 projects`. */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
