// What was last seen of each database's schema, so that a status is answered without waking anything. A file per resource: the memory outlives daemons.
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../os/files.ts";
import type { ResourceContent, SchemaObject } from "../resource/resource-driver.ts";

export interface SeenSchema {
  /** With a hash in the place of each definition. */
  objects: SchemaObject[];
  /** The content's mark at that time; null: it cannot be told whether it changed since. */
  mark: string | null;
  atMs: number;
}

export interface DriftMemory {
  /** null: nobody has looked yet. */
  seen(environmentId: string, resource: string): Promise<SeenSchema | null>;
  keep(environmentId: string, resource: string, seen: { content: ResourceContent; mark: string | null; atMs: number }): Promise<SeenSchema>;
  /** Runs `look` unless one for the same resource is under way; then its outcome is awaited. */
  once(environmentId: string, resource: string, look: () => Promise<SeenSchema | null>): Promise<SeenSchema | null>;
}

/** Below `directory` every environment has a directory of its own, which goes with it. */
export function createDriftMemory(directory: string): DriftMemory {
  const known = new Map<string, SeenSchema>();
  const looking = new Map<string, Promise<SeenSchema | null>>();
  const placeOf = (environmentId: string, resource: string) => join(directory, environmentId, `schema-${resource}.json`);
  return {
    async seen(environmentId, resource) {
      const place = placeOf(environmentId, resource);
      const before = known.get(place) ?? (await readSeen(place));
      if (before) known.set(place, before);
      return before;
    },
    async keep(environmentId, resource, { content, mark, atMs }) {
      const place = placeOf(environmentId, resource);
      const objects = content.objects.map((one) => ({ ...one, definition: Bun.hash.wyhash(one.definition).toString(36) }));
      const seen: SeenSchema = { objects, mark, atMs };
      const before = known.get(place);
      known.set(place, seen);
      if (before && JSON.stringify(before.objects) === JSON.stringify(objects) && atMs - before.atMs < rewriteMs) return seen;
      await mkdir(join(directory, environmentId), { recursive: true, mode: 0o700 });
      await writeFileAtomic(place, JSON.stringify(seen), { mode: 0o600 });
      return seen;
    },
    once(environmentId, resource, look) {
      const place = placeOf(environmentId, resource);
      const underWay = looking.get(place);
      if (underWay) return underWay;
      const mine = look().finally(() => looking.delete(place));
      looking.set(place, mine);
      return mine;
    },
  };
}

/** What only got older is not worth a write each time. */
const rewriteMs = 60_000;

async function readSeen(place: string): Promise<SeenSchema | null> {
  try {
    const seen = JSON.parse(await readFile(place, "utf8")) as SeenSchema;
    return Array.isArray(seen.objects) && Number.isFinite(seen.atMs) ? seen : null;
  } catch {
    return null;
  }
}
