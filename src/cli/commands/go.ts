import { WtError } from "../../errors/wt-error.ts";
import { readAgentChoice } from "../agents/agent-choice.ts";
import { agentOptions } from "../agents/agent-options.ts";
import { placeLine, startAgent } from "../agents/start-agent.ts";
import { defineCommand, targetOf } from "../command.ts";

export const go = defineCommand({
  name: "go",
  summary: "Start a coding agent in an environment",
  details: [
    "It runs in the worktree with the environment's variables, in this terminal unless a place is chosen; then the exit code is the agent's own.",
    "Which one: --agent, else `agent:` of your config.yaml, else `agent:` of wt.yaml, else Claude Code.",
    "A prompt is an argument of the agent, which others on this machine can see; secrets belong into the environment.",
  ],
  arguments: [{ name: "name", summary: "Slug or branch; default: the environment of the current directory", complete: "environment" }],
  options: agentOptions,
  examples: [
    { command: "wt go spike", summary: "Claude Code in this terminal" },
    { command: 'wt go spike --tmux --prompt "make the tests pass"', summary: "in a window of its own" },
    { command: "wt go spike --agent codex --detach --prompt task.md", summary: "on its own; wt logs agent shows its output" },
  ],
  async handler({ options, arguments: [name] }, context) {
    const choice = await readAgentChoice(context, options);
    if (context.json && choice.place === "terminal") throw jsonNeedsPlace();
    const { launch, code } = await startAgent(context, targetOf(context, name), choice);
    if (code !== null) return code;
    if (context.json) await context.terminal.out(`${JSON.stringify({ schema: 1, agent: launch.agent })}\n`);
    else await context.terminal.out(`${await placeLine(context, launch)}\n`);
    return 0;
  },
});

function jsonNeedsPlace(): WtError {
  return new WtError({
    kind: "usage",
    code: "options_conflict",
    message: "An agent in this terminal prints what it likes, which --json cannot promise to be JSON.",
    hints: ["Choose another place for it: --tmux, --zellij or --detach"],
  });
}
