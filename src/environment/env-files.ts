// Values in `.env` files of a worktree, which apps read by themselves: copied from another worktree they lead to its ports and databases. Pure.

/** What frameworks load, in the worktree and in the directories of its services. */
export const envFileNames = [".env", ".env.local", ".env.development", ".env.development.local"] as const;

export interface EnvFileValue {
  key: string;
  value: string;
  /** Counted from 1. */
  line: number;
}

/** As dotenv reads them; lines that are none are left out, and of a value of several lines the first is read. */
export function parseEnvFile(text: string): EnvFileValue[] {
  return text.split(/\r\n|\n|\r/).flatMap((line, index) => {
    const match = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*)$/.exec(line);
    const [, key = "", rest = ""] = match ?? [];
    return match ? [{ key, value: unquoted(rest), line: index + 1 }] : [];
  });
}

function unquoted(text: string): string {
  const quote = text[0];
  if (quote === '"' || quote === "'" || quote === "`") {
    const end = text.indexOf(quote, 1);
    return end === -1 ? text.slice(1) : text.slice(1, end);
  }
  return text.replace(/(^|\s)#.*$/, "").trim();
}

/** What belongs to an environment and can be told in a text. */
export interface Landmarks {
  slug: string;
  ports: readonly number[];
  /** Its worktree and, where they are long enough to mean nothing else, names on servers. */
  names: readonly string[];
}

/** The environment that a value leads to, or null. */
export function leadsTo(value: string, others: readonly Landmarks[]): string | null {
  const ports = [...value.matchAll(/(?:127\.0\.0\.1|localhost|\[::1\]|0\.0\.0\.0):(\d{2,5})(?!\d)/g)].map(([, port]) => Number(port));
  // A bare number, as in `PGPORT=27471`, means that port and nothing else in the range that is leased.
  if (/^\d{5}$/.test(value)) ports.push(Number(value));
  const found = others.find((one) => one.ports.some((port) => ports.includes(port)) || one.names.some((name) => holds(value, name)));
  return found?.slug ?? null;
}

/** Whole: `…/shop.worktrees/a` is not in `…/shop.worktrees/ab`. */
function holds(value: string, name: string): boolean {
  for (let at = value.indexOf(name); at !== -1; at = value.indexOf(name, at + 1)) {
    const [before = "", after = ""] = [value[at - 1], value[at + name.length]];
    if (!/[\w.-]/.test(after) && !(/\w/.test(name[0] ?? "") && /[\w-]/.test(before))) return true;
  }
  return false;
}
