import type { WtError } from "../../errors/wt-error.ts";
import type { Paint } from "../paint.ts";
import type { Symbols } from "../symbols.ts";

/** `wt: <sentence>`, then what to do next; a stack only for bugs, or when asked for. */
export function errorText(error: WtError, options: { paint: Paint; symbols: Symbols; verbose: boolean }): string {
  const { paint } = options;
  const lines = [`${paint.bad("wt:")} ${error.message}`];
  if ((error.kind === "internal" || options.verbose) && error.stack) {
    lines.push(...stackLines(error).map((line) => paint.dim(`  ${line}`)));
  }
  for (const hint of error.hints) lines.push(isQuoted(hint) ? paint.dim(`  ${hint}`) : `  ${paint.accent(options.symbols.arrow)} ${hint}`);
  return `${lines.join("\n")}\n`;
}

/** A hint that begins with spaces is a line of a log, shown as it is. */
function isQuoted(hint: string): boolean {
  return hint.startsWith("  ");
}

function stackLines(error: WtError): string[] {
  return (error.stack ?? "").split("\n").filter((line) => line.trim().startsWith("at "));
}
