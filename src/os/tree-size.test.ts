import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTreeSize } from "./tree-size.ts";

function tree() {
  const base = mkdtempSync(join(tmpdir(), "wt-size-"));
  mkdirSync(join(base, "a/b"), { recursive: true });
  writeFileSync(join(base, "a/one"), "12345");
  writeFileSync(join(base, "a/b/two"), "123");
  symlinkSync("/usr", join(base, "a/link"));
  return { base, [Symbol.dispose]: () => rmSync(base, { recursive: true, force: true }) };
}

const { signal } = new AbortController();

test("counts files, links and directories, and the bytes of files; links are not followed", async () => {
  using at = tree();
  expect(await readTreeSize(at.base, { abort: signal })).toEqual({ entries: 5, bytes: 8 });
});

test("looks no further than it has to", async () => {
  using at = tree();
  expect((await readTreeSize(at.base, { enough: ({ entries }) => entries >= 1, abort: signal })).entries).toBe(1);
});
