// The typed client of the daemon. It knows no socket: a `fetch` is handed in, over the unix socket in the CLI, over TCP elsewhere.
import {
  type CallEndpoints,
  clientHeader,
  type OperationEndpoints,
  operationHeader,
  type StreamEndpoints,
  withinHeader,
} from "../api/endpoints.ts";
import type { OperationEvent } from "../api/environment.ts";
import type { ErrorBody } from "../api/operations.ts";
import { WtError } from "../errors/wt-error.ts";
import { parseNdjson } from "./ndjson.ts";

export interface ClientRequest {
  method: "POST";
  headers: Record<string, string>;
  body: string;
  signal?: AbortSignal;
}

/** Sends to a path of the daemon. Throws a `WtError` when the daemon cannot be reached or went away. */
export type DaemonFetch = (path: string, request: ClientRequest) => Promise<Response>;

export interface DaemonClient {
  /** One request, one answer. Throws the daemon's error as `WtError`. */
  call<Path extends keyof CallEndpoints>(
    path: Path,
    request: CallEndpoints[Path]["request"],
    abort?: AbortSignal,
  ): Promise<CallEndpoints[Path]["response"]>;
  /**
   * A long operation. `onEvent` sees everything but the end; resolves with the result, throws the error.
   * Aborting closes the connection, which makes the daemon roll back, and throws `WtError` (`cancelled`).
   */
  operate<Path extends keyof OperationEndpoints>(
    path: Path,
    request: OperationEndpoints[Path]["request"],
    options: OperateOptions,
  ): Promise<OperationEndpoints[Path]["result"]>;
  /** Items until the daemon ends the stream, `abort` fires (then it just ends) or the loop is left. */
  stream<Path extends keyof StreamEndpoints>(
    path: Path,
    request: StreamEndpoints[Path]["request"],
    abort?: AbortSignal,
  ): AsyncGenerator<StreamEndpoints[Path]["item"], void>;
}

export type ProgressEvent = Exclude<OperationEvent<never>, { type: "result" } | { type: "error" }>;

export interface OperateOptions {
  onEvent: (event: ProgressEvent) => void | Promise<void>;
  abort?: AbortSignal;
  /** To ask for its outcome by, when the answer is not waited for. */
  id?: string;
}

export interface DaemonClientOptions {
  fetch: DaemonFetch;
  /** Says who asks, such as `cli/0.1.0`. */
  name: string;
  /** The token of the command of a repository that this runs in. */
  within?: string | undefined;
}

export function createDaemonClient({ fetch, name, within }: DaemonClientOptions): DaemonClient {
  const own = { "content-type": "application/json", [clientHeader]: name, ...(within ? { [withinHeader]: within } : {}) };
  const send = async (path: string, request: unknown, { abort, id }: { abort?: AbortSignal; id?: string }): Promise<Response> => {
    const init: ClientRequest = {
      method: "POST",
      headers: id === undefined ? own : { ...own, [operationHeader]: id },
      body: JSON.stringify(request),
    };
    if (abort) init.signal = abort;
    const response = await fetch(path, init);
    if (!response.ok) throw await errorOf(path, response);
    return response;
  };
  return {
    call: (path, request, abort) => guarded(abort, async () => (await send(path, request, abort ? { abort } : {})).json()),
    operate: (path, request, options) =>
      guarded(options.abort, async () => {
        const response = await send(path, request, options);
        for await (const event of parseNdjson<OperationEvent<never>>(bodyOf(response))) {
          if (event.type === "result") return event.result;
          if (event.type === "error") throw WtError.fromWire(event.error);
          await options.onEvent(event);
        }
        throw daemonLost();
      }),
    async *stream(path, request, abort) {
      try {
        const response = await send(path, request, abort ? { abort } : {});
        for await (const item of parseNdjson<never>(bodyOf(response))) {
          const { error } = item as Partial<ErrorBody>;
          if (error) throw WtError.fromWire(error);
          yield item;
        }
      } catch (error) {
        if (!abort?.aborted) throw toWtError(error);
      }
    },
  };
}

/** The daemon ended or was killed while it answered. */
export function daemonLost(cause?: unknown): WtError {
  return new WtError({
    kind: "machine",
    code: "daemon_lost",
    message: "The daemon went away in the middle of the request.",
    hints: [
      "Run the command again: the next daemon starts by itself and first finishes or rolls back what was in flight.",
      "Its log is named by: wt daemon status",
    ],
    cause,
  });
}

export function cancelled(cause?: unknown): WtError {
  return new WtError({ kind: "cancelled", code: "interrupted", message: "Interrupted.", cause });
}

async function guarded<T>(abort: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (abort?.aborted) throw cancelled(error);
    throw toWtError(error);
  }
}

function toWtError(error: unknown): unknown {
  if (error instanceof WtError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === "string" && connectionCodes.has(code)) return daemonLost(error);
  if (error instanceof SyntaxError) return unreadable("an answer that is not JSON", error);
  // What `onEvent` threw, such as EPIPE of a closed terminal, is the caller's.
  return error;
}

const connectionCodes = new Set(["ECONNRESET", "ConnectionClosed", "ECONNREFUSED", "ENOENT", "ECONNABORTED", "UND_ERR_SOCKET"]);

async function errorOf(path: string, response: Response): Promise<WtError> {
  const text = await response.text();
  try {
    const body: Partial<ErrorBody> = JSON.parse(text);
    if (body.error?.kind && typeof body.error.message === "string") return WtError.fromWire(body.error);
  } catch {
    return unreadable(`HTTP status ${response.status} for ${path} without an error that wt understands`, text.slice(0, 500));
  }
  return unreadable(`HTTP status ${response.status} for ${path} without an error that wt understands`, text.slice(0, 500));
}

function unreadable(what: string, cause: unknown): WtError {
  return new WtError({
    kind: "machine",
    code: "daemon_answer_unreadable",
    message: `The daemon gave ${what}.`,
    hints: ["Stop it, the next command starts one of this version: wt daemon stop"],
    cause,
  });
}

function bodyOf(response: Response): ReadableStream<Uint8Array> {
  if (!response.body) throw daemonLost();
  return response.body;
}
