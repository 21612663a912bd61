import type { AgentEvent } from "../../api/agents.ts";
import { defineCommand } from "../command.ts";
import { request } from "../daemon-connection.ts";

const states = ["working", "waiting", "done"] as const;

export const agentEvent = defineCommand({
  name: "agent event",
  summary: "Tell wt what the agent above this command does; what hooks call",
  details: [
    "Prints nothing, never fails and starts no daemon: an agent must not suffer from it.",
    "A hook's JSON is read from stdin, or given as the second argument.",
  ],
  arguments: [
    { name: "state", summary: "What it does", required: true, choices: states },
    { name: "json", summary: "What the agent says about it" },
  ],
  options: {},
  examples: [{ command: "wt agent event waiting", summary: "from a hook of an agent that wt does not know" }],
  async handler({ arguments: [written, argument] }, context) {
    const state = states.find((one) => one === written);
    if (state === undefined) return 0;
    const hook = parseHook(argument ?? (context.terminal.stdinIsTty ? "" : await readInput()));
    if (hook.irrelevant) return 0;
    const event: AgentEvent = {
      agent: context.env.WT_AGENT ?? null,
      cwd: hook.cwd ?? context.cwd,
      pid: process.pid,
      state,
      detail: hook.detail,
      kind: hook.kind,
    };
    const response = await context.connection.fetchIfRunning("/v1/agents/event", request(event)).catch(() => null);
    await response?.body?.cancel();
    return 0;
  },
});

interface Hook {
  cwd: string | null;
  detail: string | null;
  kind: AgentEvent["kind"];
  /** Nothing that changes the state. */
  irrelevant: boolean;
}

/** Hooks of Claude Code (`notification_type`, `message`) and `notify` of Codex; anything else says nothing. */
export function parseHook(text: string): Hook {
  const nothing: Hook = { cwd: null, detail: null, kind: "news", irrelevant: false };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return nothing;
  }
  if (typeof value !== "object" || value === null) return nothing;
  const given = value as Record<string, unknown>;
  const of = (name: string) => (typeof given[name] === "string" && given[name] !== "" ? given[name] : null);
  const notification = of("notification_type");
  const message = given.hook_event_name === "Notification" ? of("message") : null;
  const reminds = notification === "idle_prompt" || message === "Claude is waiting for your input";
  return {
    cwd: of("cwd"),
    detail: message === null ? null : shortened(message),
    kind: given.hook_event_name === "SessionStart" ? "beginning" : reminds ? "reminder" : "news",
    irrelevant: notification === "auth_success",
  };
}

function shortened(message: string): string {
  const line = message.replace(/\p{Cc}+/gu, " ").trim();
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

/** A hook that never closes its end must not hold the agent up. */
async function readInput(): Promise<string> {
  return await Promise.race([Bun.stdin.text().catch(() => ""), Bun.sleep(1_000).then(() => "")]);
}
