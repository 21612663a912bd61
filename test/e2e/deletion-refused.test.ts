// A machine that refuses while something is deleted or brought back: nothing is lost, the sentence says why, and it works once the machine does.
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, type HermeticWorld, hermeticWorld } from "../support/hermetic-world.ts";
import { noDisks, smallDisk } from "../support/small-disk.ts";

const minute = 60_000;
const files = { "wt.yaml": "services: { idle: { run: exec sleep 1000, port: none } }\n", "file.txt": "1\n" };
const isRoot = process.getuid?.() === 0;
const noAttributes = whyNoAttributes();
if (noDisks) console.log(`Skipped: disks that are full or read-only, because ${noDisks}.`);
if (noAttributes) console.log(`Skipped: files that cannot be removed, because ${noAttributes}.`);

async function withWork(world: HermeticWorld): Promise<{ path: string; precious: string }> {
  await world.ok(["create", "a"]);
  const path = `${world.repository}.worktrees/a`;
  const precious = join(path, "precious.txt");
  writeFileSync(precious, "precious\n");
  return { path, precious };
}

/** It failed as a machine fails, in one sentence. */
function expectMachine(ran: { code: number; stderr: string }, words: RegExp): void {
  expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 7, stderr: expect.stringMatching(words) });
  expect(ran.stderr).not.toMatch(/^ +at /m);
}

const slugs = async (world: HermeticWorld) => (await world.list()).environments.map(({ slug }) => slug);

describe.skipIf(noDisks !== null)("a disk that became read-only under the worktrees", () => {
  test.each([[""], ["--purge"]])(
    "delete --force %s keeps everything and is carried out later",
    async (option) => {
      await using world = await hermeticWorld({ files });
      using disk = smallDisk(`${world.repository}.worktrees`, "8m");
      world.env.WT_UNDELETE_DAYS = "7";
      await world.ok(["daemon", "stop"]);
      const { precious } = await withWork(world);
      disk.readOnly(true);
      const args = ["delete", "a", "--force", ...(option ? [option] : [])];
      expectMachine(await world.wt(args), /[Rr]ead-only/);
      expect(readFileSync(precious, "utf8")).toBe("precious\n");
      expect(await slugs(world)).toContain("a");
      disk.readOnly(false);
      await world.ok(args);
      expect(existsSync(precious)).toBe(false);
      expect(await slugs(world)).toEqual(["main"]);
      if (option) return;
      await world.ok(["undelete", "a"]);
      expect(readFileSync(precious, "utf8")).toBe("precious\n");
    },
    minute,
  );
});

describe.skipIf(noDisks !== null)("a full disk under the repository", () => {
  test(
    "gastown#618: delete --force that cannot keep the work says so, and does not begin to remove it",
    async () => {
      await using world = await hermeticWorld();
      using disk = smallDisk(world.repository, "8m");
      await world.git(["init", "--quiet", "--initial-branch=main"]);
      await world.write(files);
      await world.commit("first");
      await world.ok(["trust", "--yes"]);
      const { precious } = await withWork(world);
      disk.fill();
      expectMachine(await world.wt(["delete", "a", "--force"]), /[Nn]o space|full/);
      expect(readFileSync(precious, "utf8")).toBe("precious\n");
      disk.empty();
      await world.ok(["delete", "a", "--force"]);
      expect(await slugs(world)).toEqual(["main"]);
      const refs = await world.git(["for-each-ref", "--format=%(refname)", "refs/wt"]);
      const held = await Promise.all(
        refs
          .trim()
          .split("\n")
          .map((ref) => world.git(["ls-tree", "-r", "--name-only", ref])),
      );
      expect(held.join("\n")).toContain("precious.txt");
      await world.ok(["daemon", "stop", "--services"]);
    },
    minute,
  );
});

describe.skipIf(noAttributes !== null)("a file that nobody may remove", () => {
  test(
    "is kept out of the way, and goes as soon as it may",
    async () => {
      await using world = await hermeticWorld({ files });
      const { precious, path } = await withWork(world);
      const trash = join(world.repository, ".git/wt/trash");
      const change = (how: string, file: string) => Bun.spawnSync(["chattr", how, file], { stderr: "ignore" }).exitCode;
      expect(change("+i", precious)).toBe(0);
      try {
        await world.ok(["delete", "a", "--force"]);
        expect(existsSync(path)).toBe(false);
        expect(await slugs(world)).toEqual(["main"]);
        await world.ok(["create", "b"]);
      } finally {
        for (const name of new Bun.Glob("**/precious.txt").scanSync({ cwd: world.directory, dot: true }))
          change("-i", join(world.directory, name));
      }
      expect(await eventually(() => existsSync(trash), Boolean)).toBe(true);
      await world.ok(["daemon", "stop"]);
      await world.ok(["list"]);
      expect(
        await eventually(
          () => existsSync(trash) && readdirSync(trash).length > 0,
          (left) => !left,
        ),
      ).toBe(false);
    },
    minute,
  );
});

test.skipIf(isRoot)(
  "a directory of worktrees without permission to write: delete keeps everything, and works when there is",
  async () => {
    await using world = await hermeticWorld({ files });
    const { precious } = await withWork(world);
    const parent = `${world.repository}.worktrees`;
    chmodSync(parent, 0o500);
    try {
      expectMachine(await world.wt(["delete", "a", "--force"]), /[Pp]ermission|permit/);
      expect(readFileSync(precious, "utf8")).toBe("precious\n");
    } finally {
      chmodSync(parent, 0o700);
    }
    await world.ok(["delete", "a", "--force"]);
    expect(await slugs(world)).toEqual(["main"]);
  },
  minute,
);

function whyNoAttributes(): string | null {
  if (!isRoot || process.platform !== "linux" || !Bun.which("chattr")) return "only root on Linux with chattr can forbid it";
  const directory = join(process.env.TMPDIR ?? "/tmp", `wt-chattr-${process.pid}`);
  mkdirSync(directory);
  const file = join(directory, "file");
  writeFileSync(file, "");
  const forbids = Bun.spawnSync(["chattr", "+i", file], { stderr: "ignore" }).exitCode === 0;
  Bun.spawnSync(["chattr", "-i", file], { stderr: "ignore" });
  Bun.spawnSync(["rm", "-rf", directory]);
  return forbids ? null : "this file system knows no such attribute";
}
