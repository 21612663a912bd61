import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import { ensureMarkedDirectory, observeMarkedDirectory, removeMarkedDirectory } from "./marked-directory.ts";

let root: string;
let path: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wt-mark-"));
  path = join(root, "a/b");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("a marked directory", () => {
  test("is made, ours, kept and removed", async () => {
    expect(await observeMarkedDirectory(path, "one")).toBe("absent");
    await ensureMarkedDirectory(path, "one");
    expect(statSync(path).mode & 0o777).toBe(0o700);
    writeFileSync(join(path, "data"), "kept");
    await ensureMarkedDirectory(path, "one");
    expect(readFileSync(join(path, "data"), "utf8")).toBe("kept");
    expect(await observeMarkedDirectory(path, "one")).toBe("ours");
    await removeMarkedDirectory(path, "one");
    expect(existsSync(path)).toBe(false);
    await removeMarkedDirectory(path, "one");
  });

  const file = (place: string, content = "") => {
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, content);
  };
  const strangers: [string, () => void][] = [
    ["a directory with files", () => file(join(path, "x"))],
    ["a file", () => file(path)],
    [
      "a link to a directory",
      () => {
        file(join(root, "a/other"));
        symlinkSync(root, path);
      },
    ],
    ["a torn mark", () => file(join(path, "wt-mark.json"), '{"mark":')],
    ["a mark of null", () => file(join(path, "wt-mark.json"), "null")],
  ];
  test.each(strangers)("%s is foreign and stays", async (_, make) => {
    make();
    expect(await observeMarkedDirectory(path, "one")).toBe("foreign");
    for (const act of [ensureMarkedDirectory, removeMarkedDirectory]) {
      const thrown = await act(path, "one").catch((error: unknown) => error);
      expect(thrown).toBeInstanceOf(WtError);
      expect((thrown as WtError).code).toBe("directory_foreign");
    }
    expect(existsSync(path)).toBe(true);
  });

  test("another's mark is foreign; an empty directory is as good as none", async () => {
    await ensureMarkedDirectory(path, "one");
    expect(await observeMarkedDirectory(path, "two")).toBe("foreign");
    const empty = join(root, "empty");
    mkdirSync(empty);
    expect(await observeMarkedDirectory(empty, "one")).toBe("absent");
    await ensureMarkedDirectory(empty, "one");
    expect(await observeMarkedDirectory(empty, "one")).toBe("ours");
  });
});
