import type { Variable, VariablesResult } from "../../api/operations.ts";

/** Shell code for `eval`: sets what belongs to this environment, unsets what belongs to another. */
export function exportText({ variables, unset }: Pick<VariablesResult, "variables" | "unset">): string {
  const lines = unset.filter((name) => isName(name) && !theShells.has(name)).map((name) => `unset ${name}`);
  for (const { key, value } of variables) if (isName(key)) lines.push(`export ${key}=${shellQuoted(value)}`);
  return lines.map((line) => `${line}\n`).join("");
}

/** A command must not inherit these, but to an interactive shell they are its own. */
const theShells: ReadonlySet<string> = new Set(["_", "OLDPWD", "PWD", "SHLVL"]);

/** Lines of a `.env` file: read alike by `sh` (`. file`), Docker Compose and the dotenv libraries wherever their rules agree. */
export function dotenvText(variables: readonly Pick<Variable, "key" | "value">[]): string {
  return variables
    .filter(({ key }) => isName(key))
    .map(({ key, value }) => `${key}=${dotenvQuoted(value)}\n`)
    .join("");
}

/** One word of a POSIX shell that is exactly `value`. */
export function shellQuoted(value: string): string {
  if (/^[\w@%+:,./-]+$/.test(value)) return value;
  return `'${value.replaceAll("'", "'\\''")}'`;
}

/** Single quotes keep everything but a single quote; then double quotes, with what is special in them escaped. */
export function dotenvQuoted(value: string): string {
  if (/^[\w@%+:,./-]*$/.test(value)) return value;
  if (!value.includes("'")) return `'${value}'`;
  return `"${value.replace(/[\\"$`]/g, "\\$&")}"`;
}

/** Other names cannot be written in a shell and are left out. */
function isName(key: string): boolean {
  return /^[A-Za-z_]\w*$/.test(key);
}
