// `hooks:` of the user's own config.yaml: commands around every environment of every project. They are the user's own, so nobody has to approve them.
import { parse } from "yaml";
import { type HookCommand, type HookEvent, type Hooks, hookEvents } from "./config.ts";
import { parseDurationMs } from "./duration.ts";
import { findReferences } from "./references.ts";

const usualTimeoutMs = 300_000;
const usage = "a command, a map with run and timeout, or a list of them";

/** A problem is a sentence without the file's name; then there are no hooks. */
export function parseUserHooks(text: string): { hooks: Hooks; problem: string | null } {
  const wrong = (problem: string) => ({ hooks: {}, problem });
  let settings: unknown;
  try {
    settings = parse(text);
  } catch {
    return wrong("It is not valid YAML.");
  }
  if (!isObject(settings) || settings.hooks === undefined || settings.hooks === null) return { hooks: {}, problem: null };
  if (!isObject(settings.hooks)) return wrong(`hooks must have keys of its own, such as ${hookEvents.slice(0, 2).join(" and ")}.`);
  const hooks: Hooks = {};
  for (const [event, written] of Object.entries(settings.hooks)) {
    if (!isEvent(event)) return wrong(`hooks has no key ${event}; there are ${hookEvents.join(", ")}.`);
    if (written === null) continue;
    const commands = (Array.isArray(written) ? written : [written]).map((one: unknown, index) =>
      commandOf(one, Array.isArray(written) ? `hooks.${event}[${index}]` : `hooks.${event}`),
    );
    const problem = commands.find((one) => typeof one === "string");
    if (problem !== undefined) return wrong(problem);
    hooks[event] = commands.filter((one) => typeof one !== "string");
  }
  return { hooks, problem: null };
}

/** A sentence where it is not understood. */
function commandOf(written: unknown, place: string): HookCommand | string {
  const { run, timeout, ...others }: Record<string, unknown> = isObject(written) ? written : { run: written };
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) return `${place} has no key ${unknown}; there are run and timeout.`;
  if (typeof run !== "string" || run.trim() === "") return `${place} must be ${usage}.`;
  if (findReferences(run).length > 0)
    return `${place} holds a reference such as \${{ … }}, but it runs for every project: take what it needs from its variables or its input.`;
  const isSpan = typeof timeout === "string" || typeof timeout === "number";
  const timeoutMs = timeout === undefined ? usualTimeoutMs : isSpan ? parseDurationMs(timeout) : null;
  if (timeoutMs === null) return `${place}.timeout must be a span such as 30s or 2m.`;
  return { run, directory: ".", timeoutMs, place: `your ${place}`, own: true };
}

function isEvent(text: string): text is HookEvent {
  return (hookEvents as readonly string[]).includes(text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
