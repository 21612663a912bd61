// Copies on real file systems: the one the tests run on, and, as root, btrfs, xfs and a small ext4 in loop images.
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statfsSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WtError } from "../../errors/wt-error.ts";
import { plainCopy, probeCloneMethod } from "../../os/clone-method.ts";
import { defuse, refuseShared } from "./data-directory.ts";
import { createPostgresHarness } from "./postgres-harness.conformance.ts";

setDefaultTimeout(120_000);

/** What has to be undone, last first. */
const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0).reverse()) step();
});

function run(...command: string[]): string {
  const result = Bun.spawnSync(command, { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
  if (result.exitCode !== 0) throw new Error(`${command.join(" ")}: ${result.stderr.toString()}`);
  return result.stdout.toString().trim();
}

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "wt-fs-"));
  undo.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A file system of this kind in a file, mounted; taken away after the test. */
function mountImage(kind: string, megabytes: number): string {
  const directory = temporary();
  const image = join(directory, "image");
  writeFileSync(image, "");
  truncateSync(image, megabytes * 1024 * 1024);
  run(`mkfs.${kind}`, kind === "ext4" ? "-qF" : "-q", image);
  const device = run("losetup", "-f", "--show", image);
  undo.push(() => run("losetup", "-d", device));
  const place = join(directory, "mounted");
  mkdirSync(place);
  run("mount", device, place);
  undo.push(() => run("umount", place));
  chmodSync(place, 0o755);
  return place;
}

/** null: it can be done. */
function whyNot(kind: string): string | null {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "needs root on Linux";
  if (!Bun.which(`mkfs.${kind}`, { PATH: `${process.env.PATH}:/usr/sbin:/sbin` })) return `mkfs.${kind} is not installed`;
  if (Bun.spawnSync(["losetup", "-f"], { stdio: ["ignore", "ignore", "ignore"] }).exitCode !== 0) return "there are no loop devices";
  return null;
}

function testOn(kind: string, name: string, work: () => Promise<void>): void {
  const reason = whyNot(kind);
  if (reason) test.skip(`${name} (skipped: ${reason})`, work);
  else test(name, work);
}

for (const [kind, method] of [
  ["btrfs", "btrfs-snapshot"],
  ["xfs", "reflink"],
  ["ext4", "copy"],
] as const) {
  testOn(kind, `${kind}: branches are made by ${method}, share what they can, and are apart`, async () => {
    const world = await createPostgresHarness({ parent: mountImage(kind, 1200) });
    try {
      const storage = await world.driver.describeStorage();
      expect(storage).toMatchObject({ method, fileSystem: kind });
      const sharing = method !== "copy";
      if (sharing) expect(storage.proof).toMatch(/^a probe file and its copy lie in the same \d+ extent/);
      else expect(storage.rejected[0]).toMatchObject({ method: "reflink" });
      writeFileSync(
        join(world.worktree, "d.sql"),
        "CREATE TABLE big AS SELECT i, repeat('x', 500) AS text FROM generate_series(1, 40000) i;",
      );
      const options = { version: 18, from: "d.sql" };
      const specs = [await world.spec("one", options), await world.spec("two", options), await world.spec("three", options)];
      const urls: string[] = [];
      for (const spec of specs) urls.push((await world.driver.ensure(spec, world.call())).values.url ?? "");
      await world.query(urls[0]!, "UPDATE big SET text = 'mine' WHERE i <= 10");
      expect(await world.query(urls[1]!, "SELECT count(*)::int FROM big WHERE text = 'mine'")).toEqual([{ count: 0 }]);
      await world.driver.checkpoint(specs[0]!, "one");
      await world.query(urls[0]!, "DROP TABLE big");
      await world.driver.restore(specs[0]!, "one");
      expect(await world.query(urls[0]!, "SELECT count(*)::int FROM big WHERE text = 'mine'")).toEqual([{ count: 10 }]);
      const usage = await world.driver.usage(specs[1]!);
      if (sharing) {
        expect(usage.sharedBytes).toBeGreaterThan(40_000_000);
        expect(usage.exclusiveBytes).toBeLessThan(8_000_000);
      } else {
        expect(usage).toMatchObject({ sharedBytes: 0, how: "full copy (ext4 shares no blocks)" });
        expect(usage.exclusiveBytes).toBeGreaterThan(40_000_000);
      }
      for (const spec of specs) await world.driver.remove(spec);
      expect(world.failures).toEqual([]);
    } finally {
      await world.dispose();
    }
  });
}

