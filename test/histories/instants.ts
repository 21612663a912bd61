// The instants of a daemon's life at which something can go wrong: every write to the ledger, every call of a driver, every program, every journal
// point, every effect on files. An accident strikes at one of them.
import { AsyncLocalStorage } from "node:async_hooks";
import { WtError } from "../../src/errors/wt-error.ts";
import { type SystemError, systemError } from "../../src/os/fault-layer.ts";

export type Accident =
  /** SIGKILL: nothing of this daemon goes on. `during`: what it had begun is carried to its end by others, as a git that outlives it is. */
  | { kind: "crash"; instant: number; when: "before" | "after" | "during" }
  /** The machine refuses; `until` the end of the operation, or only once. */
  | { kind: "error"; instant: number; error: SystemError; when: "before" | "after"; lasts: boolean }
  | { kind: "slow"; instant: number; ms: number };

export interface MortalEffect {
  /** A verb of the fault layer, or of a driver. */
  verb: string;
  subject: string;
  /** By contract it cannot fail (false), or leaves nothing behind when it does (`before`). Default true: it may fail when all is done. */
  fails?: boolean | "before";
}

/** One daemon from its start to its death. All that it does runs inside `run`, so that what a dead one still does can be told apart. */
export class Life {
  dead = false;
  readonly died = Promise.withResolvers<void>();
  #accident: Accident | null = null;
  #count = 0;
  #place: string | null = null;

  run<T>(work: () => T): T {
    return lives.run(this, work);
  }

  /** Counts from here. */
  expect(accident: Accident | null): void {
    this.#accident = accident;
    this.#count = 0;
    this.#place = null;
  }

  /** Where the accident struck; null: it did not. */
  get struckAt(): string | null {
    return this.#place;
  }

  die(): void {
    if (this.dead) return;
    this.dead = true;
    this.died.resolve();
  }

  /** What waits does so for ever once the daemon is dead. */
  async effect<T>(effect: MortalEffect, work: () => Promise<T>): Promise<T> {
    if (this.dead) return never();
    const accident = this.#strikes(describe(effect));
    if (accident?.kind === "slow") await Bun.sleep(accident.ms);
    const error = accident?.kind === "error" && effect.fails !== false ? accident : null;
    if (error && (error.when === "before" || effect.fails === "before")) throw systemError(error.error, effect);
    if (accident?.kind === "crash" && accident.when !== "after") {
      if (accident.when === "during") work().catch(() => undefined);
      this.die();
      return never();
    }
    const result = await work().catch((error: unknown) => (this.dead ? never<T>() : Promise.reject(error)));
    if (error) throw systemError(error.error, effect);
    if (accident?.kind === "crash") this.die();
    return this.dead ? never() : result;
  }

  /** The same for what the ledger does at once. `gives`: it frees space, which a full disk does not stop. */
  write<T>(name: string, { gives, work }: { gives: boolean; work: () => T }): T {
    if (this.dead) throw new Error("this daemon is dead");
    const accident = this.#strikes(`ledger ${name}`);
    if (accident?.kind === "error" && !(gives && accident.error === "enospc")) throw ledgerRefuses(accident.error);
    if (accident?.kind === "crash" && accident.when === "before") {
      this.die();
      throw new Error("this daemon is dead");
    }
    const result = work();
    if (accident?.kind === "crash") {
      this.die();
      throw new Error("this daemon is dead");
    }
    return result;
  }

  #strikes(place: string): Accident | null {
    const accident = this.#accident;
    if (!accident) return null;
    this.#count++;
    const lasting = accident.kind === "error" && accident.lasts && this.#count > accident.instant;
    if (this.#count !== accident.instant && !lasting) return null;
    this.#place ??= place;
    return accident;
  }
}

const lives = new AsyncLocalStorage<Life>();

/** For the fault layer of `os`: whose effect it is, is known from where it was called. */
export function livingEffect<T>(effect: MortalEffect, work: () => Promise<T>): Promise<T> {
  return lives.getStore()?.effect(effect, work) ?? work();
}

/** As the ledger on SQLite says it. */
function ledgerRefuses(error: SystemError): WtError {
  const full = error === "enospc";
  return new WtError({
    kind: "machine",
    code: full ? "ledger_full" : "ledger_unwritable",
    message: `The ledger cannot be written: ${error.toUpperCase()}.`,
  });
}

function describe({ verb, subject }: MortalEffect): string {
  return `${verb} ${subject}`.slice(0, 300);
}

function never<T = never>(): Promise<T> {
  return new Promise(() => undefined);
}
