// One agent in one environment: asks the daemon for its start, then gives it the place that was chosen.
import type { AgentLaunch } from "../../api/agents.ts";
import type { Target } from "../../api/environment.ts";
import { type Context, callerEnvironment } from "../command.ts";
import { withTrust } from "../trust-dialog.ts";
import type { AgentChoice } from "./agent-choice.ts";
import { becomeAgent } from "./become-agent.ts";
import { attachCommand, openWindow, requireMultiplexer, showWindow } from "./open-window.ts";

export interface StartedAgent {
  launch: AgentLaunch;
  /** Of the agent itself, where it ran in this terminal and has ended. */
  code: number | null;
}

/** What can be known to be missing before anything is made. */
export function requirePlace(context: Context, choice: AgentChoice): void {
  if (choice.place === "tmux" || choice.place === "zellij") requireMultiplexer(choice.place, context.env);
}

/** In this terminal it resolves when the agent has ended; elsewhere when it has been started. */
export async function startAgent(context: Context, target: Target, choice: AgentChoice): Promise<StartedAgent> {
  requirePlace(context, choice);
  const request = { target, agent: choice.agent, prompt: choice.prompt, place: choice.place, env: callerEnvironment(context.env) };
  const launch = await withTrust(context, { target }, () => context.client.call("/v1/agents/launch", request));
  const { agent, path } = launch;
  if (choice.place === "terminal") {
    return { launch, code: await becomeAgent(context, agent.id, { stdinRead: choice.stdinRead }) };
  }
  if ((choice.place === "tmux" || choice.place === "zellij") && agent.window !== null) {
    try {
      await openWindow({ place: choice.place, window: agent.window, directory: path, agent: agent.id, env: context.env });
    } catch (error) {
      await context.client.call("/v1/agents/end", { id: agent.id, code: null }).catch(() => undefined);
      throw error;
    }
  }
  return { launch, code: null };
}

/** What a person is told about one that runs elsewhere. */
export async function placeLine(context: Context, { agent }: AgentLaunch): Promise<string> {
  const { place, window, environment, kind } = agent;
  if ((place === "tmux" || place === "zellij") && window !== null) {
    const shown = context.terminal.stdoutIsTty && (await showWindow({ place, window, env: context.env }));
    return shown
      ? `${kind} runs in ${environment}, in this window.`
      : `${kind} runs in ${environment}: ${attachCommand({ place, window })}`;
  }
  return `${kind} runs in ${environment} without a terminal: wt logs agent -f -e ${environment}`;
}
