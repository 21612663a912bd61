import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyTree, entryAt, moveToTrash, removeTree, writeFileAtomic } from "./files.ts";

let base = "";
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "wt-files-"));
});
afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

const mode = (path: string) => statSync(path).mode & 0o7777;

test("an atomic write has the mode asked for, replaces a link instead of following it, leaves no temporary file", async () => {
  const path = join(base, "secret");
  writeFileSync(join(base, "target"), "kept");
  symlinkSync("target", path);
  await writeFileAtomic(path, "new", { mode: 0o600 });
  expect(lstatSync(path).isFile()).toBe(true);
  expect(mode(path)).toBe(0o600);
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(readFileSync(join(base, "target"), "utf8")).toBe("kept");
  await writeFileAtomic(path, new Uint8Array([1, 2]));
  expect(mode(path)).toBe(0o644);
  mkdirSync(join(base, "directory/full"), { recursive: true });
  await expect(writeFileAtomic(join(base, "directory"), "x")).rejects.toThrow();
  expect(readdirSync(base).sort()).toEqual(["directory", "secret", "target"]);
});

test("readers of an atomic write never see a part of it", async () => {
  const path = join(base, "file");
  const contents = ["a".repeat(200_000), "b".repeat(100_000)];
  await writeFileAtomic(path, contents[0]!);
  let writing = true;
  const reader = (async () => {
    while (writing) {
      expect(contents).toContain(readFileSync(path, "utf8"));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  for (let round = 0; round < 20; round++) await writeFileAtomic(path, contents[round % 2]!);
  writing = false;
  await reader;
});

test("a copy keeps modes, times, links and read-only directories (worktrunk#1936, #1589)", async () => {
  const from = join(base, "from");
  mkdirSync(join(from, "private/deep"), { recursive: true });
  writeFileSync(join(from, "run.sh"), "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(join(from, "private/key"), "k", { mode: 0o600 });
  writeFileSync(join(from, "private/deep/ü x"), "u");
  writeFileSync(join(from, "open"), "o");
  chmodSync(join(from, "open"), 0o666);
  symlinkSync("../nowhere", join(from, "dangling"));
  symlinkSync("private", join(from, "linked"));
  Bun.spawnSync(["mkfifo", join(from, "private/pipe")]);
  utimesSync(join(from, "private/key"), 1_000, 2_000);
  chmodSync(join(from, "private"), 0o500);
  utimesSync(join(from, "private"), 3_000, 4_000);
  const outcome = await copyTree(from, join(base, "some/to"));
  const to = join(base, "some/to");
  expect(outcome).toEqual({ files: 6, kept: [], skipped: ["private/pipe"] });
  expect(["run.sh", "private/key", "private", "open"].map((name) => mode(join(to, name)))).toEqual([0o755, 0o600, 0o500, 0o666]);
  expect(readlinkSync(join(to, "dangling"))).toBe("../nowhere");
  expect(readlinkSync(join(to, "linked"))).toBe("private");
  expect(statSync(join(to, "private/key")).mtimeMs).toBe(2_000_000);
  expect(statSync(join(to, "private")).mtimeMs).toBe(4_000_000);
  expect(readFileSync(join(to, "private/deep/ü x"), "utf8")).toBe("u");
  for (const name of [from, to]) chmodSync(join(name, "private"), 0o700);
});

test("a copy overwrites nothing and follows no link out", async () => {
  mkdirSync(join(base, "from/dir"), { recursive: true });
  mkdirSync(join(base, "to"));
  mkdirSync(join(base, "outside"));
  writeFileSync(join(base, "from/a"), "new");
  writeFileSync(join(base, "from/b"), "new");
  writeFileSync(join(base, "from/dir/c"), "new");
  writeFileSync(join(base, "to/a"), "mine");
  symlinkSync(join(base, "outside"), join(base, "to/dir"));
  const outcome = await copyTree(join(base, "from"), join(base, "to"));
  expect({ ...outcome, kept: outcome.kept.sort() }).toEqual({ files: 1, kept: ["a", "dir"], skipped: [] });
  expect(readFileSync(join(base, "to/a"), "utf8")).toBe("mine");
  expect(readdirSync(join(base, "outside"))).toEqual([]);
  expect(await copyTree(join(base, "from/a"), join(base, "to/new/a"))).toEqual({ files: 1, kept: [], skipped: [] });
  expect(await copyTree(join(base, "from/a"), join(base, "to/a"))).toEqual({ files: 0, kept: ["a"], skipped: [] });
});

test("a copy stops when told to", async () => {
  mkdirSync(join(base, "from"));
  for (let index = 0; index < 200; index++) writeFileSync(join(base, `from/${index}`), "x");
  const abort = new AbortController();
  const copying = copyTree(join(base, "from"), join(base, "to"), { abort: abort.signal });
  abort.abort(new Error("enough"));
  await expect(copying).rejects.toThrow("enough");
});

test("the trash takes things of one name, also from a file; what is absent is an error", async () => {
  const places: (string | null)[] = [];
  for (const content of ["1", "2"]) {
    writeFileSync(join(base, "thing"), content);
    places.push(await moveToTrash(join(base, "thing"), join(base, "deep/trash")));
  }
  expect(places.map((place) => readFileSync(place!, "utf8"))).toEqual(["1", "2"]);
  await expect(moveToTrash(join(base, "thing"), join(base, "deep/trash"))).rejects.toThrow("ENOENT");
});

test("a trash that somebody removes whenever it is empty takes everything all the same", async () => {
  const trash = join(base, "deep/trash");
  let done = false;
  const removing = (async () => {
    while (!done) await rmdir(trash).catch(() => undefined);
  })();
  for (let index = 0; index < 200; index++) {
    writeFileSync(join(base, "thing"), `${index}`);
    const place = await moveToTrash(join(base, "thing"), trash);
    expect(readFileSync(place!, "utf8")).toBe(`${index}`);
    rmSync(place!);
  }
  done = true;
  await removing;
});

test("removal takes read-only directories, does not follow links, and is idempotent", async () => {
  mkdirSync(join(base, "tree/closed"), { recursive: true });
  mkdirSync(join(base, "outside"));
  writeFileSync(join(base, "outside/kept"), "");
  writeFileSync(join(base, "tree/closed/file"), "");
  symlinkSync(join(base, "outside"), join(base, "tree/link"));
  chmodSync(join(base, "tree/closed"), 0o500);
  await removeTree(join(base, "tree"));
  await removeTree(join(base, "tree"));
  expect(existsSync(join(base, "tree"))).toBe(false);
  expect(existsSync(join(base, "outside/kept"))).toBe(true);
});

test("two removals of one tree at once: each comes back only when nothing is left", async () => {
  for (let round = 0; round < 3; round++) {
    const tree = join(base, "shared-tree");
    for (let directory = 0; directory < 20; directory++) {
      mkdirSync(join(tree, `${directory}/below`), { recursive: true });
      for (let file = 0; file < 40; file++) writeFileSync(join(tree, `${directory}/below/${file}`), "");
    }
    const remove = async () => {
      await removeTree(tree);
      return entryAt(tree);
    };
    expect(await Promise.all([remove(), remove(), remove()])).toEqual([null, null, null]);
  }
});

test("what is at a path", () => {
  writeFileSync(join(base, "file"), "");
  symlinkSync("/nowhere", join(base, "link"));
  expect(entryAt(join(base, "link"))?.isSymbolicLink()).toBe(true);
  expect(entryAt(join(base, "gone"))).toBeNull();
  expect(entryAt(join(base, "file/below"))).toBeNull();
});
