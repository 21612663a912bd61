import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { encodeCommand, parseReply, type RedisReply, RedisReplyError } from "./redis-link.ts";

const parse = (text: string) => parseReply(Buffer.from(text), 0);

test("replies of every kind", () => {
  expect(parse("+OK\r\n")).toEqual({ reply: "OK", end: 5 });
  expect(parse(":-7\r\n")?.reply).toBe(-7);
  expect(parse("$-1\r\n")?.reply).toBeNull();
  expect(parse("$5\r\nä\r\nx\r\n")?.reply).toBe("ä\r\nx");
  expect(parse("*-1\r\n")?.reply).toBeNull();
  const error = parse("-LOADING wait\r\n")?.reply;
  expect(error).toBeInstanceOf(RedisReplyError);
  expect((error as RedisReplyError).message).toBe("LOADING wait");
});

test.each(["HTTP/1.1 400\r\n", "$x\r\n", ":\r\n", "*1.5\r\n"])("%j is no reply", (text) => {
  expect(() => parse(text)).toThrow("no Redis server");
});

const reply: fc.Memo<RedisReply> = fc.memo((depth) =>
  fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.integer(),
    fc.constant(null),
    depth > 1 ? fc.array(reply(), { maxLength: 4 }) : fc.constant<RedisReply>([]),
  ),
);

function write(value: RedisReply): string {
  if (value === null) return "$-1\r\n";
  if (typeof value === "number") return `:${value}\r\n`;
  if (typeof value === "string") return `$${Buffer.byteLength(value)}\r\n${value}\r\n`;
  return `*${value.length}\r\n${value.map(write).join("")}`;
}

test("what was written is read, and never before it is complete", () => {
  fc.assert(
    fc.property(reply(3), fc.nat(), (value, cut) => {
      const bytes = Buffer.from(write(value));
      expect(parseReply(bytes, 0)).toEqual({ reply: value, end: bytes.length });
      expect(parseReply(bytes.subarray(0, cut % bytes.length), 0)).toBeNull();
    }),
  );
});

test("a command is a list of its words", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" }), { minLength: 1 }), (words) => {
      expect(parseReply(Buffer.from(encodeCommand(words)), 0)?.reply).toEqual(words);
    }),
  );
});
