// Streams of newline-delimited JSON: one object a line, as it happens.
import { operationHeader, withinHeader } from "../api/endpoints.ts";
import type { OperationEvent } from "../api/environment.ts";
import type { ErrorBody } from "../api/operations.ts";
import { WtError } from "../errors/wt-error.ts";
import { machineError } from "../os/machine-error.ts";
import type { Call, Emit } from "./journaled-run.ts";
import type { OperationOutcomes } from "./operation-outcomes.ts";

const encoder = new TextEncoder();
/** How long the first item may take for its error to be the answer itself. */
const promptMs = 20;
const headers = { "content-type": "application/x-ndjson" };

/** Runs an operation and streams its events; exactly one `result` or `error` ends it. A client that goes away aborts it. */
export function operationResponse<Result>(request: Request, run: (call: Call) => Promise<Result>, outcomes: OperationOutcomes): Response {
  const id = request.headers.get(operationHeader);
  if (id !== null) outcomes.begin(id);
  const gone = new AbortController();
  const onGone = () => gone.abort(new WtError({ kind: "cancelled", code: "cancelled", message: "The caller went away." }));
  request.signal.addEventListener("abort", onGone, { once: true });
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      let open = true;
      const send = (event: OperationEvent<Result>) => {
        if (!open || gone.signal.aborted) return;
        controller.enqueue(encoder.encode(`${JSON.stringify(event)}\n`));
      };
      const emit: Emit = send;
      try {
        const result = await run({ emit, abort: gone.signal, within: request.headers.get(withinHeader) ?? undefined });
        if (id !== null) outcomes.end(id, "done");
        send({ type: "result", result });
      } catch (error) {
        if (id !== null) outcomes.end(id, "undone");
        send({ type: "error", error: WtError.from(machineError(error)).toWire() });
      }
      open = false;
      if (!gone.signal.aborted) controller.close();
    },
    cancel: onGone,
  });
  return new Response(body, { headers });
}

/**
 * Streams items until the source ends or the client goes away, no faster than the client reads. An error before the first item is the caller's to
 * answer, unless it comes late: that one, and any after it, is the stream's last line, an `ErrorBody`.
 */
export async function itemsResponse<Item>(request: Request, source: (abort: AbortSignal) => AsyncGenerator<Item>): Promise<Response> {
  const gone = new AbortController();
  const onGone = () => gone.abort(new Error("the client went away"));
  request.signal.addEventListener("abort", onGone, { once: true });
  const items = source(gone.signal);
  gone.signal.addEventListener("abort", () => void items.return(undefined).catch(() => undefined), { once: true });
  // The first item is awaited here, so that a refusal is an HTTP error where it can be; a follower that is silent must not hang.
  let next: Promise<IteratorResult<Item>> | null = items.next();
  await Promise.race([next, Bun.sleep(promptMs)]);
  const line = (value: Item | ErrorBody) => encoder.encode(`${JSON.stringify(value)}\n`);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await (next ?? items.next());
        next = null;
        if (gone.signal.aborted) return;
        if (done) controller.close();
        else controller.enqueue(line(value));
      } catch (error) {
        if (gone.signal.aborted) return;
        controller.enqueue(line({ error: WtError.from(machineError(error)).toWire() }));
        controller.close();
      }
    },
    cancel: onGone,
  });
  return new Response(body, { headers });
}
