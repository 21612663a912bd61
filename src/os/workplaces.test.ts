import { describe, expect, test } from "bun:test";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { observeWorkplaces, parseLsofDirectories, parseStatTerminal, workingIn } from "./workplaces.ts";

describe("who works where", () => {
  test.skipIf(process.platform !== "linux")("a program is found by its directory, also when that is removed under it", async () => {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "wt-workplaces-")));
    const program = Bun.spawn(["sleep", "60"], { cwd: directory, stdin: "ignore" });
    try {
      const find = async () => workingIn((await observeWorkplaces()) ?? [], directory);
      expect(await find()).toEqual([{ pid: program.pid, name: "sleep", directory, terminal: expect.any(Boolean), removed: false }]);
      rmSync(directory, { recursive: true });
      expect(await find()).toMatchObject([{ pid: program.pid, directory, removed: true }]);
    } finally {
      program.kill();
      await program.exited;
      rmSync(directory, { recursive: true, force: true });
    }
    expect(workingIn([{ pid: 2, name: "x", directory: "/a/bc", terminal: false, removed: false }], "/a/b")).toEqual([]);
  });

  test("a line of /proc says name and terminal, whatever the name", () => {
    expect(parseStatTerminal("41 (bash) S 40 41 41 34816 41 4194304 1")).toEqual({ name: "bash", terminal: true });
    expect(parseStatTerminal("41 (node) S 40 41 41 0 -1 4194304 1")).toEqual({ name: "node", terminal: false });
    expect(parseStatTerminal("41 (gone) Z 40 41 41 0 -1 4194304 1")).toBeNull();
    fc.assert(
      fc.property(fc.string({ maxLength: 16 }), fc.boolean(), (name, terminal) => {
        expect(parseStatTerminal(`7 (${name}) R 1 7 7 ${terminal ? 34817 : 0} -1 0`)).toEqual({ name, terminal });
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => void parseStatTerminal(text)));
  });

  test("lsof's fields", () => {
    const printed = "p501\ncnode\nfcwd\nn/Users/ada/shop\np502\nczsh\nfcwd\nn/Users/ada/my shop\n";
    expect(parseLsofDirectories(printed)).toEqual([
      { pid: 501, name: "node", directory: "/Users/ada/shop" },
      { pid: 502, name: "zsh", directory: "/Users/ada/my shop" },
    ]);
  });
});
