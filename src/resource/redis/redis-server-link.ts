// Talking to a Redis that is not ours, as the user its URL names.
import { WtError } from "../../errors/wt-error.ts";
import { textOption } from "../check-options.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { openRedisLink, type RedisLink, type RedisReply, RedisReplyError, sendInTime } from "./redis-link.ts";

/** Keys looked at in one round. */
const scanCount = "1000";

export function serverUrl(spec: ResourceSpec): URL {
  return new URL(textOption(spec.options, "server") ?? "");
}

/** `cache.example.com:6379`: never the password. */
export function serverPlace(text: string): string {
  const url = URL.parse(text);
  return url === null ? "a server" : `${url.hostname}:${url.port || 6379}`;
}

/** Opens one connection, uses it, closes it. Throws `WtError` about `server:` where it does not answer or refuses. */
export async function withServer<Result>(spec: ResourceSpec, work: (link: RedisLink) => Promise<Result>): Promise<Result> {
  const url = serverUrl(spec);
  const address = { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 6379), tls: url.protocol === "rediss:" };
  const user = decodeURIComponent(url.username);
  const link = await openRedisLink(address, decodeURIComponent(url.password), user).catch((error: unknown) => {
    throw unreachable(spec, error);
  });
  try {
    return await work(link);
  } catch (error) {
    throw error instanceof RedisReplyError ? refusal(spec, error) : error;
  } finally {
    link.close();
  }
}

/** Numbers of the databases that hold anything. */
export async function filledDatabases(link: RedisLink): Promise<number[]> {
  const keyspace = String(await sendInTime(link, ["INFO", "keyspace"]));
  return [...keyspace.matchAll(/^db(\d+):/gm)].map(([, number]) => Number(number));
}

/** Every key that fits, in rounds; a key may come twice, and one that is written meanwhile may be missed. */
export async function* keysOf(link: RedisLink, at: { database: number; match: string }): AsyncGenerator<string[]> {
  await sendInTime(link, ["SELECT", String(at.database)]);
  let cursor = "0";
  do {
    const [next, keys] = (await sendInTime(link, ["SCAN", cursor, "MATCH", at.match, "COUNT", scanCount])) as [string, RedisReply[]];
    cursor = next;
    if (keys.length > 0) yield keys.map(String);
  } while (cursor !== "0");
}

function unreachable(spec: ResourceSpec, cause: unknown): WtError {
  if (cause instanceof RedisReplyError) return refusal(spec, cause);
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new WtError({
    kind: "machine",
    code: "redis_unreachable",
    message: `resources.${spec.name}.server: the Redis at ${serverPlace(serverUrl(spec).href)} does not answer: ${reason.replace(/\.$/, "")}.`,
    hints: ["Start that server, or mend the URL in wt.yaml."],
    cause,
  });
}

function refusal(spec: ResourceSpec, { message }: RedisReplyError): WtError {
  const older = /unknown command.*ACL/i.test(message);
  const hints = older
    ? [`Write \`database: auto\` under resources.${spec.name}: a database number for each environment.`]
    : /^NOPERM/.test(message)
      ? [`The user of this URL must be allowed to manage users (ACL), or write \`database: auto\` under resources.${spec.name}.`]
      : ["Mend the URL in wt.yaml, or what the server complains about."];
  return new WtError({
    kind: "config",
    code: "redis_refused",
    message: older
      ? `resources.${spec.name}.server: the Redis at ${serverPlace(serverUrl(spec).href)} is older than version 6 and knows no users.`
      : `resources.${spec.name}.server: the Redis at ${serverPlace(serverUrl(spec).href)} refuses: ${message.replace(/\.$/, "")}.`,
    hints,
  });
}
