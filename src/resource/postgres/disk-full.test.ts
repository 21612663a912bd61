// A disk that fills up at each step, on a small ext4 of its own: one sentence, nothing half-made, and the other database serves on.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, existsSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { WtError } from "../../errors/wt-error.ts";
import { type LoopImage, mountLoopImage, whyNoImage } from "../../os/loop-image.conformance.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { createPostgresHarness, eventually, type PostgresHarness } from "./postgres-harness.conformance.ts";

setDefaultTimeout(180_000);

const whyNot = whyNoImage("ext4");
const mebi = 1024 * 1024;

let image: LoopImage;
let world: PostgresHarness;
let filler: string;

const freeBytes = () => {
  const { bavail, bsize } = statfsSync(image.place);
  return bavail * bsize;
};
const ballast = () => join(world.state, "postgres/ballast");

/** Takes room until so much is left; the ballast may be given free meanwhile. */
function fillUp(left: number): void {
  const chunk = Buffer.alloc(mebi, 7);
  for (;;) {
    const room = freeBytes() - left;
    if (room <= 0) return;
    try {
      appendFileSync(filler, room > mebi ? chunk : chunk.subarray(0, Math.max(4096, room)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      return;
    }
  }
}

async function made(name: string, options = {}): Promise<{ spec: ResourceSpec; url: string }> {
  const spec = await world.spec(name, { version: 18, ...options });
  return { spec, url: (await world.driver.ensure(spec, world.call())).values.url ?? "" };
}

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => new Error("it succeeded") as WtError,
    (error: unknown) => error as WtError,
  );

/** It answers, takes a small write where there is room, and can be taken away. */
async function servesOn({ spec, url }: { spec: ResourceSpec; url: string }): Promise<void> {
  expect(await world.query(url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  expect((await world.driver.observe(spec)).state).toBe("ready");
}

describe.skipIf(whyNot !== null)(`a full disk${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  beforeEach(async () => {
    image = mountLoopImage("ext4", 800);
    world = await createPostgresHarness({ parent: image.place });
    filler = join(image.place, "filler");
  });
  afterEach(async () => {
    rmSync(filler, { force: true });
    await world.dispose();
    image[Symbol.dispose]();
  });

  test("while a database is copied: refused before, nothing is made, the other serves on", async () => {
    const one = await made("one");
    fillUp(200 * mebi);
    const spec = await world.spec("two", { version: 18 });
    const error = await failureOf(world.driver.ensure(spec, world.call()));
    expect(error).toMatchObject({ code: "disk_full", kind: "machine" });
    expect(error.message).toMatch(/^The database cannot be made: the disk of .* has \d+ MB free, and \d+ MB are needed\.$/);
    expect(existsSync(spec.directory)).toBe(false);
    await servesOn(one);
    await world.driver.remove(one.spec);
  });

  test("while it migrates: the command fails, nothing of it stays, the other serves on", async () => {
    const one = await made("one");
    writeFileSync(
      join(world.worktree, "migrate.ts"),
      `import { SQL } from "bun"; const sql = new SQL(process.env.DATABASE_URL, { max: 1 });
try { await sql.unsafe("CREATE TABLE huge AS SELECT i, repeat(md5(i::text), 60) AS x FROM generate_series(1, 900000) i"); }
catch (error) { console.error(error.message); process.exit(1); } await sql.close();`,
    );
    const spec = await world.spec("two", { version: 18, migrate: `${process.execPath} migrate.ts` });
    const error = await failureOf(world.driver.ensure(spec, world.call()));
    expect(error.message).toContain("failed");
    expect(existsSync(spec.directory)).toBe(false);
    await servesOn(one);
    await eventually(() => expect(existsSync(ballast())).toBe(true), 20_000);
    await world.query(one.url, "CREATE TABLE t AS SELECT 1 AS a");
  });

  test("while one writes: it is stopped and stays so, the other serves on and wakes; the one can be taken away, and then there is room", async () => {
    const [one, two] = [await made("one"), await made("two")];
    await world.query(two.url, "CREATE TABLE kept AS SELECT i FROM generate_series(1, 1000) i");
    await eventually(() => expect(existsSync(ballast())).toBe(true), 20_000);
    // What is committed stays: room does not come back by itself.
    const writer = (async () => {
      await world.query(one.url, "CREATE TABLE huge (i int, x text)");
      for (;;) await world.query(one.url, "INSERT INTO huge SELECT i, repeat(md5(i::text), 60) FROM generate_series(1, 4000) i");
    })();
    const error = await failureOf(writer);
    await eventually(async () => {
      const again = await failureOf(world.query(one.url, "SELECT 1"));
      // It was stopped, or ended by itself before that and has no room to start.
      expect(`${error.message} ${again.message}`).toMatch(/grew until the disk|the disk of .* is full/);
    }, 30_000);
    expect(await world.query(two.url, "SELECT count(*)::int AS count FROM kept")).toEqual([{ count: 1000 }]);
    await world.query(two.url, "INSERT INTO kept VALUES (1001)");
    await eventually(async () => expect(await world.driver.sleep(two.spec)).toBe(true));
    expect(await world.query(two.url, "SELECT count(*)::int AS count FROM kept")).toEqual([{ count: 1001 }]);
    expect((await world.driver.observe(one.spec)).state).toBe("broken");
    // A person may start it all the same, to make room in it, if there is still room to start.
    const refused = await world.driver.wake(one.spec).then(
      () => null,
      (thrown: unknown) => thrown as WtError,
    );
    if (refused) expect(refused.code).toBe("disk_full");
    else await world.query(one.url, "DROP TABLE huge").then(() => servesOn(one));
    // How much of its log it keeps for later is its own affair; with it gone there is room for certain.
    await world.driver.remove(one.spec);
    expect(existsSync(one.spec.directory)).toBe(false);
    await eventually(() => expect(existsSync(ballast())).toBe(true), 20_000);
  });

  test("while it starts: the ballast gives it room; without any it is one sentence, and it starts when there is room", async () => {
    const one = await made("one");
    await world.query(one.url, "CREATE TABLE kept AS SELECT i FROM generate_series(1, 1000) i");
    await eventually(() => expect(existsSync(ballast())).toBe(true), 20_000);
    await eventually(async () => expect(await world.driver.sleep(one.spec)).toBe(true));
    fillUp(0);
    expect(await world.query(one.url, "SELECT count(*)::int AS count FROM kept")).toEqual([{ count: 1000 }]);
    expect(existsSync(ballast())).toBe(false);
    await eventually(async () => expect(await world.driver.sleep(one.spec)).toBe(true));
    fillUp(0);
    const error = await world.driver.wake(one.spec).then(
      () => null,
      (thrown: unknown) => thrown as WtError,
    );
    if (error) {
      expect(error.code).toBe("disk_full");
      expect(error.message).toMatch(/^PostgreSQL cannot start: the disk of .* is full\.$/);
    }
    rmSync(filler);
    await world.driver.wake(one.spec);
    expect(await world.query(one.url, "SELECT count(*)::int AS count FROM kept")).toEqual([{ count: 1000 }]);
    expect(readdirSync(one.spec.directory).filter((name) => /next|previous/.test(name))).toEqual([]);
  });
});
