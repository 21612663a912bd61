// Where blocks cannot be shared: is copying a directory faster than the setup step that makes it? Both are estimated from how long they took before, per project.
import type { SetupStep } from "../config/config.ts";
import type { TreeSize } from "../os/tree-size.ts";
import { stampKey } from "./setup-inputs.ts";
import type { World } from "./world.ts";

export interface StepDurations {
  /** It made everything; null: that was never seen. */
  freshMs: number | null;
  /** What it makes was there already when it began. */
  onTopMs: number | null;
}

/** What copying costs before anything is known of this project: a call of the system for each entry, and the bytes. */
export function assumedCopyMs({ entries, bytes }: TreeSize): number {
  return entries * 0.04 + bytes / 400_000;
}

/**
 * `followed`: the step runs after the copy. What it then takes is not known until it was seen once; until then the copy is given the benefit of the doubt.
 * So it is where no step was seen.
 */
export function isCopyWorthIt({ copyMs, step, followed }: { copyMs: number; step: StepDurations; followed: boolean }): boolean {
  if (step.freshMs === null) return true;
  return copyMs + (followed ? (step.onTopMs ?? 0) : 0) < step.freshMs;
}

/** The new value counts half, so that one slow time is forgotten. */
function blended(known: number | null, seen: number): number {
  return known === null ? seen : (known + seen) / 2;
}

/** Kept among the setup stamps of the main worktree, which is there as long as the project. A bare repository has none and learns nothing. */
const slownessStamp = "worldtree:copy-slowness";
const durationStamp = (step: SetupStep) => `worldtree:took:${stampKey(step)}`;

export class CopyMemory {
  readonly #world: World;
  readonly #mainId: string | null;

  constructor(world: World, projectId: string) {
    this.#world = world;
    this.#mainId = world.ledger.environments({ projectId }).find((one) => one.main)?.id ?? null;
  }

  durations(step: SetupStep): StepDurations {
    const kept = this.#read(durationStamp(step));
    // Written by `noteStep` below.
    return kept === null ? { freshMs: null, onTopMs: null } : (JSON.parse(kept) as StepDurations);
  }

  noteStep(step: SetupStep, seen: { tookMs: number; onTop: boolean }): void {
    const { freshMs, onTopMs } = this.durations(step);
    const next: StepDurations = seen.onTop
      ? { freshMs, onTopMs: blended(onTopMs, seen.tookMs) }
      : { freshMs: blended(freshMs, seen.tookMs), onTopMs };
    this.#write(durationStamp(step), JSON.stringify(next));
  }

  copyMs(size: TreeSize): number {
    return assumedCopyMs(size) * this.#slowness();
  }

  noteCopy(size: TreeSize, tookMs: number): void {
    const assumed = assumedCopyMs(size);
    if (assumed > 0) this.#writeSlowness(blended(this.#slowness(), tookMs / assumed));
  }

  /** What is not done any more cannot be seen to have become faster, so what was learned fades. */
  noteLeftOut(): void {
    this.#writeSlowness(1 + (this.#slowness() - 1) * 0.8);
  }

  #slowness(): number {
    return Number(this.#read(slownessStamp) ?? 1);
  }

  #writeSlowness(value: number): void {
    this.#write(slownessStamp, String(Math.min(20, Math.max(0.1, value))));
  }

  #read(step: string): string | null {
    return this.#mainId === null ? null : this.#world.ledger.setupStamp(this.#mainId, step);
  }

  #write(step: string, hash: string): void {
    if (this.#mainId !== null) this.#world.ledger.putSetupStamp({ environmentId: this.#mainId, step, hash });
  }
}