testOn("ext4", "a disk without room is said so before anything is made, and nothing is left", async () => {
  const place = mountImage("ext4", 330);
  const world = await createPostgresHarness({ parent: place });
  try {
    const spec = await world.spec("one", { version: 18 });
    const freeBefore = statfsSync(place).bfree;
    const error = (await world.driver.ensure(spec, world.call()).catch((thrown: unknown) => thrown)) as WtError;
    expect(error.code).toBe("disk_full");
    expect(error.message).toMatch(/^The database cannot be made: the disk of .* has \d+ MB free, and \d+ MB are needed\.$/);
    expect(existsSync(spec.directory)).toBe(false);
    const building = join(world.state, "postgres/building");
    expect(existsSync(building) ? readdirSync(building) : []).toEqual([]);
    expect(freeBefore - statfsSync(place).bfree).toBeLessThan(20_000);
  } finally {
    await world.dispose();
  }
});

testOn("ext4", "a disk that fills up while a template is built takes nothing with it", async () => {
  const place = mountImage("ext4", 700);
  const world = await createPostgresHarness({ parent: place });
  try {
    writeFileSync(
      join(world.worktree, "d.sql"),
      "CREATE TABLE t AS SELECT i, repeat(md5(i::text), 60) AS x FROM generate_series(1, 400000) i;",
    );
    const spec = await world.spec("one", { version: 18, from: "d.sql" });
    const error = (await world.driver.ensure(spec, world.call()).catch((thrown: unknown) => thrown)) as WtError;
    expect(error.message).toMatch(/full|No space left/);
    expect(existsSync(spec.directory)).toBe(false);
    expect(readdirSync(join(world.state, "postgres/building"))).toEqual([]);
    const small = await world.spec("two", { version: 18 });
    const { values } = await world.driver.ensure(small, world.call());
    expect(await world.query(values.url ?? "", "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  } finally {
    await world.dispose();
  }
});

describe("the probe", () => {
  test("leaves nothing behind and says why better methods were not taken", async () => {
    const directory = temporary();
    const probe = await probeCloneMethod({ source: directory, target: directory, path: process.env.PATH ?? "", nowMs: 1 });
    expect(readdirSync(directory)).toEqual([]);
    expect(probe.proof).not.toBe("");
    if (probe.method === "copy") expect(probe.rejected[0]?.reason).not.toBe("");
  });

  test("on ZFS blocks are never cloned, not even by a plain copy", () => {
    expect(plainCopy("zfs")).toEqual(["cp", "-a", "--reflink=never"]);
    expect(plainCopy("ext4")).toEqual(["cp", "-a"]);
  });

  test("different file systems are not believed to share", async () => {
    if (!existsSync("/dev/shm")) return;
    const memory = mkdtempSync("/dev/shm/wt-fs-");
    undo.push(() => rmSync(memory, { recursive: true }));
    const probe = await probeCloneMethod({ source: temporary(), target: memory, path: process.env.PATH ?? "", nowMs: 1 });
    expect(probe.method).toBe("copy");
  });
});

describe("a data directory", () => {
  const fabricate = () => {
    const data = temporary();
    for (const name of ["pg_tblspc", "pg_wal", "base", "global", "pg_xact", "pg_replslot"]) mkdirSync(join(data, name));
    return data;
  };

  test("with tablespaces or a linked WAL is refused with the reason", () => {
    const spaces = fabricate();
    symlinkSync("/elsewhere", join(spaces, "pg_tblspc/16385"));
    expect(() => refuseShared(spaces)).toThrow(/it has tablespaces, which lie outside of it\.$/);
    const linked = fabricate();
    rmSync(join(linked, "pg_wal"), { recursive: true });
    symlinkSync("/elsewhere", join(linked, "pg_wal"));
    expect(() => refuseShared(linked)).toThrow(/pg_wal is a link to a place outside of it\.$/);
    refuseShared(fabricate());
  });

  test("loses what belongs to the server it was copied from", async () => {
    const data = fabricate();
    for (const name of ["postmaster.pid", "postmaster.opts", ".s.PGSQL.5432.lock", "standby.signal", "PG_VERSION"])
      writeFileSync(join(data, name), "");
    mkdirSync(join(data, "pg_replslot/production_slot"));
    writeFileSync(join(data, "pg_replslot/production_slot/state"), "");
    await defuse(data);
    expect(readdirSync(data).filter((name) => !/^(pg_|base|global)/.test(name))).toEqual(["PG_VERSION"]);
    expect(readdirSync(join(data, "pg_replslot"))).toEqual([]);
  });
});
