// What the driver records about a started container: enough for the next daemon to prove that what runs is this very start of it.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonValue } from "../../errors/wt-error.ts";

export interface ContainerIdentity {
  /** Path of the engine's socket. */
  endpoint: string;
  container: string;
  generation: number;
  /** As the engine tells it; changes with each start. */
  startedAt: string;
  nonce: string;
  /** Null when it could not be found out. */
  logPath: string | null;
}

/** Null for anything this driver did not write. */
export function parseContainerIdentity(value: JsonValue): ContainerIdentity | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { endpoint, container, generation, startedAt, nonce, logPath } = value;
  if (typeof endpoint !== "string" || typeof container !== "string" || !/^[0-9a-f]{12,64}$/.test(container)) return null;
  if (typeof generation !== "number" || typeof startedAt !== "string" || typeof nonce !== "string") return null;
  if (logPath !== null && typeof logPath !== "string") return null;
  return { endpoint, container, generation, startedAt, nonce, logPath };
}

/** What the container itself cannot say. Written before each start, so that a start is recognised although no ledger row names it. */
export interface StartRecord {
  /** Of wt's, which need not be Compose's. */
  service: string;
  generation: number;
  logPath: string;
}

/** `<environments>/<environment id>/containers/<container>.json`; goes with the environment's directory. */
export interface StartRecords {
  write(environmentId: string, container: string, record: StartRecord): void;
  read(environmentId: string, container: string): StartRecord | null;
}

export function createStartRecords(environments: string): StartRecords {
  const pathOf = (environmentId: string, container: string) => join(environments, environmentId, "containers", `${container}.json`);
  return {
    write(environmentId, container, record) {
      const path = pathOf(environmentId, container);
      mkdirSync(join(path, ".."), { recursive: true, mode: 0o700 });
      writeFileSync(`${path}.tmp`, JSON.stringify(record), { mode: 0o600 });
      renameSync(`${path}.tmp`, path);
    },
    read(environmentId, container) {
      try {
        const { service, generation, logPath } = JSON.parse(readFileSync(pathOf(environmentId, container), "utf8")) as Partial<StartRecord>;
        if (typeof service !== "string" || typeof generation !== "number" || typeof logPath !== "string") return null;
        return { service, generation, logPath };
      } catch {
        // Somebody started it by hand.
        return null;
      }
    },
  };
}
