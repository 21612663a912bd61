import { becomeAgent } from "../agents/become-agent.ts";
import { defineCommand } from "../command.ts";

export const agentRun = defineCommand({
  name: "agent run",
  summary: "Become an agent whose start the daemon holds; what windows of tmux and zellij run",
  arguments: [{ name: "id", summary: "Of the agent", required: true }],
  options: {},
  examples: [{ command: "wt agent run 1f2e3d4c", summary: "called by wt go --tmux" }],
  hidden: true,
  async handler({ arguments: [id = ""] }, context) {
    return await becomeAgent(context, id);
  },
});
