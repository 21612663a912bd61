import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createMarkReader, parseEnviron, parsePsMarks } from "./process-mark.ts";
import { readProcess, readProcessTable } from "./process-table.ts";

describe("parseEnviron", () => {
  test("finds the first of the very name, whatever the values hold", () => {
    const value = fc.string({ maxLength: 20 }).map((text) => text.replaceAll("\0", "").toWellFormed());
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom("MARK", "XMARK", "MARKX", "OTHER"), value), { maxLength: 6 }), (pairs) => {
        const block = Buffer.from(pairs.map(([key, text]) => `${key}=${text}\0`).join(""));
        expect(parseEnviron(block, "MARK")).toBe(pairs.find(([key]) => key === "MARK")?.[1] ?? null);
      }),
    );
  });

  test("takes a block without its last zero byte", () => {
    expect(parseEnviron(Buffer.from("A=1\0MARK=two words"), "MARK")).toBe("two words");
  });
});

test("parsePsMarks finds the variable behind the arguments", () => {
  const text = [
    "  812 node server.js HOME=/Users/a WT_INSTANCE=env/web/1/n PATH=/bin",
    "  900 grep WT_INSTANCE",
    "x WT_INSTANCE=1",
    "",
  ].join("\n");
  expect(parsePsMarks(text, "WT_INSTANCE")).toEqual(new Map([[812, "env/web/1/n"]]));
});

describe("createMarkReader", () => {
  test("reads a child's mark at any moment after its start, again and again", async () => {
    const reader = createMarkReader("WT_TEST_MARK", Date.now);
    for (let round = 0; round < 20; round++) {
      const child = Bun.spawn(["/bin/sh", "-c", "exec sleep 60"], { env: { WT_TEST_MARK: `round ${round}`, PATH: process.env.PATH } });
      const marks = await reader.read(await readProcessTable());
      const again = await reader.read(await readProcessTable());
      child.kill("SIGKILL");
      await child.exited;
      expect(marks.get(child.pid)).toBe(`round ${round}`);
      expect(again.get(child.pid)).toBe(`round ${round}`);
      expect((await reader.read(await readProcessTable())).has(child.pid)).toBe(false);
    }
  });

  test("a number that was used again loses the mark of the process before", async () => {
    const reader = createMarkReader("WT_TEST_MARK", Date.now);
    const child = Bun.spawn(["sleep", "60"], { env: { WT_TEST_MARK: "mine", PATH: process.env.PATH } });
    const info = await readProcess(child.pid);
    if (typeof info !== "object") throw new Error("The child cannot be read.");
    expect((await reader.read([info])).get(child.pid)).toBe("mine");
    child.kill("SIGKILL");
    await child.exited;
    expect((await reader.read([{ ...info, startTime: info.startTime + 1 }])).has(child.pid)).toBe(false);
  });
});
