// What an engine that is away keeps from being done, and is done once it answers again. Forgotten with the daemon: the next one tries what is in the journal anyway.
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import type { Clock } from "../os/clock.ts";
import { hasStack } from "./stack-leases.ts";
import { markOf } from "./stack-model.ts";
import type { World } from "./world.ts";

const lookMs = 2_000;
const answerWithinMs = 5_000;

interface Waiting {
  /** Whether its engine answers by now. Never throws. */
  answers: () => Promise<boolean>;
  work: () => Promise<void>;
}

export class EngineReturn {
  readonly #clock: Clock;
  readonly #report: (error: unknown) => void;
  readonly #waiting = new Map<string, Waiting>();
  readonly #closing = new AbortController();
  #looking = false;

  constructor({ clock, report }: { clock: Clock; report: (error: unknown) => void }) {
    this.#clock = clock;
    this.#report = report;
  }

  /** Under the key of something that waits already it takes its place. */
  wait(key: string, waiting: Waiting): void {
    this.#waiting.set(key, waiting);
    if (!this.#looking) void this.#look();
  }

  close(): void {
    this.#closing.abort(new Error("the daemon stops"));
  }

  async #look(): Promise<void> {
    this.#looking = true;
    try {
      while (this.#waiting.size > 0) {
        await this.#clock.sleep(lookMs, this.#closing.signal);
        for (const [key, { answers, work }] of [...this.#waiting]) {
          if (!(await answers())) continue;
          this.#waiting.delete(key);
          await work().catch(this.#report);
        }
      }
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#report(error);
    } finally {
      this.#looking = false;
    }
  }
}

/** Why nobody can see the environment's containers; null: they can be seen, or there are none. */
export async function engineAbsence(world: World, environment: EnvironmentRecord, withinMs = answerWithinMs): Promise<WtError | null> {
  if (!hasStack(world.ledger, environment.id)) return null;
  const limit = AbortSignal.timeout(withinMs);
  try {
    await world.stack.observe(markOf(environment), limit);
    return null;
  } catch (error) {
    if (limit.aborted) return engineSlow(environment, withinMs);
    const failure = WtError.from(error);
    return failure.code.startsWith("engine_") ? failure : null;
  }
}

function engineSlow({ slug }: EnvironmentRecord, withinMs: number): WtError {
  return new WtError({
    kind: "machine",
    code: "engine_silent",
    message: `The engine did not say within ${withinMs / 1000} seconds what containers ${slug} has.`,
    hints: ["Try again; see whether it answers you: docker ps"],
  });
}
