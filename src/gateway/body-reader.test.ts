import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bodyReader, readBody } from "./body-reader.ts";
import { type Framing, MalformedHttp } from "./http-head.ts";

/** Where the body ends in `bytes` when they come in these pieces; null: not within them; "malformed": refused. */
function endOfBody(framing: Framing, bytes: Uint8Array, cuts: number[]): number | null | "malformed" {
  const reader = bodyReader(framing);
  if (reader.done) return 0;
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  try {
    for (let index = 1; index < edges.length; index++) {
      const [from, to] = [edges[index - 1]!, edges[index]!];
      const end = readBody(reader, bytes.subarray(from, to), 0);
      if (reader.done) return from + end;
      expect(end).toBe(to - from);
    }
  } catch (error) {
    if (error instanceof MalformedHttp) return "malformed";
    throw error;
  }
  return null;
}

const chunked: Framing = { kind: "chunked" };
const latin1 = (text: string) => Buffer.from(text, "latin1");

const chunkedBody = fc
  .record({
    chunks: fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 5 }),
    extension: fc.constantFrom("", ";a", ';a="b c"'),
    upper: fc.boolean(),
    zeros: fc.constantFrom("", "0", "000"),
    trailers: fc.constantFrom("", "Checksum: x\r\n", "A: 1\r\nB:\r\n"),
  })
  .map(({ chunks, extension, upper, zeros, trailers }) => {
    const size = (length: number) => {
      const hex = `${zeros}${length.toString(16)}`;
      return upper ? hex.toUpperCase() : hex;
    };
    const parts = chunks.flatMap((chunk) => [latin1(`${size(chunk.length)}${extension}\r\n`), Buffer.from(chunk), latin1("\r\n")]);
    return Buffer.concat([...parts, latin1(`0${extension}\r\n${trailers}\r\n`)]);
  });

describe("readBody", () => {
  test("finds the end of a chunked body however the bytes are cut", () => {
    fc.assert(
      fc.property(chunkedBody, fc.uint8Array({ maxLength: 30 }), fc.array(fc.nat(), { maxLength: 12 }), (body, after, cuts) => {
        expect(endOfBody(chunked, Buffer.concat([body, after]), cuts)).toBe(body.length);
      }),
    );
  });

  test("says the same of any bytes however they are cut", () => {
    const noise = fc
      .array(fc.constantFrom("0", "5", "a", "\r\n", "\r", "\n", ";", " ", "x", "hello", ":"), { maxLength: 16 })
      .map((parts) => latin1(parts.join("")));
    fc.assert(
      fc.property(noise, fc.array(fc.nat(), { maxLength: 12 }), (bytes, cuts) => {
        expect(endOfBody(chunked, bytes, cuts)).toBe(endOfBody(chunked, bytes, []));
      }),
      { numRuns: 500 },
    );
  });

  for (const [name, text] of [
    ["no size", "\r\nabc"],
    ["a size that is no number", "g\r\n"],
    ["a signed size", "+5\r\nhello\r\n"],
    ["a hex prefix", "0x5\r\nhello\r\n"],
    ["a leading space", " 5\r\nhello\r\n"],
    ["a trailing space", "5 \r\nhello\r\n"],
    ["a huge size", "fffffffffffffffff\r\n"],
    ["a bare LF after the size", "5\nhello\r\n"],
    ["a bare CR after the size", "5\rhello"],
    ["a bare LF in the extension", "5;a\n\r\nhello\r\n"],
    ["data longer than its size", "4\r\nhello\r\n"],
    ["a bare LF after the data", "5\r\nhello\n0\r\n\r\n"],
    ["a bare LF in the trailers", "0\r\nA: 1\nB: 2\r\n\r\n"],
    ["a folded trailer", "0\r\nA: 1\r\n 2\r\n\r\n"],
    ["a bare LF at the end", "0\r\n\n"],
  ] as const) {
    test(`refuses ${name}`, () => expect(endOfBody(chunked, latin1(text), [])).toBe("malformed"));
  }

  test("counts a body of known length", () => {
    const bytes = latin1("hello world");
    fc.assert(
      fc.property(fc.nat({ max: 20 }), fc.array(fc.nat(), { maxLength: 5 }), (length, cuts) => {
        expect(endOfBody({ kind: "length", length }, bytes, cuts)).toBe(length <= bytes.length ? length : null);
      }),
    );
  });

  test("leaves the end of an unframed body to the connection", () => {
    expect(endOfBody({ kind: "close" }, latin1("anything"), [3])).toBeNull();
  });
});
