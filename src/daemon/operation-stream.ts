// Streams of newline-delimited JSON: one object a line, as it happens.
import type { OperationEvent } from "../api/environment.ts";
import { WtError } from "../errors/wt-error.ts";
import type { Call, Emit } from "./journaled-run.ts";

const encoder = new TextEncoder();
const headers = { "content-type": "application/x-ndjson" };

/** Runs an operation and streams its events; exactly one `result` or `error` ends it. A client that goes away aborts it. */
export function operationResponse<Result>(request: Request, run: (call: Call) => Promise<Result>): Response {
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
        send({ type: "result", result: await run({ emit, abort: gone.signal }) });
      } catch (error) {
        send({ type: "error", error: WtError.from(error).toWire() });
      }
      open = false;
      if (!gone.signal.aborted) controller.close();
    },
    cancel: onGone,
  });
  return new Response(body, { headers });
}

/** Streams items until the source ends or the client goes away. An error before the first item is the caller's to answer. */
export async function itemsResponse<Item>(request: Request, source: (abort: AbortSignal) => AsyncGenerator<Item>): Promise<Response> {
  const gone = new AbortController();
  const onGone = () => gone.abort(new Error("the client went away"));
  request.signal.addEventListener("abort", onGone, { once: true });
  const items = source(gone.signal);
  // The first item is awaited here, so that a refusal is an HTTP error and not a broken stream; a follower that is silent must not hang.
  const first = items.next();
  const early = await Promise.race([
    first.then(() => null),
    Bun.sleep(20).then(() => null),
    first.then(
      () => null,
      (error) => error as unknown,
    ),
  ]);
  if (early !== null) throw early;
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      try {
        for (let next = await first; !next.done; next = await items.next()) {
          if (gone.signal.aborted) break;
          controller.enqueue(encoder.encode(`${JSON.stringify(next.value)}\n`));
        }
        if (!gone.signal.aborted) controller.close();
      } catch (error) {
        if (!gone.signal.aborted) controller.error(error);
      } finally {
        await items.return(undefined).catch(() => undefined);
      }
    },
    cancel: onGone,
  });
  return new Response(body, { headers });
}
