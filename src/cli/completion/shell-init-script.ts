// The shell function around wt. What may change the directory gets a fresh file in WT_DIRECTIVE_FILE (see directive.ts); the rest runs as it is.
import { commandTable } from "../command-table.ts";
import { completionScript } from "./completion-script.ts";
import fishAliases from "./scripts/aliases.fish" with { type: "text" };
import posixAliases from "./scripts/aliases.sh" with { type: "text" };
import fishFunction from "./scripts/integration.fish" with { type: "text" };
import posixFunction from "./scripts/integration.sh" with { type: "text" };
import type { Shell } from "./shells.ts";

export function shellInitScript(shell: Shell, options: { aliases: boolean }): string {
  const [integration, between] = shell === "fish" ? [fishFunction, " "] : [posixFunction, " | "];
  const parts = [integration.replace("@STAYING@", stayingCommands().join(between)), completionScript(shell)];
  if (options.aliases) parts.push(shell === "fish" ? fishAliases : posixAliases);
  return parts.join("\n");
}

/** `create` may start an agent, `go` does: where they leave the shell is theirs to say. */
const moving = new Set(["switch", "create", "delete", "go", "clean", "gc", "undelete"]);

/** First words that never change the directory: all others may, since any may be a project. */
function stayingCommands(): string[] {
  const staying = commandTable.filter(({ name }) => !moving.has(name));
  const words = staying.flatMap(({ name, aliases }) => [name, ...aliases].map((one) => one.split(" ")[0] ?? ""));
  return [...new Set([...words, "--version", "-V", "--help", "-h"])];
}
