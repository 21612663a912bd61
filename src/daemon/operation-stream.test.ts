import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import { itemsResponse } from "./operation-stream.ts";

const directory = mkdtempSync(join(tmpdir(), "wt-stream-"));
const unix = join(directory, "s.sock");
let source: (abort: AbortSignal) => AsyncGenerator<unknown>;
const server = Bun.serve({
  unix,
  fetch: (request) => itemsResponse(request, source).catch((error) => new Response(String(error.code), { status: 404 })),
});
afterAll(async () => {
  await server.stop(true);
  rmSync(directory, { recursive: true });
});

const ask = () => fetch("http://wt/", { unix });
const unknown = new WtError({ kind: "not_found", code: "environment_unknown", message: "There is none." });

async function* refusing(afterMs: number): AsyncGenerator<unknown> {
  if (afterMs > 0) await Bun.sleep(afterMs);
  if (afterMs >= 0) throw unknown;
  yield null;
}

test("an error before the first item is the answer; one that comes late is the last line", async () => {
  source = () => refusing(0);
  expect((await ask()).status).toBe(404);
  source = () => refusing(60);
  const late = await ask();
  expect(late.status).toBe(200);
  expect(await late.json()).toMatchObject({ error: { code: "environment_unknown" } });
});

test("nothing piles up for a client that does not read, and its going ends the source", async () => {
  let made = 0;
  const ended = Promise.withResolvers<void>();
  source = async function* (abort) {
    try {
      while (!abort.aborted) {
        made++;
        yield { line: "x".repeat(1_000) };
        if (made % 100 === 0) await Bun.sleep(1);
      }
    } finally {
      ended.resolve();
    }
  };
  const client = await Bun.connect({ unix, socket: { data: (socket) => void socket.pause() } });
  client.write("POST / HTTP/1.1\r\nhost: wt\r\ncontent-length: 0\r\n\r\n");
  while (made === 0) await Bun.sleep(5);
  let before = -1;
  while (made !== before && made < 20_000) {
    before = made;
    await Bun.sleep(400);
  }
  expect(made).toBeLessThan(20_000);
  client.terminate();
  await ended.promise;
});
