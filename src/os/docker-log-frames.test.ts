import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseEngineTime, readLogFrames } from "./docker-log-frames.ts";

const at = (nanos: string) => `2026-03-01T10:00:00.${nanos}Z`;

function frame(stream: 1 | 2, content: string): Buffer {
  const bytes = Buffer.from(content);
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}

async function* inPieces(bytes: Buffer, lengths: number[]): AsyncGenerator<Uint8Array> {
  let position = 0;
  for (let piece = 0; position < bytes.length; piece++) {
    const length = lengths[piece % lengths.length] ?? bytes.length;
    yield bytes.subarray(position, position + length);
    position += length;
  }
}

async function read(bytes: Buffer, tty = false, lengths = [bytes.length]): Promise<[number, bigint, string][]> {
  const portions = await Array.fromAsync(readLogFrames(inPieces(bytes, lengths), tty));
  return portions.flat().map((each) => [each.stream, each.time, Buffer.from(each.bytes).toString()]);
}

const second = BigInt(Date.parse("2026-03-01T10:00:00Z")) * 1_000_000n;

describe("entries of both streams", () => {
  const bytes = Buffer.concat([
    frame(1, `${at("000000001")} one\n`),
    frame(2, `${at("000000001")} two words\n`),
    frame(1, `${at("5")} ü`),
    frame(1, `${at("5")} \n`),
  ]);
  const expected: [number, bigint, string][] = [
    [1, second + 1n, "one\n"],
    [2, second + 1n, "two words\n"],
    [1, second + 500_000_000n, "ü"],
    [1, second + 500_000_000n, "\n"],
  ];

  test("come whole, however the bytes are cut", async () => {
    expect(await read(bytes)).toEqual(expected);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), async (lengths) => {
        expect(await read(bytes, false, lengths)).toEqual(expected);
      }),
    );
  });

  test("a torn one at the end is left out: it is read again another time", async () => {
    expect(await read(bytes.subarray(0, bytes.length - 1))).toEqual(expected.slice(0, 3));
  });
});

describe("a terminal's text", () => {
  const long = "x".repeat(16 * 1024);
  const text = `${at("1")} one\r\n${at("2")} ${long}${at("3")} rest\r\n${at("4")} unfinished`;

  test("is cut at its lines, and where the engine has cut a long one", async () => {
    const expected = ["one\r\n", long, "rest\r\n", "unfinished"];
    for (const lengths of [[text.length], [1000], [7]]) {
      expect((await read(Buffer.from(text), true, lengths)).map(([, , line]) => line)).toEqual(expected);
    }
  });
});

test("times have nanoseconds, and an offset where the engine writes one", () => {
  expect(parseEngineTime(at("123456789"))).toBe(second + 123_456_789n);
  expect(parseEngineTime("2026-03-01T12:00:00+02:00")).toBe(second);
  expect(parseEngineTime("2026-03-01T12:00:00.25+02:00")).toBe(second + 250_000_000n);
  for (const text of ["", "today", "2026-03-01", "2026-13-01T10:00:00Z"]) expect(parseEngineTime(text)).toBeNull();
});
