// What `wt agent install` writes into a repository, and takes out of it again. Texts in, texts out: null stands for no file.
import { WtError } from "../errors/wt-error.ts";
import { type ClaudeHooks, claudeHooks, claudeWorktreeHooks } from "./agent-hook-settings.ts";

export const skillPath = ".claude/skills/worktree-environments/SKILL.md";
export const instructionsPath = "AGENTS.md";
export const settingsPath = ".claude/settings.json";

export const skillText = `---
name: worktree-environments
description: How to work in this repository's environments (wt). Use it before starting, testing or debugging the app, its services or its database, when a port or URL is needed, and when work should go on in another branch.
---

# Environments of this repository

Every git worktree has an environment of its own: services, ports, URL, databases. \`wt\` makes them and keeps them apart.
Every command takes \`--json\`, asks nothing without a terminal, and names the next command when it fails.

| to | run |
| --- | --- |
| see where you are: URLs, ports, databases, logs, problems | \`wt here --json\` |
| run a test or a script against this environment | \`wt run -- <command>\` |
| see its variables | \`wt env --json\` |
| see what a service printed | \`wt logs <service> --since 5m\` |
| start, restart or stop the services | \`wt up\`, \`wt restart <service>\`, \`wt down\` |
| ask the database | \`wt db psql -- -c "select 1"\` |
| get the database back as it was made | \`wt db reset\` |
| work on another branch beside this one | \`wt create <branch> --json\`, then work in the \`path\` it gives |
| give it back with everything it has | \`wt delete <name>\` |

- Do not start services yourself and do not choose ports: take both from \`wt here --json\`. A port that you pick may be another environment's.
- Code changes are picked up by the services' own reloading; after a change of wt.yaml or of dependencies run \`wt up\`.
- A setup or migration that failed leaves the environment Incomplete: mend it, then \`wt create <branch> --resume\`.
- Exit code 4: no such thing. 5: refused, because work would be lost. 6: commands that no person has approved. 8: a service does not become healthy.
- With 6, ask the person to run \`wt trust\`. You cannot approve commands, and must not try to.
- \`wt delete\` refuses to lose uncommitted work. Commit it; do not reach for \`--force\`.
`;

const begin = "<!-- wt: begin (written by `wt agent install`) -->";
const end = "<!-- wt: end -->";

/** At most eight lines: everybody's instructions are read at the start of every session. */
export const instructionsBlock = [
  begin,
  "Each git worktree of this repository has an environment of its own (services, ports, databases), kept by `wt`.",
  "- `wt here --json` says where you are: URLs, ports, databases, logs, problems. Do not choose ports yourself.",
  "- `wt run -- <command>` runs a command against this environment and no other. Services: `wt up`, `wt logs <service>`, `wt restart <service>`.",
  "- `wt create <branch> --json` makes another worktree with its environment; `wt delete <name>` gives it all back.",
  "- Exit code 6 means that a person has to approve commands with `wt trust`; agents cannot.",
  end,
].join("\n");

/** Adds the block, or brings it up to date where it stands. Throws `WtError` (`refused`) for a block without an end. */
export function withInstructions(before: string | null): string {
  const text = before ?? "";
  const at = findBlock(text);
  if (at) return text.slice(0, at.from) + instructionsBlock + text.slice(at.to);
  return `${text}${text === "" ? "" : "\n"}${instructionsBlock}\n`;
}

/** Exactly without what `withInstructions` added; null when nothing else was there. */
export function withoutInstructions(before: string | null): string | null {
  const at = before === null ? null : findBlock(before);
  if (before === null || !at) return before;
  const head = before.slice(0, at.from).replace(/\n$/, "");
  const tail = before.slice(at.to).replace(/^\n/, "");
  return head + tail === "" ? null : head + tail;
}

function findBlock(text: string): { from: number; to: number } | null {
  const from = text.indexOf(begin);
  if (from === -1) return null;
  const to = text.indexOf(end, from);
  if (to !== -1) return { from, to: to + end.length };
  throw new WtError({
    kind: "refused",
    code: "block_without_end",
    message: `${instructionsPath} has the line "${begin}" but not the line "${end}" after it.`,
    hints: ["Remove what is left of the block, then try again."],
    details: { path: instructionsPath },
  });
}

const known = "command -v wt > /dev/null || exit 0; wt";

function ownHooks(): ClaudeHooks {
  // Who has no wt is not to see failures; but a worktree that wt cannot make must not be made silently in another way.
  return { ...claudeHooks(known), ...claudeWorktreeHooks("wt") };
}

/** Adds the hooks to settings that may have others. Throws `WtError` (`config`) for settings that are no JSON object. */
export function withHooks(before: string | null): string {
  const settings = parseSettings(before);
  const hooks = recordOf(settings.hooks);
  for (const [event, groups] of Object.entries(ownHooks())) {
    const there = listOf(hooks[event]);
    const commands = there.flatMap(commandsOf);
    const missing = groups.filter((group) => !group.hooks.every(({ command }) => commands.includes(command)));
    if (missing.length > 0) hooks[event] = [...there, ...missing];
  }
  return written({ ...settings, hooks }, before);
}

/** Without our hooks, and without what would be empty then; null when nothing is left. */
export function withoutHooks(before: string | null): string | null {
  if (before === null) return null;
  const settings = parseSettings(before);
  const own = new Set(Object.values(ownHooks()).flatMap((groups) => groups.flatMap((group) => group.hooks.map(({ command }) => command))));
  const hooks = recordOf(settings.hooks);
  let found = false;
  for (const [event, groups] of Object.entries(hooks)) {
    const left = listOf(groups).filter((group) => !commandsOf(group).some((command) => own.has(command)));
    if (left.length === listOf(groups).length) continue;
    found = true;
    if (left.length > 0) hooks[event] = left;
    else delete hooks[event];
  }
  if (!found) return before;
  const { hooks: _hooks, ...others } = settings;
  const left = Object.keys(hooks).length > 0 ? { ...settings, hooks } : others;
  return Object.keys(left).length > 0 ? written(left, before) : null;
}

function parseSettings(text: string | null): Record<string, unknown> {
  if (text === null || text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value) && (value.hooks === undefined || isRecord(value.hooks))) return value;
  } catch {
    // Said below.
  }
  throw new WtError({
    kind: "config",
    code: "settings_invalid",
    message: `${settingsPath} is not a JSON object with an object of hooks, so none can be added to it.`,
    hints: ["Mend it (Claude Code reads no comments in it), then try again."],
    details: { path: settingsPath },
  });
}

function written(settings: Record<string, unknown>, before: string | null): string {
  const indent = /^([ \t]+)"/m.exec(before ?? "")?.[1] ?? "  ";
  return `${JSON.stringify(settings, null, indent)}${before === null || before.endsWith("\n") || before.trim() === "" ? "\n" : ""}`;
}

function recordOf(value: unknown): Record<string, unknown> {
  return isRecord(value) ? { ...value } : {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function commandsOf(group: unknown): string[] {
  return listOf(recordOf(group).hooks).flatMap((hook) => {
    const { command } = recordOf(hook);
    return typeof command === "string" ? [command] : [];
  });
}
