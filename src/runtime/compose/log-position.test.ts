import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { LogFrame } from "../../os/docker-log-frames.ts";
import { createCounted, createSieve, type LogPosition, parsePosition, positionText, renderFrames, startOf } from "./log-position.ts";

const container = "ab".repeat(32);
const frame = (time: number, text = `${time}\n`, stream: 1 | 2 = 1): LogFrame => ({ stream, time: BigInt(time), bytes: Buffer.from(text) });
const at = (taken: number, last: number): LogPosition => ({ ...startOf(container), taken, last: BigInt(last) });

function sift(position: LogPosition, portions: LogFrame[][]): bigint[] {
  const sieve = createSieve(position);
  return [...portions.flatMap((frames) => sieve.fresh(frames)), ...sieve.rest()].map(({ time }) => time);
}

describe("the sieve", () => {
  test("passes on what was not copied, also within one nanosecond and out of order", () => {
    expect(sift(at(0, 0), [[frame(5), frame(5)]])).toEqual([5n, 5n]);
    expect(sift(at(2, 5), [[frame(5), frame(5), frame(5)]])).toEqual([5n]);
    expect(sift(at(2, 7), [[frame(9), frame(7)], [frame(8)]])).toEqual([8n]);
    expect(sift(at(2, 7), [[frame(9), frame(7)]])).toEqual([]);
  });

  test("where the engine threw old entries away, passes on what is later than the last one copied", () => {
    expect(sift(at(3, 30), [[frame(30), frame(40), frame(50), frame(60)]])).toEqual([40n, 50n, 60n]);
    expect(sift(at(9, 30), [[frame(30), frame(40)]])).toEqual([40n]);
  });

  test("any cut of any log is continued with exactly the rest", () => {
    const log = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 30 });
    fc.assert(
      fc.property(log, fc.nat(30), (times, cut) => {
        const frames = times.map((time) => frame(time));
        const taken = Math.min(cut, frames.length);
        const position = at(taken, Number(frames[taken - 1]?.time ?? 0));
        expect(sift(position, [frames.slice(0, 4), frames.slice(4)])).toEqual(frames.slice(taken).map(({ time }) => time));
      }),
    );
  });
});

test("a position survives being written, always in the same room, and a torn one is none", () => {
  const position: LogPosition = {
    container,
    anchor: 1_795_984_154_992_912_642n,
    taken: 7,
    last: 1_795_984_154_992_912_643n,
    length: 123,
    open: 2,
  };
  const text = positionText(position);
  expect(text).toHaveLength(256);
  expect(parsePosition(text)).toEqual(position);
  for (const torn of ["", text.slice(0, 100), `x${text}`, text.replace("1 ", "2 ")]) expect(parsePosition(torn)).toBeNull();
});

test("the anchor moves up when it has much to count, and what it counts stays right", () => {
  const counted = createCounted(0n);
  const second = 1_000_000_000n;
  const times = Array.from({ length: 20_000 }, (_, index) => 10n * second + (BigInt(index) * second) / 1000n);
  for (const time of times) {
    counted.add(time);
    expect(counted.taken).toBeLessThan(9000);
  }
  expect(counted.anchor).toBeGreaterThan(10n * second);
  expect(counted.taken).toBe(times.filter((time) => time >= counted.anchor).length);
});

describe("entries as text", () => {
  const text = (frames: LogFrame[], before: { open: 0 | 1 | 2; midLine: boolean } = { open: 0, midLine: false }) => {
    const { bytes, open } = renderFrames(frames, before);
    return [bytes.toString(), open] as const;
  };

  test("pieces of a long line are joined", () => {
    expect(text([frame(1, "long"), frame(1, "er\n")])).toEqual(["longer\n", 0]);
  });

  test("a line that the other stream breaks into is ended first, also over portions", () => {
    expect(text([frame(1, "half"), frame(2, "other\n", 2), frame(3, "next\n")])).toEqual(["half\nother\nnext\n", 0]);
    expect(text([frame(1, "half")])).toEqual(["half", 1]);
    expect(text([frame(2, "other\n", 2)], { open: 1, midLine: true })).toEqual(["\nother\n", 0]);
    expect(text([frame(2, "more\n")], { open: 1, midLine: true })).toEqual(["more\n", 0]);
  });

  test("what wt has ended with a line of its own meanwhile is not ended again", () => {
    expect(text([frame(2, "other\n", 2)], { open: 1, midLine: false })).toEqual(["other\n", 0]);
  });
});
