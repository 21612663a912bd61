// How an agent that wt starts is made to tell what it does, without a change to anybody's settings.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { claudeHooks } from "../config/agent-hook-settings.ts";
import type { AgentKind } from "../config/known-agents.ts";
import { ownCommand } from "../os/own-command.ts";
import type { World } from "./world.ts";

/** Arguments that make this agent call `wt agent event`; none where it cannot, or where the user's own settings would be replaced. */
export function agentHookArguments(
  world: World,
  { kind, words, env }: { kind: AgentKind; words: readonly string[]; env: Readonly<Record<string, string>> },
): string[] {
  if (kind.name === "claude") return words.some((word) => /^--settings(=|$)/.test(word)) ? [] : ["--settings", writeClaudeSettings(world)];
  if (kind.name === "codex" && !words.some((word) => /notify\s*=/.test(word)) && !hasOwnNotify(env)) {
    // A list of texts is written the same in TOML and in JSON.
    return ["-c", `notify=${JSON.stringify([...ownCommand(), "agent", "event", "done"])}`];
  }
  return [];
}

/** Hooks of every source are run, so the user's own stay as they are. */
function writeClaudeSettings(world: World): string {
  const path = join(world.paths.state, "agent-hooks.json");
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const command = ownCommand()
    .map((word) => (/^[\w./=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
  const text = `${JSON.stringify({ hooks: claudeHooks(command) }, null, 2)}\n`;
  if (readIfThere(path) !== text) {
    const temporary = `${path}.${process.pid}.tmp`;
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, path);
  }
  return path;
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function hasOwnNotify(env: Readonly<Record<string, string>>): boolean {
  const home = env.CODEX_HOME ?? join(env.HOME ?? homedir(), ".codex");
  return /^\s*notify\s*=/m.test(readIfThere(join(home, "config.toml")) ?? "");
}
