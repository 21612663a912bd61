// Databases as overlays upon their template, on the file system the tests run on and, as root, on an ext4 of its own.
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, chownSync, existsSync, mkdtempSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { WtError } from "../../errors/wt-error.ts";
import { probeOverlay } from "../../os/overlay-directory.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { createPostgresHarness, eventually, type PostgresHarness } from "./postgres-harness.conformance.ts";
import { findServer, serverPlace } from "./postmaster.ts";
import { findServerProcesses } from "./server-spawn.ts";

setDefaultTimeout(120_000);

const whyNot = await (async () => {
  const place = mkdtempSync(join(tmpdir(), "wt-ov-"));
  try {
    const outcome = await probeOverlay(place, place);
    return "reason" in outcome ? outcome.reason : null;
  } finally {
    rmSync(place, { recursive: true });
  }
})();

const ordinaryId = 65_534;
const ordinaryUser = ["setpriv", `--reuid=${ordinaryId}`, `--regid=${ordinaryId}`, "--clear-groups", "--"];

let world: PostgresHarness;
let begun: PostgresHarness | null = null;
afterEach(async () => {
  const used = begun;
  begun = null;
  await used?.dispose();
  if (used) expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(used.directory);
});

const tables = `CREATE TABLE big AS SELECT i, repeat('x', 500) AS text FROM generate_series(1, 40000) i;
CREATE TABLE small AS SELECT i FROM generate_series(1, 10) i;`;
const options = { version: 18, from: "d.sql" };

async function begin(): Promise<void> {
  world = await createPostgresHarness({ overlayFromBytes: 0 });
  begun = world;
  writeFileSync(join(world.worktree, "d.sql"), tables);
}

async function made(name: string) {
  const spec = await world.spec(name, options);
  const { values } = await world.driver.ensure(spec, world.call());
  return { spec, url: values.url ?? "", place: serverPlace(spec.directory) };
}

const count = async (url: string, where = "true") =>
  (await world.query(url, `SELECT count(*)::int AS count FROM big WHERE ${where}`))[0]?.count;

/** Such as a container where other users cannot reach the programs. */
const whyNoUser = (() => {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "it is one already, or this is no Linux";
  const asUser = [...ordinaryUser, process.execPath, "--version"];
  return Bun.spawnSync(asUser, { cwd: import.meta.dir, stdio: ["ignore", "ignore", "ignore"] }).exitCode === 0
    ? null
    : "another user cannot run this program";
})();

test.skipIf(whyNot !== null || whyNoUser !== null)(
  `as an ordinary user, in a user namespace${whyNoUser ? ` (skipped: ${whyNoUser})` : ""}`,
  async () => {
    const home = mkdtempSync(join(tmpdir(), "wt-ov-"));
    try {
      chownSync(home, ordinaryId, ordinaryId);
      const command = [...ordinaryUser, process.execPath, "test", import.meta.path, "-t", "are apart|kill -9 of the server"];
      const child = Bun.spawn(command, {
        cwd: import.meta.dir,
        env: { ...process.env, HOME: home, TMPDIR: home },
        stderr: "pipe",
        stdout: "pipe",
      });
      const [output] = await Promise.all([new Response(child.stderr).text(), child.exited]);
      // Where ordinary users may not make namespaces the probe says so, and everything in there is passed over.
      expect(output).toMatch(/\n 2 pass\n|\(skipped: [^)]+\)/);
      expect(child.exitCode).toBe(0);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  },
);

