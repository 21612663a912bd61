import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureOwned, followOwned, type OwnedEntry, observeOwned, removeOwned, replaceOwned } from "./owned-entry.ts";

let root: string;
let entry: OwnedEntry;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "wt-owned-")));
  mkdirSync(join(root, "tree"));
  entry = {
    place: join(root, "tree/data/app.db"),
    root: join(root, "tree"),
    kind: "file",
    companions: ["-wal"],
    directory: join(root, "own"),
    mark: "one",
  };
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const text = (content: string) => ({ produce: (staging: string) => writeFile(staging, content) });
const record = () => join(entry.directory, "entry.json");
const stage = (name: string) => writeFileSync(record(), readFileSync(record(), "utf8").replace('"made"', `"${name}"`));
const left = () => readdirSync(join(root, "tree/data"));

describe("an entry that we make", () => {
  test("companions are made, replaced and removed with it", async () => {
    const withLog = (content: string) => ({
      async produce(staging: string) {
        await writeFile(staging, content);
        await writeFile(`${staging}-wal`, `log of ${content}`);
      },
    });
    await ensureOwned(entry, withLog("first"));
    expect(readFileSync(`${entry.place}-wal`, "utf8")).toBe("log of first");
    await replaceOwned(entry, text("second"));
    expect(left()).toEqual(["app.db"]);
    await replaceOwned(entry, withLog("third"));
    await removeOwned(entry);
    expect(left()).toEqual([]);
    expect(existsSync(entry.directory)).toBe(false);
  });

  test("a finish that fails brings the old one back, with its companions", async () => {
    await ensureOwned(entry, text("first"));
    writeFileSync(`${entry.place}-wal`, "its log");
    const failing = { ...text("second"), finish: () => Promise.reject(new Error("no")) };
    await expect(replaceOwned(entry, failing)).rejects.toThrow("no");
    expect(readFileSync(entry.place, "utf8")).toBe("first");
    expect(readFileSync(`${entry.place}-wal`, "utf8")).toBe("its log");
    expect(await observeOwned(entry)).toEqual({ state: "made" });
  });

  test("after a crash before the rename, somebody else's file in its place is foreign", async () => {
    await ensureOwned(entry, text("first"));
    stage("making");
    expect((await observeOwned(entry)).state).toBe("broken");
    writeFileSync(join(root, "other"), "theirs");
    await rename(join(root, "other"), entry.place);
    expect((await observeOwned(entry)).state).toBe("foreign");
    await expect(removeOwned(entry)).rejects.toThrow("was not made by wt");
    expect(readFileSync(entry.place, "utf8")).toBe("theirs");
  });

  test("once it is placed, a program may replace the file: it stays ours", async () => {
    await ensureOwned(entry, text("first"));
    const before = statSync(entry.place).ino;
    writeFileSync(join(root, "other"), "migrated");
    await rename(join(root, "other"), entry.place);
    expect(statSync(entry.place).ino).not.toBe(before);
    expect(await observeOwned(entry)).toEqual({ state: "made" });
    stage("placed");
    expect((await observeOwned(entry)).state).toBe("broken");
    await ensureOwned(entry, text("anew"));
    expect(readFileSync(entry.place, "utf8")).toBe("anew");
  });

  test("what a crash left beside it goes with the next attempt", async () => {
    let staging = "";
    await ensureOwned(entry, {
      async produce(place) {
        staging = place;
        await writeFile(place, "first");
      },
    });
    for (const name of [staging, `${staging}-wal`, staging.replace(/-new$/, "-old")]) writeFileSync(name, "left");
    stage("placed");
    await ensureOwned(entry, text("second"));
    expect(left()).toEqual(["app.db"]);
    writeFileSync(staging, "left");
    await removeOwned(entry);
    expect(left()).toEqual([]);
  });

  test("under another path it begins anew; the old file stays in the worktree", async () => {
    await ensureOwned(entry, text("first"));
    const moved = { ...entry, place: join(root, "tree/data/other.db") };
    await ensureOwned(moved, text("second"));
    expect(left().sort()).toEqual(["app.db", "other.db"]);
    await removeOwned(moved);
    expect(left()).toEqual(["app.db"]);
  });

  test("a file that appears while it is made is not overwritten", async () => {
    const racing = {
      async produce(staging: string) {
        await writeFile(staging, "ours");
        writeFileSync(entry.place, "theirs");
      },
    };
    await expect(ensureOwned(entry, racing)).rejects.toThrow("was not made by wt");
    expect(readFileSync(entry.place, "utf8")).toBe("theirs");
    expect(left()).toEqual(["app.db"]);
    expect(existsSync(entry.directory)).toBe(false);
  });
});

describe("a worktree that is moved", () => {
  test("takes the entry along; what still stands in the old place is left alone", async () => {
    await ensureOwned(entry, text("one"));
    const moved = { ...entry, root: join(root, "moved"), place: join(root, "moved/data/app.db") };
    await followOwned(moved, entry.place);
    expect((await observeOwned(entry)).state).toBe("made");
    await rename(join(root, "tree"), join(root, "moved"));
    expect((await observeOwned(moved)).state).toBe("foreign");
    await followOwned(moved, join(root, "elsewhere"));
    expect((await observeOwned(moved)).state).toBe("foreign");
    await followOwned(moved, entry.place);
    await followOwned(moved, entry.place);
    expect((await observeOwned(moved)).state).toBe("made");
    await removeOwned(moved);
    expect(existsSync(moved.place)).toBe(false);
  });
});
