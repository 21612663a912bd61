// Putting a server to sleep so that nobody who connects meanwhile is lost.
import type { ResourceSpec } from "../resource-driver.ts";
import { type RedisRecord, writeRecord } from "./redis-files.ts";
import { linkName, type RedisLink, RedisReplyError, sendInTime } from "./redis-link.ts";
import { findRedis, saveAndStopRedis } from "./redis-process.ts";
import { ownRecord, portOf } from "./redis-record.ts";
import { type Servers, withLink } from "./redis-servers.ts";

/** False when it is in use; then nothing has changed. */
export async function sleepRedis(spec: ResourceSpec, servers: Servers): Promise<boolean> {
  const record = await ownRecord(spec);
  if (!record?.made) return false;
  if (servers.hasDoor(spec)) return true;
  if (!(await findRedis(spec))) return false;
  return withLink(spec, record, (link) => sleepWith(link, { spec, record, servers }));
}

async function sleepWith(link: RedisLink, of: { spec: ResourceSpec; record: RedisRecord; servers: Servers }): Promise<boolean> {
  const { spec, record, servers } = of;
  if (await isInUse(link)) return false;
  // Where the server can give its port away first, nobody who connects from now on is lost.
  const early = await setPort(link, 0);
  let asleep = false;
  try {
    if (early) await servers.openDoor(spec);
    if (await isInUse(link)) return false;
    await saveAndStopRedis(spec, link);
    asleep = true;
    await writeRecord(spec, { ...record, asleep: true });
    if (!early) await servers.openDoor(spec);
    return true;
  } finally {
    if (early && !asleep) await takePortBack(link, spec, servers);
  }
}

async function takePortBack(link: RedisLink, spec: ResourceSpec, servers: Servers): Promise<void> {
  await servers.closeDoor(spec);
  await setPort(link, portOf(spec));
}

/** False where the server cannot do so while it runs (Redis 6 and before). */
async function setPort(link: RedisLink, port: number): Promise<boolean> {
  try {
    await sendInTime(link, ["CONFIG", "SET", "port", String(port)]);
    return true;
  } catch (error) {
    if (error instanceof RedisReplyError) return false;
    throw error;
  }
}

/** Every client counts, also one that says nothing: closing it would only make its pool connect again. */
async function isInUse(link: RedisLink): Promise<boolean> {
  const clients = String(await sendInTime(link, ["CLIENT", "LIST"]));
  return clients.split("\n").some((line) => line.trim() !== "" && !line.includes(` name=${linkName} `));
}
