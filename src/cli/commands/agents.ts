import { defineCommand } from "../command.ts";
import { agentLines } from "../render/agent-text.ts";
import { symbolsFor } from "../symbols.ts";

export const agents = defineCommand({
  name: "agents",
  summary: "Coding agents: which environment, what they do, since when",
  details: [
    "working: on a prompt. waiting: for a person. done: its turn is over, or it ended well. gone: it failed or vanished. running: it does not say.",
    "Claude Code tells by its hooks, Codex when a turn is over; of others only whether they run can be seen.",
    "On Linux, agents that were started by hand in a worktree are seen, too.",
  ],
  arguments: [],
  options: { all: { type: "boolean", short: "a", summary: "Every project, not only the one of this directory" } },
  examples: [
    { command: "wt agents", summary: "those of this repository" },
    { command: `wt agents --json | jq -r '.agents[] | select(.state=="waiting").environment'`, summary: "who needs you" },
  ],
  async handler({ options }, context) {
    const list = await context.client.call("/v1/agents/list", { cwd: context.cwd, all: options.all });
    const { terminal } = context;
    if (context.json) await terminal.out(`${JSON.stringify(list)}\n`);
    else {
      const lines = agentLines(list.agents, {
        paint: terminal.paint,
        nowMs: Date.now(),
        all: options.all,
        width: terminal.stdoutIsTty ? terminal.size().columns : null,
        ellipsis: symbolsFor(terminal.unicode).ellipsis,
      });
      await terminal.out(`${lines.join("\n")}\n`);
    }
    return 0;
  },
});
