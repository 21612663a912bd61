// What is said about a slice of a Redis that all share.
import { WtError } from "../../errors/wt-error.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { keyPrefix } from "./redis-claims.ts";
import { serverPlace, serverUrl } from "./redis-server-link.ts";

export function foreign(spec: ResourceSpec): WtError {
  return new WtError({
    kind: "refused",
    code: "redis_foreign",
    message: `On the Redis at ${serverPlace(serverUrl(spec).href)} there is something called ${spec.label} already that does not carry the mark of this environment.`,
    hints: [`Look at it: redis-cli -u <url> ACL GETUSER ${spec.label}, and SCAN 0 MATCH '${keyPrefix(spec)}*'`],
  });
}

export function stillWritten(spec: ResourceSpec, slice: string): WtError {
  return new WtError({
    kind: "machine",
    code: "redis_in_use",
    message: `resources.${spec.name}: somebody goes on writing into ${slice} of the Redis at ${serverPlace(serverUrl(spec).href)}.`,
    hints: ["End that program (`redis-cli CLIENT LIST` shows it), then try again."],
  });
}

export function notMade(spec: ResourceSpec): WtError {
  return new WtError({
    kind: "not_found",
    code: "resource_absent",
    message: `resources.${spec.name} was not made yet.`,
    hints: ["Run `wt up` to make it."],
  });
}

/** Of what lies among the keys of others. */
export function noFiles(spec: ResourceSpec): WtError {
  return new WtError({
    kind: "refused",
    code: "dump_unsupported",
    message: `resources.${spec.name} lies on a server that all share, and is neither dumped nor loaded.`,
    hints: [`Leave \`server:\` out of resources.${spec.name} for a server of its own.`],
  });
}

export function noCheckpoints(spec: ResourceSpec): WtError {
  return new WtError({
    kind: "refused",
    code: "checkpoints_unsupported",
    message: `resources.${spec.name} lies on a server that all share, and has no checkpoints.`,
    hints: [`Leave \`server:\` out of resources.${spec.name} for a server of its own, which has them.`],
  });
}
