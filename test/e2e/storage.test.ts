// `wt db storage`: a file system for databases in a file. Mounting is for root, so most of it is passed over elsewhere.
import { describe, expect, test } from "bun:test";
import { chownSync, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { type HermeticWorld, hermeticWorld } from "../support/hermetic-world.ts";
import { noDisks } from "../support/small-disk.ts";

const minutes = 180_000;
const files = {
  "wt.yaml": "project: shop\nresources:\n  db: { type: postgres, from: d.sql }\n",
  "d.sql": "CREATE TABLE big AS SELECT i, repeat('x', 500) AS text FROM generate_series(1, 20000) i;",
};

const programs = ["mkfs.btrfs", "btrfs", "mkfs.xfs", "losetup"];
const missing = programs.find((program) => !Bun.which(program, { PATH: `${process.env.PATH}:/usr/sbin:/sbin` }));
const loops = Bun.spawnSync(["losetup", "-f"], { stdio: ["ignore", "ignore", "ignore"] }).exitCode === 0;
const whyNot = noDisks ?? (missing ? `${missing} is not installed` : loops ? null : "there are no loop devices");

const stateOf = (world: HermeticWorld) => join(world.directory, "state/worldtree");
const mounted = (world: HermeticWorld) => readFileSync("/proc/self/mounts", "utf8").includes(join(stateOf(world), "storage"));
const unmount = (world: HermeticWorld) => Bun.spawnSync(["umount", join(stateOf(world), "storage")]);

/** Also after a failure, with servers that run. */
async function giveBack(world: HermeticWorld): Promise<void> {
  if (!mounted(world)) return;
  await world.wt(["daemon", "stop", "--services"]);
  Bun.spawnSync(["umount", "--lazy", join(stateOf(world), "storage")]);
}

async function rows(world: HermeticWorld, name: string): Promise<number> {
  const sql = new SQL((await world.ok(["db", "url", "-e", name])).trim(), { max: 1, connectionTimeout: 10 });
  try {
    return Number((await sql.unsafe("SELECT count(*)::int AS count FROM big"))[0].count);
  } finally {
    await sql.close({ timeout: 0 });
  }
}

async function findings(world: HermeticWorld): Promise<{ code: string; message: string; fix: string | null }[]> {
  return JSON.parse((await world.wt(["doctor", "--json"])).stdout).findings;
}

async function usage(world: HermeticWorld, name: string): Promise<{ exclusiveBytes: number; sharedBytes: number }> {
  return JSON.parse(await world.ok(["db", "usage", "-e", name, "--json"])).resources[0].usage;
}

describe.skipIf(whyNot !== null)(`as root${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  for (const kind of ["btrfs", "xfs"]) {
    test(
      `${kind}: what was there goes on, what is new shares its blocks; not mounted it is not made again`,
      async () => {
        await using world = await hermeticWorld({ files });
        try {
          await world.ok(["create", "before"]);
          const shown = await world.ok(["db", "storage", "create", "--size", "600M", "--fs", kind]);
          expect(shown).toContain("/etc/fstab");
          expect(mounted(world)).toBe(true);
          expect((await world.wt(["db", "storage", "create", "--size", "600M"])).stderr).toContain(
            "There is a storage for databases already",
          );
          await world.ok(["create", "a"]);
          await world.ok(["create", "b"]);
          expect(await rows(world, "before")).toBe(20_000);
          expect((await usage(world, "b")).sharedBytes).toBeGreaterThan(10_000_000);
          expect((await usage(world, "before")).sharedBytes).toBe(0);
          const storage = (await findings(world)).find(({ code }) => code === "storage");
          expect(storage?.message).toMatch(
            kind === "btrfs" ? /by btrfs-snapshot on btrfs: a probe file/ : /by reflink on xfs: a probe file/,
          );

          // As after a restart of the machine.
          for (const name of ["a", "b"]) await world.ok(["db", "stop", "-e", name]);
          await world.ok(["daemon", "stop"]);
          unmount(world);
          const finding = (await findings(world)).find(({ code }) => code === "storage_unmounted");
          expect(finding?.fix).toBe("wt db storage mount");
          expect((await world.status("a")).resources[0]?.state).toBe("Broken");
          const refused = await world.wt(["create", "c"]);
          expect(refused.code).not.toBe(0);
          expect(refused.stderr).toContain("The storage for databases cannot be used: it is not mounted.");
          expect((await world.wt(["delete", "b"])).stderr).toContain("it is not mounted");
          expect(await rows(world, "before")).toBe(20_000);
          expect(readdirSync(join(stateOf(world), "storage"))).toEqual([]);
          expect((await world.wt(["db", "storage", "remove"])).stderr).toContain("it is not mounted");

          await world.ok(["db", "storage", "mount"]);
          expect(await rows(world, "a")).toBe(20_000);
          const inUse = (await world.wt(["db", "storage", "remove"])).stderr;
          expect(inUse).toContain("lie in the storage and would be lost with it");
          expect(inUse).toContain("wt undelete <name> --purge");
          // The deletion that could not reach it has been carried on by the daemon.
          for (const name of ["a", "b", "c"]) await world.wt(["delete", name, "--force"]);
          await world.ok(["db", "storage", "remove"]);
          expect(mounted(world)).toBe(false);
          expect(readdirSync(stateOf(world)).filter((name) => name.startsWith("storage"))).toEqual([]);
          await world.ok(["create", "after"]);
          expect(await rows(world, "after")).toBe(20_000);
          expect(JSON.parse(await world.ok(["db", "storage", "show", "--json"]))).toEqual({ schema: 1, state: "none" });
          for (const name of ["before", "after"]) await world.ok(["delete", name, "--force"]);
        } finally {
          await giveBack(world);
        }
      },
      minutes,
    );
  }

  test(
    "an ordinary user without a terminal is told the exact commands, and carries on after them",
    async () => {
      await using world = await hermeticWorld();
      try {
        for (const name of ["", "home", "state", "config", "run", "repo"]) chownSync(join(world.directory, name), 65_534, 65_534);
        const program = process.env.WT_TEST_BINARY ?? join(import.meta.dir, "../../bin/wt");
        const wt = (...args: string[]) => {
          const command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", program, ...args];
          const ran = Bun.spawnSync(command, { cwd: join(world.directory, "home"), env: world.env, stdin: "ignore" });
          return { code: ran.exitCode, stdout: ran.stdout.toString(), stderr: ran.stderr.toString() };
        };
        const refused = wt("db", "storage", "create", "--size", "600M", "--fs", "xfs");
        expect(refused.stderr).toContain("Only root may do the rest, and there is no terminal to ask in.");
        const commands = refused.stderr
          .split("\n")
          .flatMap((line) => (line.includes("→ sudo ") ? [line.slice(line.indexOf("sudo ") + 5)] : []));
        expect(commands).toHaveLength(2);
        expect(JSON.parse(wt("db", "storage", "show", "--json").stdout)).toMatchObject({ state: "unmounted", reason: "it is not mounted" });
        for (const command of commands) expect(Bun.spawnSync(["sh", "-c", command]).exitCode).toBe(0);
        expect(wt("db", "storage", "mount").code).toBe(0);
        const place = join(stateOf(world), "storage");
        expect(readlinkSync(join(stateOf(world), "postgres"))).toBe(join(place, "postgres"));
        expect(lstatSync(join(place, "postgres")).uid).toBe(65_534);
        const left = wt("db", "storage", "remove");
        expect(left.stderr).toContain(`sudo umount ${place}`);
        unmount(world);
        expect(wt("db", "storage", "remove", "--force").code).toBe(0);
        expect(existsSync(join(stateOf(world), "storage.img"))).toBe(false);
        expect(wt("daemon", "stop").code).toBe(0);
      } finally {
        await giveBack(world);
      }
    },
    minutes,
  );
});

test("what cannot be is refused before anything is made", async () => {
  await using world = await hermeticWorld();
  const said = async (...args: string[]) => (await world.wt(["db", "storage", ...args])).stderr;
  if (process.platform === "linux") {
    expect(await said("create")).toContain("--size is missing.");
    expect(await said("create", "--size", "much")).toContain('--size "much" is no size.');
    expect(await said("create", "--size", "10M")).toContain("--size 10M is too small");
    expect(await said("create", "--size", "900000T", "--fs", "ext4")).toContain('--fs "ext4" is not known.');
    if (!missing) expect(await said("create", "--size", "900000T")).toContain("900000T do not fit");
  }
  expect(await said("mount")).toContain("There is no storage for databases.");
  expect(await said("remove")).toContain("There is no storage for databases.");
  expect(readdirSync(stateOf(world)).filter((name) => name.startsWith("storage"))).toEqual([]);
});
