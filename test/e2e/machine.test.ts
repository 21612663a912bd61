// What the machine can refuse: no git, full disks, read-only directories. One sentence, nothing left, and everything works again afterwards.
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { hermeticWorld } from "../support/hermetic-world.ts";
import { expectRefusal, expectSentence, leavesNothing } from "../support/refusal.ts";
import { noDisks, smallDisk } from "../support/small-disk.ts";

const minute = 60_000;
const files = { "wt.yaml": "services: { idle: { run: exec sleep 1000, port: none } }\n", "file.txt": "1\n" };
const isRoot = process.getuid?.() === 0;
if (noDisks) console.log(`Skipped: tests of full disks, because ${noDisks}.`);

describe("without git on the PATH", () => {
  test(
    "the sentence says so, also where a daemon runs that has one",
    async () => {
      await using world = await hermeticWorld({ files });
      const path = join(world.directory, "without-git");
      mkdirSync(path);
      // What the launcher of the checkout itself needs.
      for (const name of ["sh", "dirname", "readlink"]) symlinkSync(Bun.which(name) ?? "", join(path, name));
      const env = { PATH: path };
      const refusal = { env, kind: "machine" as const, code: "git_missing", names: ["git"], hint: "git" };
      await leavesNothing(world, () => expectRefusal(world, ["create", "a"], refusal));
      await world.ok(["daemon", "stop"]);
      await expectRefusal(world, ["create", "a"], refusal);
      const outside = join(world.directory, "home");
      for (const args of [["list"], ["create", "a"]]) await expectRefusal(world, args, { ...refusal, cwd: outside });
      expect((await world.wt(["doctor"], { env })).stdout).toContain("git");
      for (const args of [["--version"], ["--help"], ["daemon", "status"]]) expect((await world.wt(args, { env })).code).toBe(0);
      await world.ok(["daemon", "stop"]);
      await world.ok(["create", "a"]);
    },
    minute,
  );
});

describe.skipIf(noDisks !== null)("a full disk", () => {
  test(
    "under the worktrees: create is undone, and succeeds when there is space",
    async () => {
      await using world = await hermeticWorld({ files: { ...files, "large.bin": "x".repeat(400_000) } });
      const parent = `${world.repository}.worktrees`;
      using disk = smallDisk(parent, "1m");
      disk.fill();
      await leavesNothing(world, () =>
        expectRefusal(world, ["create", "a"], { kind: "machine", code: "disk_full", names: [/full|space/], hint: /space/ }),
      );
      disk.empty();
      await world.ok(["create", "a"]);
      // Full during setup, too.
      await world.ok(["delete", "a"]);
      await world.write({ "wt.yaml": 'setup: ["head -c 3000000 /dev/zero > large"]\n', ".gitignore": "large\n" });
      await world.commit("a setup that fills the disk");
      await world.ok(["trust", "--yes"]);
      await leavesNothing(world, async () => {
        const ran = await world.wt(["create", "b"]);
        expectSentence(ran, { kind: "machine", code: "setup_failed", names: ["setup[0]"] });
        expect(ran.stderr).toMatch(/No space left/);
      });
    },
    minute,
  );

  test(
    "under the state: what runs goes on and can be stopped, nothing new begins, and deleting works",
    async () => {
      await using world = await hermeticWorld();
      {
        using disk = smallDisk(join(world.directory, "state"), "8m");
        try {
          await world.write(files);
          await world.commit("first");
          await world.ok(["trust", "--yes"]);
          await world.ok(["create", "a"]);
          await world.ok(["create", "b"]);
          disk.fill();
          await expectRefusal(world, ["create", "c"], { kind: "machine", code: "ledger_full", names: [/full/, "ledger"], hint: /room/ });
          expect(await world.git(["branch", "--list", "c"])).toBe("");
          expect(existsSync(`${world.repository}.worktrees/c`)).toBe(false);
          expect((await world.list()).environments.map(({ slug, status }) => `${slug} ${status}`).sort()).toEqual([
            "a Healthy",
            "b Healthy",
            "main Stopped",
          ]);
          await world.ok(["down", "a"]);
          await world.ok(["delete", "a"]);
          await world.ok(["delete", "b"]);
          expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
          disk.fill();
          await world.ok(["daemon", "stop"]);
          // A daemon can start on a full disk and say what is there.
          expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
          disk.empty();
          await world.ok(["create", "c"]);
        } finally {
          await world.wt(["daemon", "stop", "--services"]);
        }
      }
    },
    minute,
  );

  test(
    "from the start: the sentence names the directory",
    async () => {
      await using world = await hermeticWorld();
      using disk = smallDisk(join(world.directory, "state"), "64k");
      disk.fill();
      for (const args of [["list"], ["create", "a"]]) {
        const ran = await world.wt(args);
        expectSentence(ran, { kind: "machine", code: "", names: [join(world.directory, "state")] });
        expect(ran.stderr).toMatch(/full|space/);
      }
      expect(world.processes()).toEqual([]);
    },
    minute,
  );
});

describe("a read-only directory", () => {
  test.skipIf(noDisks !== null)(
    "for the worktrees: create is refused and nothing is left",
    async () => {
      await using world = await hermeticWorld({ files });
      using disk = smallDisk(`${world.repository}.worktrees`);
      disk.readOnly(true);
      await leavesNothing(world, () =>
        expectRefusal(world, ["create", "a"], {
          kind: "machine",
          code: "directory_unusable",
          names: [`${world.repository}.worktrees`, "read-only"],
          hint: "worktrees:",
        }),
      );
      disk.readOnly(false);
      await world.ok(["create", "a"]);
    },
    minute,
  );

  test.skipIf(noDisks !== null).each(["state", "run"])(
    "for the daemon's own files in %s: every command says which",
    async (name) => {
      await using world = await hermeticWorld();
      using disk = smallDisk(join(world.directory, name));
      disk.readOnly(true);
      for (const args of [["list"], ["create", "a"]]) {
        const ran = await world.wt(args);
        expectSentence(ran, { kind: "machine", code: "", names: [join(world.directory, name)] });
      }
      expect(world.processes()).toEqual([]);
    },
    minute,
  );

  test.skipIf(isRoot)(
    "by its mode: worktrees, state and runtime directories",
    async () => {
      await using world = await hermeticWorld({ files });
      const locked = (path: string): Disposable => {
        mkdirSync(path, { recursive: true });
        chmodSync(path, 0o500);
        return { [Symbol.dispose]: () => chmodSync(path, 0o700) };
      };
      {
        using _ = locked(`${world.repository}.worktrees`);
        await leavesNothing(world, () =>
          expectRefusal(world, ["create", "a"], { kind: "machine", code: "directory_unusable", names: [`${world.repository}.worktrees`] }),
        );
      }
      await world.ok(["daemon", "stop"]);
      for (const [variable, name] of [
        ["XDG_STATE_HOME", "other-state"],
        ["XDG_RUNTIME_DIR", "other-run"],
      ] as const) {
        const path = join(world.directory, name);
        using _ = locked(path);
        const ran = await world.wt(["list"], { env: { [variable]: path } });
        expectSentence(ran, { kind: "machine", code: "", names: [path] });
        expect(readdirSync(path)).toEqual([]);
      }
    },
    minute,
  );

  test(
    "where a file stands in the way",
    async () => {
      await using world = await hermeticWorld({ files });
      await Bun.write(`${world.repository}.worktrees`, "a file\n");
      await leavesNothing(world, () =>
        expectRefusal(world, ["create", "a"], { kind: "machine", code: "directory_unusable", names: [`${world.repository}.worktrees`] }),
      );
    },
    minute,
  );
});
