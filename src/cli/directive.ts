// How a program changes the directory of the shell that called it: the shell function of `wt shell-init` makes an empty file, names it in
// WT_DIRECTIVE_FILE and afterwards changes to the directory written there. The file holds a path and nothing else; it is never run as code.
import type { Environment } from "./terminal.ts";

export const directiveVariable = "WT_DIRECTIVE_FILE";

/** Writes where to go. False without shell integration: then nothing happens and the caller has to say so. */
export async function writeDirective(env: Environment, path: string): Promise<boolean> {
  const file = env[directiveVariable];
  if (!file || !(await Bun.file(file).exists())) return false;
  await Bun.write(file, path);
  return true;
}
