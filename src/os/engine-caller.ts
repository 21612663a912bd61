// Calls to the engine with an end: one that hangs says so soon, and is not waited for again by everybody who comes after.
import { WtError } from "../errors/wt-error.ts";
import { type EngineRequest, engineDown, requestEngine } from "./engine-connection.ts";
import { EngineRefusal } from "./engine-refusal.ts";

export interface EnginePatience {
  /** For what changes something, or takes an engine long. */
  actMs: number;
  /** For a look. */
  readMs: number;
  /** For the smallest of all answers, which is asked for first where none came for `freshMs`; then for that of one that did not answer before. */
  pingMs: number;
  againMs: number;
  freshMs: number;
  /** So long nobody is asked after one that did not answer. */
  restMs: number;
}

const usualPatience: EnginePatience = { actMs: 120_000, readMs: 15_000, pingMs: 5_000, againMs: 1_000, freshMs: 10_000, restMs: 2_000 };

export interface EngineCaller {
  /** Null: there is no such thing. `slow`: an engine may take its time for it, and is well all the same. */
  json<Answer>(path: string, abort: AbortSignal | undefined, options?: { slow: true }): Promise<Answer | null>;
  list<Item>(path: string, abort: AbortSignal | undefined, options?: { slow: true }): Promise<Item[]>;
  /** What was made. */
  make<Answer>(request: EngineRequest, abort: AbortSignal | undefined): Promise<Answer>;
  /** Gives back the status. That nothing is there is a success unless said otherwise. */
  act(request: EngineRequest, abort: AbortSignal | undefined, options?: { absent?: "throw"; accept?: number[] }): Promise<number>;
}

export function createEngineCaller(socketPath: string, patience: EnginePatience = usualPatience): EngineCaller {
  const answering = createAnswering(socketPath, patience);
  const ask = async (request: EngineRequest, abort: AbortSignal | undefined, kind: "read" | "slow" = "slow") => {
    await answering.required(abort);
    const limit = AbortSignal.timeout(kind === "read" ? patience.readMs : patience.actMs);
    try {
      const answer = await requestEngine(socketPath, request, abort ? AbortSignal.any([abort, limit]) : limit);
      const content = await textOf(answer);
      answering.heard();
      return { status: answer.status, content };
    } catch (error) {
      if (!limit.aborted || abort?.aborted) throw error;
      throw answering.missed(kind === "read");
    }
  };
  const parse = <Answer>({ status, content }: { status: number; content: string }): Answer => {
    if (status >= 300) throw refusal(status, content);
    try {
      return JSON.parse(content) as Answer;
    } catch (error) {
      // It went away in the middle of its answer.
      throw engineDown(socketPath, error);
    }
  };
  const json = async <Answer>(path: string, abort: AbortSignal | undefined, options?: { slow: true }): Promise<Answer | null> => {
    const answer = await ask({ method: "GET", path }, abort, options?.slow ? "slow" : "read");
    return answer.status === 404 ? null : parse<Answer>(answer);
  };
  return {
    json,
    make: async <Answer>(request: EngineRequest, abort: AbortSignal | undefined) => parse<Answer>(await ask(request, abort)),
    list: async <Item>(path: string, abort: AbortSignal | undefined, options?: { slow: true }) =>
      (await json<Item[]>(path, abort, options)) ?? [],
    async act(request, abort, options = {}) {
      const { status, content } = await ask(request, abort);
      const fine = status < 300 || status === 304 || (status === 404 && options.absent !== "throw");
      if (!fine && !options.accept?.includes(status)) throw refusal(status, content);
      return status;
    },
  };
}

export async function textOf(answer: { body: AsyncGenerator<Uint8Array> }): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

export function refusal(status: number, content: string): EngineRefusal {
  try {
    const { message, cause } = JSON.parse(content) as { message?: string; cause?: string };
    return new EngineRefusal(status, message ?? cause ?? content);
  } catch {
    return new EngineRefusal(status, content.trim());
  }
}

interface Answering {
  /** Throws `WtError` (`machine`, `engine_silent`) when it does not answer, without waiting where that was seen just now. */
  required(abort: AbortSignal | undefined): Promise<void>;
  heard(): void;
  /** Nothing came in time; `silent`: it counts as hanging. Gives what to throw. */
  missed(silent: boolean): WtError;
}

function createAnswering(socketPath: string, { pingMs, againMs, freshMs, restMs }: EnginePatience): Answering {
  let heardAt = Number.NEGATIVE_INFINITY;
  let silentAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | null = null;
  const missed = (silent: boolean) => {
    heardAt = Number.NEGATIVE_INFINITY;
    if (silent) silentAt = performance.now();
    return engineSilent(socketPath);
  };
  const heard = () => {
    heardAt = performance.now();
    silentAt = Number.NEGATIVE_INFINITY;
  };
  const ping = async () => {
    const limit = AbortSignal.timeout(Number.isFinite(silentAt) ? againMs : pingMs);
    try {
      await textOf(await requestEngine(socketPath, { method: "GET", path: "/_ping" }, limit));
      heard();
    } catch (error) {
      throw limit.aborted ? missed(true) : error;
    }
  };
  return {
    missed,
    heard,
    async required(abort) {
      abort?.throwIfAborted();
      const now = performance.now();
      if (now - heardAt < freshMs) return;
      if (now - silentAt < restMs) throw engineSilent(socketPath);
      asking ??= ping().finally(() => {
        asking = null;
      });
      await asking;
    },
  };
}

function engineSilent(socketPath: string): WtError {
  return new WtError({
    kind: "machine",
    code: "engine_silent",
    message: `The Docker engine at ${socketPath} takes connections and does not answer.`,
    hints: ["Start it anew (`sudo systemctl restart docker`, or Docker Desktop), then run the command again."],
    details: { socket: socketPath },
  });
}
