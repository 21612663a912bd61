// A Redis made of another's present content: the source's dump is taken alone with the source, and put in place alone with the other, so that two
// that are forked from each other never wait in a circle.
import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { removeTree } from "../../os/files.ts";
import { foreignDirectory } from "../../os/marked-directory.ts";
import { requireForkable } from "../fork-source.ts";
import type { ResourceCall, ResourceConnection, ResourceObservation, ResourceSpec } from "../resource-driver.ts";
import { loadCheckpoint } from "./redis-data.ts";
import { redisFiles } from "./redis-files.ts";
import { connectionOf, madeRecord, ownRecord } from "./redis-record.ts";

/** What the driver does; each alone with its resource but for `observe`. */
export interface RedisVerbs {
  observe(spec: ResourceSpec): Promise<ResourceObservation>;
  dump(spec: ResourceSpec, path: string): Promise<void>;
  load(spec: ResourceSpec, path: string): Promise<void>;
  /** Makes one whose data `fill` puts in place. */
  make(spec: ResourceSpec, fill: () => Promise<void>): Promise<ResourceConnection>;
}

export async function forkRedis(
  spec: ResourceSpec,
  source: ResourceSpec,
  { call, verbs }: { call: ResourceCall; verbs: RedisVerbs },
): Promise<ResourceConnection> {
  call.abort.throwIfAborted();
  if ((await verbs.observe(spec)).state === "foreign") throw foreignDirectory(spec.directory);
  requireForkable(source, await verbs.observe(source));
  const staging = join(dirname(spec.directory), `.fork-${basename(spec.directory)}`);
  await removeTree(staging);
  await mkdir(dirname(staging), { recursive: true, mode: 0o700 });
  try {
    await verbs.dump(source, staging);
    if ((await ownRecord(spec))?.made) {
      await verbs.load(spec, staging);
      return connectionOf(spec, await madeRecord(spec));
    }
    return await verbs.make(spec, async () => {
      await removeTree(redisFiles(spec).data);
      await loadCheckpoint(spec, staging);
    });
  } finally {
    await removeTree(staging);
  }
}

export function notForkedOnServer(spec: ResourceSpec): WtError {
  return new WtError({
    kind: "refused",
    code: "fork_unsupported",
    message: `resources.${spec.name} lies on a server that all share, and cannot begin as a fork.`,
    hints: [`Leave \`server:\` out of resources.${spec.name} for a server of its own.`],
  });
}
