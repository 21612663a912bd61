import { expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeDirectory } from "./remove-directory.ts";

function scratch(): { base: string } & Disposable {
  const base = mkdtempSync(join(tmpdir(), "wt-remove-"));
  return { base, [Symbol.dispose]: () => rmSync(base, { recursive: true, force: true }) };
}

/** As the watcher of logs does: it notes times beside a log, and takes the notes away when it sees that the log has gone. */
async function watchLogs(directory: string, names: readonly string[], writer: { stop: boolean }): Promise<void> {
  while (!writer.stop) {
    for (const name of names) {
      try {
        if (existsSync(join(directory, name))) appendFileSync(join(directory, `${name}.times`), "now\n");
        else rmSync(join(directory, `${name}.times`), { force: true });
      } catch {
        // The directory is gone.
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("what a watcher writes and removes in it meanwhile makes no difference", async () => {
  using place = scratch();
  const names = Array.from({ length: 30 }, (_, index) => `service-${index}.log`);
  for (let round = 0; round < 60; round++) {
    const directory = join(place.base, `environment-${round}`);
    mkdirSync(join(directory, "resources/db"), { recursive: true });
    for (const name of names) writeFileSync(join(directory, name), "a line\n");
    const writer = { stop: false };
    const writing = watchLogs(directory, names, writer);
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
