import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseNdjson } from "./ndjson.ts";

function streamOf(bytes: Uint8Array, cuts: readonly number[]): ReadableStream<Uint8Array> {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return new ReadableStream({
    start(controller) {
      for (const [index, place] of places.slice(1).entries()) controller.enqueue(bytes.slice(places[index], place));
      controller.close();
    },
  });
}

test("gives every item back, wherever the chunks are cut", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 8 }), async (items, cuts) => {
      const bytes = new TextEncoder().encode(items.map((item) => `${JSON.stringify(item)}\n`).join(""));
      // Through JSON on the expected side too: it has no -0.
      expect(await Array.fromAsync(parseNdjson(streamOf(bytes, cuts)))).toEqual(JSON.parse(JSON.stringify(items)));
    }),
    { numRuns: 200 },
  );
});

test("a line that was cut off is not an item", async () => {
  const bytes = new TextEncoder().encode('{"a":1}\n\n{"b":');
  expect(await Array.fromAsync(parseNdjson(streamOf(bytes, [])))).toEqual([{ a: 1 }]);
});
