import { instructionsPath, settingsPath, skillPath, skillText, withHooks, withInstructions } from "../../config/agent-texts.ts";
import { knownAgents } from "../../config/known-agents.ts";
import { WtError } from "../../errors/wt-error.ts";
import { applyChanges, type FileChange, readChange } from "../agents/change-files.ts";
import { type Context, defineCommand, type OptionTable } from "../command.ts";

const options = {
  agent: { type: "string", placeholder: "name", summary: "Only for this one: claude, codex, gemini, cursor, aider, opencode" },
  hooks: { type: "boolean", summary: "Also hooks of Claude Code: states for wt agents, and worktrees made through wt" },
  yes: { type: "boolean", short: "y", summary: "Write without asking" },
} as const satisfies OptionTable;

export const agentInstall = defineCommand({
  name: "agent install",
  summary: "Tell coding agents about wt: a skill, a block in AGENTS.md, hooks if asked",
  details: [
    `Writes ${skillPath} for Claude Code and a marked block of a few lines into ${instructionsPath} for all others, in this worktree.`,
    `With --hooks also ${settingsPath}: then wt agents knows what agents do that were started by hand, and \`claude --worktree\` makes environments.`,
    "What would change is shown and asked about. Run again, it brings them up to date. `wt agent uninstall` takes exactly this out again.",
  ],
  arguments: [],
  options,
  examples: [
    { command: "wt agent install", summary: "shows what it would write, and asks" },
    { command: "wt agent install --agent claude --hooks --yes", summary: "for Claude Code, without a question" },
  ],
  async handler({ options: { agent, hooks, yes } }, context) {
    const forClaude = agent === undefined || agent === "claude";
    if (agent !== undefined && !knownAgents.some(({ name }) => name === agent)) throw unknownAgent(agent);
    if (hooks && !forClaude) throw onlyClaude(agent ?? "");
    const root = await worktreeOf(context);
    const changes = [
      ...(forClaude ? [await readChange(root, skillPath, () => skillText)] : []),
      ...(agent === "claude" ? [] : [await readChange(root, instructionsPath, withInstructions)]),
      ...(hooks ? [await readChange(root, settingsPath, withHooks)] : []),
    ];
    return (await applyChanges(context, root, { changes, yes })) ? await sayChanged(context, changes) : 130;
  },
});

/** Of the current directory. */
export async function worktreeOf(context: Context): Promise<string> {
  const { environment } = await context.client.call("/v1/environments/status", { target: { cwd: context.cwd } });
  return environment.path;
}

export async function sayChanged(context: Context, changes: readonly FileChange[]): Promise<number> {
  const changed = changes.filter(({ before, after }) => before !== after);
  if (context.json) {
    const files = changed.map(({ path, before, after }) => ({
      path,
      change: after === null ? "removed" : before === null ? "created" : "changed",
    }));
    await context.terminal.out(`${JSON.stringify({ schema: 1, files })}\n`);
  } else if (changed.length === 0) await context.terminal.out("Nothing to change.\n");
  else for (const { path, after } of changed) await context.terminal.out(`${after === null ? "Removed" : "Wrote"} ${path}.\n`);
  return 0;
}

function unknownAgent(agent: string): WtError {
  return new WtError({
    kind: "usage",
    code: "agent_unknown",
    message: `wt knows nothing about the agent "${agent}".`,
    hints: [
      `Known: ${knownAgents.map(({ name }) => name).join(", ")}. Most others read ${instructionsPath}, which is written without --agent.`,
    ],
  });
}

function onlyClaude(agent: string): WtError {
  return new WtError({
    kind: "usage",
    code: "hooks_unknown",
    message: `wt can only install hooks of Claude Code, not of ${agent}.`,
    hints: ["Leave --hooks out: an agent that wt go starts needs none."],
  });
}
