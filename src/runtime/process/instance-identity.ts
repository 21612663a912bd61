// What the process driver records about an instance: enough for the next daemon to prove that a process is ours.
import type { JsonValue } from "../../errors/wt-error.ts";

/** The variable every process of an instance carries. */
export const markVariable = "WT_INSTANCE";

export interface InstanceIdentity {
  /** The first process, which leads its own session and group (so this is also the number of both); with `leaderLost` the oldest one left. */
  pid: number;
  startTime: number;
  bootId: string;
  mark: string;
  /** Null when it could not be found out. */
  logPath: string | null;
  /** Found by its mark after its first process had gone. */
  leaderLost: boolean;
}

/** Null for anything this driver did not write. */
export function parseInstanceIdentity(value: JsonValue): InstanceIdentity | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { pid, startTime, bootId, mark, logPath, leaderLost } = value;
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 1) return null;
  if (typeof startTime !== "number" || typeof leaderLost !== "boolean") return null;
  if (typeof bootId !== "string" || typeof mark !== "string" || mark === "") return null;
  if (logPath !== null && typeof logPath !== "string") return null;
  return { pid, startTime, bootId, mark, logPath, leaderLost };
}

export interface Mark {
  environmentId: string;
  service: string;
  generation: number;
  nonce: string;
}

/** `<environment>/<service>/<generation>/<nonce>`, each part percent-encoded. */
export function markText(mark: Mark): string {
  return [mark.environmentId, mark.service, String(mark.generation), mark.nonce].map(encodeURIComponent).join("/");
}

export function parseMark(text: string): Mark | null {
  const parts = text.split("/");
  if (parts.length !== 4) return null;
  try {
    const [environmentId = "", service = "", generation = "", nonce = ""] = parts.map(decodeURIComponent);
    return /^\d{1,15}$/.test(generation) ? { environmentId, service, generation: Number(generation), nonce } : null;
  } catch {
    return null;
  }
}
