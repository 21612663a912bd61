import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "./exec.ts";
import { armFaults, parseFaults } from "./fault-layer.ts";
import { moveToTrash, removeTree, writeFileAtomic } from "./files.ts";

const directory = mkdtempSync(join(tmpdir(), "wt-faults-"));
const file = join(directory, "notes.txt");
const env = { PATH: process.env.PATH ?? "" };

afterEach(() => armFaults(null));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const codeOf = (promise: Promise<unknown>) => promise.then(() => "done").catch((error: NodeJS.ErrnoException) => error.code);

describe("WT_TEST_FAULT", () => {
  test("a full disk while a file is written: the old content stays and nothing is left beside it", async () => {
    writeFileSync(file, "old");
    armFaults(parseFaults("enospc@write:**/notes.txt"));
    expect(await codeOf(writeFileAtomic(file, "new"))).toBe("ENOSPC");
    expect(readFileSync(file, "utf8")).toBe("old");
    expect(readdirSync(directory)).toEqual(["notes.txt"]);
    expect(await codeOf(writeFileAtomic(join(directory, "other"), "fine"))).toBe("done");
  });

  test("only the second time; after the effect", async () => {
    armFaults(parseFaults("eio#2@move:**; eacces-after@remove:**"));
    writeFileSync(file, "1");
    expect(await codeOf(moveToTrash(file, join(directory, "trash")))).toBe("done");
    writeFileSync(file, "2");
    expect(await codeOf(moveToTrash(file, join(directory, "trash")))).toBe("EIO");
    expect(await codeOf(removeTree(file))).toBe("EACCES");
    expect(existsSync(file)).toBe(false);
  });

  test("a program fails as programs do: with a code and words", async () => {
    armFaults(parseFaults("enospc@exec:git * worktree add *"));
    const ask = (args: string[]) => exec(["git", "-c", "a.b=c", ...args], { cwd: directory, env });
    expect(await ask(["worktree", "add", "x"])).toEqual({ code: 128, stdout: "", stderr: "fatal: No space left on device\n" });
    expect((await ask(["--version"])).stdout).toStartWith("git version");
  });

  test("nothing set, nothing armed; what cannot be read is refused", () => {
    expect(parseFaults("")).toBeNull();
    expect(() => parseFaults("enospc@write")).toThrow("enospc@write is not");
    expect(() => parseFaults("explode@write:**")).toThrow("explode@write:** is not");
    expect(() => parseFaults("kill@elsewhere:**")).toThrow("kill@elsewhere:** is not");
  });
});
