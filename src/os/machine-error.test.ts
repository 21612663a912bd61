import { expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { WtError } from "../errors/wt-error.ts";
import { machineError } from "./machine-error.ts";

test("what the system refuses is a sentence with the path, the cause and what to do", async () => {
  const raw = await writeFile(`/tmp/${"x".repeat(300)}`, "").catch((error: unknown) => error);
  const error = machineError(raw) as WtError;
  expect(error).toBeInstanceOf(WtError);
  expect([error.kind, error.code]).toEqual(["machine", "path_too_long"]);
  expect(error.message).toMatch(/^\/tmp\/x+ cannot be used: its path is too long \(ENAMETOOLONG\)\.$/);
  expect(error.cause).toBe(raw);
});

test("bugs stay bugs, and our own words stay", async () => {
  const missing = await mkdir("/nowhere/at/all").catch((error: unknown) => error);
  expect(machineError(missing)).toBe(missing);
  const own = new WtError({ kind: "refused", code: "x", message: "No." });
  expect(machineError(own)).toBe(own);
  expect(machineError("text")).toBe("text");
});
