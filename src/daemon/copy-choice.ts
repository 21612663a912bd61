// Copy what a setup step makes, or let the step make it: what is there is counted, what is known of both decides.
import { join } from "node:path";
import type { SetupStep } from "../config/config.ts";
import { readTreeSize, type TreeSize } from "../os/tree-size.ts";
import type { PendingClone } from "./clone-directories.ts";
import { type CopyMemory, isCopyWorthIt } from "./copy-or-install.ts";

export interface CopyChoice {
  copy: boolean;
  /** Of all; null where nothing had to be known. */
  size: TreeSize | null;
  copyMs: number;
  freshMs: number;
}

/** `followed`: the step runs after the copy all the same. */
export async function chooseCopy(
  memory: CopyMemory,
  wanted: { clones: readonly PendingClone[]; maker: SetupStep; followed: boolean; abort: AbortSignal },
): Promise<CopyChoice> {
  const step = memory.durations(wanted.maker);
  const { followed, abort } = wanted;
  if (step.freshMs === null) return { copy: true, size: null, copyMs: 0, freshMs: 0 };
  const total: TreeSize = { entries: 0, bytes: 0 };
  const withTotal = (size: TreeSize) => ({ entries: total.entries + size.entries, bytes: total.bytes + size.bytes });
  const isTooMuch = (size: TreeSize) => !isCopyWorthIt({ copyMs: memory.copyMs(withTotal(size)), step, followed });
  for (const { from, name } of wanted.clones) {
    // A large one need not be counted to its end.
    const size = await readTreeSize(join(from, name), { enough: isTooMuch, abort });
    Object.assign(total, withTotal(size));
  }
  const copyMs = memory.copyMs(total);
  const copy = isCopyWorthIt({ copyMs, step, followed });
  if (!copy) memory.noteLeftOut();
  return { copy, size: total, copyMs, freshMs: step.freshMs };
}

export function leftToStep(maker: SetupStep, { names, copyMs, freshMs }: CopyChoice & { names: readonly string[] }): string {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  return `${names.join(", ")}: left to ${maker.place}, which took ${seconds(freshMs)}; copying would take ${seconds(copyMs)} or more, since the file system cannot share blocks.`;
}

export function discarding(clones: readonly PendingClone[]): (error: unknown) => Promise<never> {
  return async (error) => {
    for (const clone of clones) await clone.discard();
    throw error;
  };
}
