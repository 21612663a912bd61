// Checkpoints from the command line, and a daemon that is killed while it makes one or brings one back.
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { eventually, type HermeticWorld, hermeticWorld } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

const minute = 60_000;
const files = {
  ...smallApp,
  "wt.yaml": `${smallApp["wt.yaml"]}resources:\n  notes: { type: sqlite, path: notes.db }\n`,
};

async function writeNote(world: HermeticWorld, text: string): Promise<void> {
  const script = `const { Database } = require("bun:sqlite"); const d = new Database("notes.db"); d.run("CREATE TABLE IF NOT EXISTS n(t)"); d.run("DELETE FROM n"); d.run("INSERT INTO n VALUES('${text}')")`;
  await world.ok(["run", "-e", "a", "--", process.execPath, "-e", script]);
}

async function readNote(world: HermeticWorld): Promise<string> {
  const script = `const { Database } = require("bun:sqlite"); console.log(new Database("notes.db").query("SELECT t FROM n").get().t)`;
  return (await world.ok(["run", "-e", "a", "--", process.execPath, "-e", script])).trim();
}

async function changed(world: HermeticWorld, text: string): Promise<string> {
  const { path } = await world.status("a");
  await world.write({ "input.txt": `${text}\n`, "new.txt": `${text}\n` }, path);
  await writeNote(world, text);
  return path;
}

async function settled(world: HermeticWorld): Promise<void> {
  await world.ok(["list"]);
  const inFlight = async () => JSON.parse(await world.ok(["daemon", "status", "--json"])).daemon.operationsInFlight as number;
  expect(await eventually(inFlight, (count) => count === 0, 20_000)).toBe(0);
}

describe("wt checkpoint and wt restore", () => {
  test(
    "files and database of one instant come back; a database beside untracked files is in it once",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a"]);
      const path = await changed(world, "first");
      expect(await world.ok(["checkpoint", "one", "-e", "a"])).toContain("Kept the files, notes of a as one.");
      await changed(world, "second");
      await world.write({ "junk.txt": "junk\n" }, path);
      const { files: since } = JSON.parse(await world.ok(["checkpoint", "diff", "one", "-e", "a", "--json"]));
      expect(since.map((one: { path: string }) => one.path)).toEqual(["input.txt", "junk.txt", "new.txt"]);
      const { before } = JSON.parse(await world.ok(["restore", "one", "-e", "a", "--restart", "--json"]));
      expect(readFileSync(`${path}/new.txt`, "utf8")).toBe("first\n");
      expect(existsSync(`${path}/junk.txt`)).toBe(false);
      expect(await readNote(world)).toBe("first");
      expect(await (await world.fetch("a.localhost")).text()).toContain("web of a");
      await world.ok(["restore", before, "-e", "a"]);
      expect([readFileSync(`${path}/junk.txt`, "utf8"), await readNote(world)]).toEqual(["junk\n", "second"]);
      await world.ok(["checkpoints", "--delete", "one", "-e", "a"]);
      const { checkpoints } = JSON.parse(await world.ok(["checkpoints", "-e", "a", "--json"]));
      expect(checkpoints.every(({ automatic }: { automatic: boolean }) => automatic)).toBe(true);
      await world.ok(["delete", "a", "--force"]);
      expect(await world.git(["for-each-ref", "refs/wt/checkpoints"])).toBe("");
    },
    2 * minute,
  );
});

describe("SIGKILL", () => {
  test.each(["before:checkpoint", "paused:checkpoint", "after:checkpoint"])(
    "during a checkpoint, %s: services go on, and nothing half-made stays",
    async (point) => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a"]);
      await changed(world, "first");
      await world.ok(["daemon", "stop"]);
      await world.wt(["checkpoint", "one", "-e", "a"], { env: { WT_TEST_FAULT: `kill@${point}` } });
      await settled(world);
      const left = async () =>
        (await world.git(["for-each-ref", "refs/wt"])) +
        JSON.parse(await world.ok(["checkpoints", "-e", "a", "--json"])).checkpoints.length;
      expect(await eventually(left, (found) => found === "0")).toBe("0");
      expect(await (await world.fetch("a.localhost")).text()).toContain("web of a");
      await world.ok(["checkpoint", "one", "-e", "a"]);
    },
    minute,
  );

  test.each(["before:restore", "after:restore"])(
    "during a restore, %s: it is carried to its end",
    async (point) => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a", "--no-up"]);
      const path = await changed(world, "first");
      await world.ok(["checkpoint", "one", "-e", "a"]);
      await changed(world, "second");
      await world.ok(["daemon", "stop"]);
      await world.wt(["restore", "one", "-e", "a"], { env: { WT_TEST_FAULT: `kill@${point}` } });
      await settled(world);
      expect([readFileSync(`${path}/new.txt`, "utf8"), await readNote(world)]).toEqual(["first\n", "first"]);
    },
    minute,
  );
});
