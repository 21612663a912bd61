import { expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeDirectory } from "./remove-directory.ts";

function scratch(): { base: string } & Disposable {
  const base = mkdtempSync(join(tmpdir(), "wt-remove-"));
  return { base, [Symbol.dispose]: () => rmSync(base, { recursive: true, force: true }) };
}

test("what somebody writes into it meanwhile does not stay", async () => {
  using place = scratch();
  for (let round = 0; round < 20; round++) {
    const directory = join(place.base, `environment-${round}`);
    mkdirSync(join(directory, "resources"), { recursive: true });
    for (let index = 0; index < 100; index++) writeFileSync(join(directory, `service-${index}.log`), "a line\n");
    const writer = { stop: false };
    const writing = (async () => {
      while (!writer.stop) {
        for (let index = 0; index < 100; index++) {
          try {
            appendFileSync(join(directory, `service-${index}.log.times`), "now\n");
          } catch {
            // The directory is gone.
          }
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await removeDirectory(directory);
    writer.stop = true;
    await writing;
    expect(readdirSync(place.base)).toEqual([]);
  }
});

test("an absent one is no error, and what an interrupted removal left goes too", async () => {
  using place = scratch();
  const directory = join(place.base, "environment");
  await removeDirectory(directory);
  mkdirSync(`${directory}.removing/logs`, { recursive: true });
  mkdirSync(directory);
  await removeDirectory(directory);
  expect(existsSync(directory)).toBe(false);
  expect(readdirSync(place.base)).toEqual([]);
});
