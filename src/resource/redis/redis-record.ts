// What is known of one Redis without asking it: its record, its mark, its connection.
import { randomBytes } from "node:crypto";
import { WtError } from "../../errors/wt-error.ts";
import { observeMarkedDirectory } from "../../os/marked-directory.ts";
import { textOption } from "../check-options.ts";
import type { ResourceConnection, ResourceSpec } from "../resource-driver.ts";
import { type RedisRecord, readRecord } from "./redis-files.ts";

export async function ownRecord(spec: ResourceSpec): Promise<RedisRecord | null> {
  return (await observeMarkedDirectory(spec.directory, markOf(spec))) === "ours" ? readRecord(spec) : null;
}

export async function madeRecord(spec: ResourceSpec): Promise<RedisRecord> {
  const record = await ownRecord(spec);
  if (record?.made) return record;
  throw new WtError({
    kind: "not_found",
    code: "resource_absent",
    message: `The Redis of resources.${spec.name} was not made yet.`,
    hints: ["Run `wt up` to make it."],
  });
}

export function markOf(spec: ResourceSpec): string {
  return `${spec.environmentId}/${spec.name}/${spec.nonce}`;
}

/** Letters and digits alone: it stands in URLs. */
export function newPassword(): string {
  return randomBytes(24).toString("hex");
}

export function variablesOf(options: ResourceSpec["options"]) {
  const url = textOption(options, "variable") ?? "REDIS_URL";
  const begin = url.slice(0, -"_URL".length);
  return { url, host: `${begin}_HOST`, port: `${begin}_PORT`, password: `${begin}_PASSWORD` };
}

/** What is given besides on a server that others use too. */
export function sharedVariablesOf(options: ResourceSpec["options"]) {
  const begin = variablesOf(options).url.slice(0, -"_URL".length);
  return { user: `${begin}_USERNAME`, prefix: `${begin}_PREFIX` };
}

export function connectionOf(spec: ResourceSpec, { password }: RedisRecord): ResourceConnection {
  const port = portOf(spec);
  // With the user: redis-cli would send an empty one otherwise, and be refused.
  const values = { url: `redis://default:${password}@127.0.0.1:${port}`, host: "127.0.0.1", port: String(port), password };
  const names = variablesOf(spec.options);
  const variables = { [names.url]: values.url, [names.host]: values.host, [names.port]: values.port, [names.password]: values.password };
  return { variables, values };
}

export function portOf(spec: ResourceSpec): number {
  if (spec.port !== null) return spec.port;
  throw new WtError({ kind: "internal", code: "bug", message: `resources.${spec.name} was given no port.` });
}
