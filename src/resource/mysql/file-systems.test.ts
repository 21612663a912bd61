// Copies on real file systems, as root: btrfs, xfs and a small ext4 in loop images.
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { type ImageKind, type LoopImage, mountLoopImage, whyNoImage } from "../../os/loop-image.conformance.ts";
import { read, write } from "./contract-client.conformance.ts";
import { createMysqlHarness, type MysqlHarness, query, whyNoServer } from "./mysql-harness.conformance.ts";

setDefaultTimeout(120_000);

let image: LoopImage | null = null;
let world: MysqlHarness | null = null;
afterEach(async () => {
  await world?.dispose();
  image?.[Symbol.dispose]();
  [world, image] = [null, null];
});

async function worldOn(kind: ImageKind, megabytes: number): Promise<MysqlHarness> {
  image = mountLoopImage(kind, megabytes);
  world = await createMysqlHarness({ parent: image.place });
  return world;
}

const onImage = (name: string, kind: ImageKind, run: () => Promise<void>) => {
  const why = whyNoServer ?? whyNoImage(kind);
  return why === null ? test(name, run) : test.skip(`${name} (skipped: ${why})`, run);
};

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => new WtError({ kind: "internal", code: "none", message: "nothing was thrown" }),
    (error: unknown) => error as WtError,
  );

describe("a branch", () => {
  for (const [kind, method] of [
    ["btrfs", "btrfs-snapshot"],
    ["xfs", "reflink"],
  ] as const) {
    onImage(`on ${kind} shares its template's blocks, forks and checkpoints too`, kind, async () => {
      const { driver, spec, call } = await worldOn(kind, 1000);
      const one = await spec("one");
      const connection = await driver.ensure(one, call());
      expect(await driver.observe(one)).toMatchObject({ state: "ready", detail: expect.stringContaining(`copy-on-write (${method})`) });
      await write(connection, "first");
      await driver.checkpoint(one, "kept");
      await write(connection, "second");
      const fork = await spec("fork");
      expect(await read((await driver.fork?.(fork, one, call())) ?? connection)).toBe("second");
      await driver.restore(one, "kept");
      expect(await read(connection)).toBe("first");
      const usage = await driver.usage(one);
      expect(usage.sharedBytes ?? 0).toBeGreaterThan(usage.exclusiveBytes ?? Number.POSITIVE_INFINITY);
    });
  }

  onImage("is not begun on a disk that is nearly full", "ext4", async () => {
    const { driver, spec, call } = await worldOn("ext4", 250);
    const made = await spec("one");
    const error = await failureOf(driver.ensure(made, call()));
    expect(error.code).toBe("disk_full");
    expect(error.message).toMatch(/^The database cannot be made: the disk of .* has \d+ MB free, and \d+ MB are needed\.$/);
    expect(existsSync(made.directory)).toBe(false);
  });

  onImage("whose migration fills the disk leaves nothing; the others stay, and go on once there is room", "ext4", async () => {
    const { driver, spec, call, worktree } = await worldOn("ext4", 700);
    const one = await spec("one");
    const connection = await driver.ensure(one, call());
    await write(connection, "kept");
    const filler = join(worktree, "filler");
    const { bavail, bsize } = statfsSync(worktree);
    const migrate = `head -c ${bavail * bsize} /dev/zero > ${filler}; mariadb -h "$MYSQL_HOST" -u "$MYSQL_USER" "$MYSQL_DATABASE" -e "CREATE TABLE big AS SELECT seq, REPEAT('x', 4000) FROM seq_1_to_50000"`;
    const two = await spec("two", { migrate });
    const error = await failureOf(driver.ensure(two, call()));
    expect(error.message).toMatch(/full|No space/);
    expect(existsSync(two.directory)).toBe(false);
    rmSync(filler);
    expect(await read(connection)).toBe("kept");
    await write(connection, "goes on");
    expect(await read(connection)).toBe("goes on");
    expect(readdirSync(join(worktree, "../state/mysql/building"))).toEqual([]);
  });

  onImage("that a full disk keeps from waking says so, and wakes once there is room", "ext4", async () => {
    const { driver, spec, call, worktree, failures } = await worldOn("ext4", 500);
    const one = await spec("one");
    const connection = await driver.ensure(one, call());
    await write(connection, "kept");
    await driver.sleep(one);
    const filler = join(worktree, "filler");
    const { bfree, bsize } = statfsSync(worktree);
    try {
      for (let left = bfree * bsize; left > 0; left -= 1 << 20) writeFileSync(filler, Buffer.alloc(Math.min(left, 1 << 20)), { flag: "a" });
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
    }
    const error = await failureOf(driver.wake(one));
    expect(error).toBeInstanceOf(WtError);
    expect(error.message).toMatch(/full|No space|ENOSPC/);
    rmSync(filler);
    await driver.wake(one);
    expect(await query(connection.values.url ?? "", "SELECT text FROM note")).toEqual([{ text: "kept" }]);
    failures.splice(0);
  });
});
