import { expect, test } from "bun:test";
import { createPaint } from "../paint.ts";
import { createLogFormatter } from "./logs-text.ts";

const nowMs = new Date(2026, 0, 1, 12).getTime();
const at = (hour: number, day = 1) => new Date(2026, 0, day, hour, 0, 0, 7).toISOString();

test("labels are aligned, lines of another day carry their date", () => {
  const format = createLogFormatter({ paint: createPaint(false), nowMs, colour: false });
  expect(format({ time: at(9, 2), service: "web", line: "a\r" })).toBe("2026-01-02 09:00:00.007 web a\n");
  expect(format({ time: at(10), service: "backend", line: "b" })).toBe("10:00:00.007 backend b\n");
  expect(format({ time: at(11), service: "web", line: "c" })).toBe("11:00:00.007 web     c\n");
});

test("a service may colour its lines but not move the cursor, clear the screen or set the title", () => {
  const line = "\u001b[2J\u001b[31mred\u001b[0m\u001b]0;title\u0007\u001b[10;10Hplace\u0008\ttab";
  const coloured = createLogFormatter({ paint: createPaint(false), nowMs, colour: true });
  expect(coloured({ time: at(9), service: "w", line })).toBe("09:00:00.007 w \u001b[31mred\u001b[0mplace\ttab\u001b[0m\n");
  const plain = createLogFormatter({ paint: createPaint(false), nowMs, colour: false });
  expect(plain({ time: at(9), service: "w", line })).toBe("09:00:00.007 w redplace\ttab\n");
});

test("each service keeps its colour", () => {
  const format = createLogFormatter({ paint: createPaint(true), nowMs, colour: true });
  const colourOf = (service: string) => format({ time: at(9), service, line: "" }).match(/\[(\d+)m[ab]/)?.[1];
  expect(colourOf("a")).toBe(colourOf("a"));
  expect(colourOf("b")).toBeDefined();
  expect(colourOf("b")).not.toBe(colourOf("a"));
});
