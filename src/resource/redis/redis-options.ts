// What may stand beside `type: redis` in wt.yaml. Pure.
import { checkOptions, type OptionRules, textOption, variableName } from "../check-options.ts";
import type { ResourceOptions, ResourceSpec } from "../resource-driver.ts";
import { sharedVariablesOf, variablesOf } from "./redis-record.ts";
import { serverPlace } from "./redis-server-link.ts";

export const redisOptions: OptionRules = {
  from: { kind: "text" },
  seed: { kind: "command" },
  persist: { kind: "text", choices: ["snapshot", "append", "none"] },
  max_memory: { kind: "text", check: (text) => (/^\d+([kmg]b?|b)?$/i.test(text) ? null : "is not a size such as 256mb") },
  server: {
    kind: "text",
    check: (text) => (isRedisUrl(text) ? null : "is not the URL of a Redis, such as redis://:secret@localhost:6379"),
  },
  database: { kind: "text", choices: ["auto"] },
  variable: { kind: "text", check: (text) => variableName(text) ?? (text.endsWith("_URL") ? null : "must end with _URL") },
};

/** A server of its own and a slice of one that is there have options that the other has not. */
export function parseRedisOptions(written: ResourceOptions): ReturnType<typeof checkOptions> {
  const checked = checkOptions(written, redisOptions);
  if ("problems" in checked) return checked;
  const shared = isOnServer(checked);
  const wrong = (shared ? ["from", "persist", "max_memory"] : ["database"]).filter((key) => key in written);
  if (wrong.length === 0) return checked;
  const message = shared ? "has no meaning with `server:`" : "has no meaning without `server:`";
  return { problems: wrong.map((key) => ({ key, message: `${key} ${message}.`, hint: "Remove it." })) };
}

function isRedisUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^rediss?:$/.test(url.protocol) && url.hostname !== "";
}

/** In words that end a sentence. */
export function redisIdentity(options: ResourceOptions): string {
  const server = textOption(options, "server");
  if (server === null) return "a Redis server of its own";
  return `${textOption(options, "database") === "auto" ? "a database" : "a key prefix"} on the Redis at ${serverPlace(server)}`;
}

export function redisVariableNames(options: ResourceOptions): string[] {
  return [...Object.values(variablesOf(options)), ...(isOnServer({ options }) ? Object.values(sharedVariablesOf(options)) : [])];
}

export function isOnServer(spec: Pick<ResourceSpec, "options">): boolean {
  return textOption(spec.options, "server") !== null;
}
