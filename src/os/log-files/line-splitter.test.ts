import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createLineSplitter, longestLineBytes, type SplitLine } from "./line-splitter.ts";

/** Pushes the bytes in portions of these sizes, the last one again and again. */
function split(bytes: Uint8Array, sizes: number[]): SplitLine[] {
  const splitter = createLineSplitter();
  const lines: SplitLine[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[Math.min(turn, sizes.length - 1)] ?? bytes.length);
    lines.push(...splitter.push(bytes.subarray(at, at + size), at));
    at += size;
  }
  return [...lines, ...splitter.flush()];
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 10 });

describe("createLineSplitter", () => {
  test("gives the same lines however the bytes arrive, with the place where each ends", () => {
    const text = fc.array(fc.constantFrom("a", "ü", "🦊", "\n", "\r", "\u001b[31m", " "), { maxLength: 60 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, sizes, (content, portions) => {
        const whole = content.split("\n");
        if (whole.at(-1) === "") whole.pop();
        const bytes = Buffer.from(content);
        const lines = split(bytes, portions);
        const ended = content.endsWith("\n") ? whole.length : whole.length - 1;
        expect(lines.map(({ line }) => line)).toEqual(whole.map((line, at) => (at < ended ? line.replace(/\r$/, "") : line)));
        for (const [at, { end }] of lines.entries()) {
          expect(end).toBe(Math.min(bytes.length, Buffer.byteLength(`${whole.slice(0, at + 1).join("\n")}\n`)));
        }
      }),
    );
  });

  test("takes any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), sizes, (bytes, portions) => {
        const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
        const newlines = bytes.filter((byte) => byte === 10).length;
        const lines = split(bytes, portions);
        expect(lines).toHaveLength(newlines + (bytes.length > 0 && bytes.at(-1) !== 10 ? 1 : 0));
        expect(lines.map(({ line }) => line)).toEqual(split(bytes, [bytes.length]).map(({ line }) => line));
        if (newlines === 0 && bytes.length > 0) expect(lines[0]?.line).toBe(decoder.decode(bytes));
      }),
    );
  });

  test("a very long line comes in pieces that are whole characters and join to what was written", () => {
    const line = "äöü🦊x".repeat(30_000);
    const lines = split(Buffer.from(`${line}\nnext\n`), [50_000]);
    expect(lines.length).toBeGreaterThan(4);
    expect(lines.at(-1)?.line).toBe("next");
    expect(
      lines
        .slice(0, -1)
        .map((piece) => piece.line)
        .join(""),
    ).toBe(line);
    for (const piece of lines) expect(Buffer.byteLength(piece.line)).toBeLessThanOrEqual(longestLineBytes);
  });

  test("a line of exactly the longest length is one line, and a piece's newline is no line of its own", () => {
    const exact = "x".repeat(longestLineBytes);
    expect(split(Buffer.from(`${exact}\n`), [1000]).map(({ line }) => line.length)).toEqual([longestLineBytes]);
    const splitter = createLineSplitter();
    expect(splitter.push(Buffer.from("half"), 0)).toEqual([]);
    expect(splitter.flush()).toEqual([{ line: "half", end: 4 }]);
    expect(splitter.push(Buffer.from("\nwhole\n"), 4)).toEqual([{ line: "whole", end: 11 }]);
  });
});
