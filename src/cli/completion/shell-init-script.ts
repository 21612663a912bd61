// The shell function around wt. Commands that may change the directory get a fresh file in WT_DIRECTIVE_FILE (see directive.ts); the rest run as they are.
import { completionScript } from "./completion-script.ts";
import fishAliases from "./scripts/aliases.fish" with { type: "text" };
import posixAliases from "./scripts/aliases.sh" with { type: "text" };
import fishFunction from "./scripts/integration.fish" with { type: "text" };
import posixFunction from "./scripts/integration.sh" with { type: "text" };
import type { Shell } from "./shells.ts";

export function shellInitScript(shell: Shell, options: { aliases: boolean }): string {
  const parts = [shell === "fish" ? fishFunction : posixFunction, completionScript(shell)];
  if (options.aliases) parts.push(shell === "fish" ? fishAliases : posixAliases);
  return parts.join("\n");
}
