import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  watch as watchByNode,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openChangeWatch } from "./change-watch.ts";

let base = "";
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), "wt-watch-"));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

function directory(name: string): string {
  const path = mkdtempSync(join(base, `${name}-`));
  writeFileSync(join(path, "file"), "1");
  return path;
}

/** Whoever has the same user id shares them; null: there are some left. */
function usedUp(): string | null {
  try {
    watchByNode(tmpdir()).close();
    return null;
  } catch (error) {
    return (error as { code?: string }).code === "EMFILE" ? "all inotify instances of this user are in use" : null;
  }
}

const watch = openChangeWatch({ maxDirectories: 100 });
const reason = watch ? null : process.platform === "linux" ? usedUp() : "inotify is a Linux thing";

describe.skipIf(reason !== null)(`changes in watched directories${reason ? ` (skipped: ${reason})` : ""}`, () => {
  test("there is a watch", () => {
    expect(watch).not.toBeNull();
  });

  const changes: [string, (path: string) => void][] = [
    ["append", (path) => appendFileSync(join(path, "file"), "2")],
    ["create", (path) => writeFileSync(join(path, "new"), "")],
    ["delete", (path) => rmSync(join(path, "file"))],
    ["rename", (path) => renameSync(join(path, "file"), join(path, "other"))],
    ["mode", (path) => chmodSync(join(path, "file"), 0o700)],
    ["make a directory", (path) => mkdirSync(join(path, "deep"))],
    ["remove it", (path) => rmSync(path, { recursive: true })],
    ["move it away", (path) => renameSync(path, `${path}.moved`)],
  ];
  test.each(changes)("%s", (name, change) => {
    const path = directory(`one-${name}`);
    const calm = directory(`calm-${name}`);
    const armed = watch?.arm([path]);
    const other = watch?.arm([calm]);
    expect(armed?.changed()).toBe(false);
    change(path);
    expect(armed?.changed()).toBe(true);
    expect(armed?.changed()).toBe(true);
    expect(other?.changed()).toBe(false);
    armed?.release();
    other?.release();
  });

  test("reading is no change", async () => {
    const path = directory("read");
    const armed = watch?.arm([path]);
    await Bun.file(join(path, "file")).text();
    Bun.spawnSync(["ls", "-l", path]);
    expect(armed?.changed()).toBe(false);
    armed?.release();
  });

  test("a file opened before is seen when it is written", () => {
    const path = directory("opened");
    const file = openSync(join(path, "file"), "a");
    const armed = watch?.arm([path]);
    writeSync(file, "x");
    expect(armed?.changed()).toBe(true);
    closeSync(file);
    armed?.release();
  });

  test("a directory of two watches belongs to both, and stays with one when the other is released", () => {
    const path = directory("shared");
    const one = watch?.arm([path]);
    const two = watch?.arm([path]);
    one?.release();
    expect(two?.changed()).toBe(false);
    writeFileSync(join(path, "new"), "");
    expect(two?.changed()).toBe(true);
    two?.release();
  });

  test("arming again after a change", () => {
    const path = directory("again");
    const first = watch?.arm([path]);
    writeFileSync(join(path, "new"), "");
    const second = watch?.arm([path]);
    expect(first?.changed()).toBe(true);
    expect(second?.changed()).toBe(false);
    appendFileSync(join(path, "new"), "more");
    expect(second?.changed()).toBe(true);
  });

  test("no promise for too many directories, for a missing one, for a link, for a file system of the kernel's own", () => {
    const path = directory("limits");
    const small = openChangeWatch({ maxDirectories: 1 });
    expect(small?.arm([path, path])).toBeNull();
    expect(small?.arm([path])).not.toBeNull();
    expect(watch?.arm([path, join(path, "missing")])).toBeNull();
    expect(watch?.arm([join(path, "file")])).toBeNull();
    expect(watch?.arm(["/proc/self"])).toBeNull();
    small?.close();
  });

  test("a queue that ran over makes everything changed", () => {
    const limit = Number(Bun.spawnSync(["cat", "/proc/sys/fs/inotify/max_queued_events"]).stdout.toString());
    const own = openChangeWatch({ maxDirectories: limit * 2 });
    const path = join(base, "many");
    const names = Array.from({ length: limit + 2 }, (_, index) => join(path, `d${index}`));
    for (const name of names) mkdirSync(name, { recursive: true });
    const calm = directory("calm");
    const quiet = own?.arm([calm]);
    const many = own?.arm(names);
    for (const name of names) chmodSync(name, 0o700);
    expect(many?.changed()).toBe(true);
    expect(quiet?.changed()).toBe(true);
    own?.close();
  });

  test("closed, everything counts as changed", () => {
    const own = openChangeWatch({ maxDirectories: 10 });
    const armed = own?.arm([directory("closed")]);
    expect(armed?.changed()).toBe(false);
    own?.close();
    expect(armed?.changed()).toBe(true);
    expect(own?.arm([base])).toBeNull();
  });
});
