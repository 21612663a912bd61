// `gc:` of the user's own config.yaml: whether and how the daemon collects by itself.
import { parse } from "yaml";

export interface UserGc {
  everyMs: number;
  /** null: a week. */
  olderThanMs: number | null;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const unitMs: Record<string, number> = { h: hourMs, d: dayMs, w: 7 * dayMs };

/** null: not switched on. A problem is a sentence without the file's name. */
export function parseUserGc(text: string): { gc: UserGc | null; problem: string | null } {
  const wrong = (problem: string) => ({ gc: null, problem });
  let settings: unknown;
  try {
    settings = parse(text);
  } catch {
    return wrong("It is not valid YAML.");
  }
  if (!isObject(settings) || settings.gc === undefined || settings.gc === null) return { gc: null, problem: null };
  if (!isObject(settings.gc)) return wrong("gc must have keys of its own: every, older_than.");
  const unknown = Object.keys(settings.gc).find((key) => key !== "every" && key !== "older_than");
  if (unknown !== undefined) return wrong(`gc has no key ${unknown}; there are every and older_than.`);
  const { every, older_than: older } = settings.gc;
  const everyMs = parseSpanMs(every);
  if (everyMs === null || everyMs < hourMs) return wrong(`gc.every must be a span of an hour or more, such as 12h or 1d.`);
  if (older === undefined) return { gc: { everyMs, olderThanMs: null }, problem: null };
  const olderThanMs = parseSpanMs(older);
  if (olderThanMs === null || olderThanMs < dayMs) return wrong(`gc.older_than must be a span of a day or more, such as 7d or 2w.`);
  return { gc: { everyMs, olderThanMs }, problem: null };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseSpanMs(written: unknown): number | null {
  const match = typeof written === "string" ? /^(\d{1,4})([hdw])$/.exec(written.trim()) : null;
  return match ? Number(match[1]) * (unitMs[match[2] ?? ""] ?? 0) : null;
}