describe.skipIf(whyNot !== null)(`overlays${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  test("are apart, say what they are, and share what was not touched", async () => {
    await begin();
    expect((await world.driver.describeStorage()).large).toMatchObject({ method: "overlay" });
    const [one, two] = [await made("one"), await made("two")];
    const before = await world.driver.usage(one.spec);
    expect(before.how).toMatch(/^overlay/);
    expect(before.sharedBytes).toBeGreaterThan(20_000_000);
    await world.query(one.url, "UPDATE big SET text = 'mine' WHERE i <= 10; CREATE TABLE extra (i int)");
    expect(await count(two.url, "text = 'mine'")).toBe(0);
    expect(await count(one.url, "text = 'mine'")).toBe(10);
    const after = await world.driver.usage(one.spec);
    expect(after.exclusiveBytes ?? 0).toBeGreaterThan((before.exclusiveBytes ?? 0) + 20_000_000);
    expect(after.sharedBytes ?? 0).toBeLessThan((before.sharedBytes ?? 0) - 20_000_000);
    expect(await world.driver.observe(one.spec)).toMatchObject({ state: "ready", detail: expect.stringContaining("overlay") });
    await world.driver.remove(one.spec);
    expect(existsSync(one.spec.directory)).toBe(false);
    expect(await count(two.url)).toBe(40_000);
    expect(world.failures).toEqual([]);
  });

  test("checkpoint, restore, reset, with tables and databases that came and went", async () => {
    await begin();
    const { spec, url } = await made("one");
    await world.query(url, "CREATE DATABASE other");
    await world.query(url, "UPDATE big SET text = 'kept' WHERE i <= 10; DROP TABLE small; CREATE INDEX ON big (i)");
    await world.query(url, "VACUUM FULL big");
    await world.driver.checkpoint(spec, "one");
    await world.query(url, "DROP TABLE big");
    await world.query(url, "DROP DATABASE other");
    await world.driver.checkpoint(spec, "two");
    await world.driver.restore(spec, "one");
    expect(await count(url, "text = 'kept'")).toBe(10);
    expect(await world.query(url, "SELECT to_regclass('small') AS small")).toEqual([{ small: null }]);
    expect(await world.query(url.replace(/\/app$/, "/other"), "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await world.driver.restore(spec, "two");
    expect(await world.query(url, "SELECT to_regclass('big') AS big")).toEqual([{ big: null }]);
    await world.driver.reset(spec, world.call());
    expect(await count(url)).toBe(40_000);
    expect(await world.query(url, "SELECT count(*)::int AS count FROM small")).toEqual([{ count: 10 }]);
    await world.driver.removeCheckpoint(spec, "one");
    expect(world.failures).toEqual([]);
  });

  test("a fork of a running one has its content and lies upon the same template", async () => {
    await begin();
    const { spec, url, place } = await made("one");
    await world.query(url, "UPDATE big SET text = 'mine' WHERE i <= 10");
    const fork = await world.spec("two", options);
    const forked = (await world.driver.fork?.(fork, spec, world.call()))?.values.url ?? "";
    expect(await count(forked, "text = 'mine'")).toBe(10);
    await world.query(forked, "UPDATE big SET text = 'other' WHERE i <= 10");
    expect(await count(url, "text = 'mine'")).toBe(10);
    expect(readlinkSync(join(serverPlace(fork.directory).data, "lower"))).toBe(readlinkSync(join(place.data, "lower")));
    expect(world.failures).toEqual([]);
  });

  test("sleep leaves no process and no mount; a connection wakes", async () => {
    await begin();
    const { spec, url, place } = await made("one");
    await world.query(url, "UPDATE big SET text = 'mine' WHERE i <= 10");
    await eventually(async () => expect(await world.driver.sleep(spec)).toBe(true));
    expect(await findServerProcesses(place.data)).toEqual([]);
    expect(await count(url, "text = 'mine'")).toBe(10);
  });

  test("kill -9 of the server, then of the daemon too: what was committed is there", async () => {
    await begin();
    const { spec, url, place } = await made("one");
    await world.query(url, "UPDATE big SET text = 'mine' WHERE i <= 10");
    process.kill((await findServer(place))?.pid ?? 0, "SIGKILL");
    await eventually(async () => expect(await count(url, "text = 'mine'")).toBe(10));
    // The next daemon finds it by its directory alone.
    rmSync(place.identity);
    const runs = await findServer(place);
    expect(runs).not.toBeNull();
    await world.driver.close();
    const next = world.next();
    await next.adopt(spec);
    expect(await next.observe(spec)).toMatchObject({ state: "ready" });
    process.kill(runs?.pid ?? 0, "SIGKILL");
    await eventually(async () => expect(await count(url, "text = 'mine'")).toBe(10));
  });

  test("a template that is gone or another one is said, and nothing is mounted", async () => {
    await begin();
    const { spec, url, place } = await made("one");
    await eventually(async () => expect(await world.driver.sleep(spec)).toBe(true));
    const template = dirname(readlinkSync(join(place.data, "lower")));
    renameSync(template, `${template}.away`);
    const error = (await world.driver.wake(spec).catch((thrown: unknown) => thrown)) as WtError;
    expect(error).toMatchObject({ code: "postgres_template_gone" });
    expect(error.message).toContain(template);
    renameSync(`${template}.away`, template);
    await world.driver.wake(spec);
    expect(await count(url)).toBe(40_000);
  });

  test("a template that was changed stays for those that lie upon it; the next one gets another", async () => {
    await begin();
    const at = (spec: ResourceSpec) => ({ ...spec, directory: join(world.state, "environments", spec.environmentId, "resources/db") });
    const one = at(await world.spec("one", options));
    const { values } = await world.driver.ensure(one, world.call());
    const template = dirname(readlinkSync(join(one.directory, "data/lower")));
    appendFileSync(join(template, "data/postgresql.conf"), "# somebody was here\n");
    const two = at(await world.spec("two", options));
    await world.driver.ensure(two, world.call());
    expect(dirname(readlinkSync(join(two.directory, "data/lower")))).not.toBe(template);
    await eventually(async () => expect(await world.driver.sleep(one)).toBe(true));
    expect(await count(values.url ?? "")).toBe(40_000);
    for (const spec of [one, two]) await world.driver.remove(spec);
  });
});
