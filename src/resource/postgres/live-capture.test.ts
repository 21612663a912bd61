// Forks of a server under write load, proven whole: the sums that pgbench keeps equal are equal, every index agrees with its table, every table's
// pages are sound, nothing that was committed before is missing, and no client noticed.
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { type ImageKind, mountLoopImage, whyNoImage } from "../../os/loop-image.conformance.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { isVanished, replacedFile } from "./live-backup.ts";
import type { CaptureWay } from "./live-capture.ts";
import { withSession } from "./pg-session.ts";
import { createPostgresHarness, type PostgresHarness } from "./postgres-harness.conformance.ts";
import { adminTarget, serverPlace } from "./postmaster.ts";

setDefaultTimeout(120_000);

const programs = "/usr/lib/postgresql/15/bin";
const whyNoBench = !existsSync(`${programs}/pgbench`)
  ? "needs pgbench of PostgreSQL 15"
  : existsSync("/usr/share/postgresql/15/extension/amcheck.control")
    ? null
    : "needs the extension amcheck of PostgreSQL 15";

/** What has to be undone, last first. */
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function world(kind: ImageKind | null): Promise<PostgresHarness> {
  const image = kind === null ? null : mountLoopImage(kind, 3000);
  if (image) undo.push(() => image[Symbol.dispose]());
  const harness = await createPostgresHarness(image ? { parent: image.place } : {});
  undo.push(() => harness.dispose());
  return harness;
}

function asSuperuser<T>(spec: ResourceSpec, use: Parameters<typeof withSession<T>>[1]): Promise<T> {
  return withSession(adminTarget(serverPlace(spec.directory), spec.port ?? 0, "app"), use);
}

interface Load {
  /** Ends the load; gives what pgbench complained of: every client that failed or was disconnected. */
  end(): Promise<string>;
}

async function startLoad(spec: ResourceSpec, url: string): Promise<Load> {
  const env = { PATH: "/usr/bin:/bin", LC_ALL: "C" };
  const filled = Bun.spawnSync([`${programs}/pgbench`, "-i", "-q", "-s", "2", url], { env });
  if (filled.exitCode !== 0) throw new Error(filled.stderr.toString());
  await asSuperuser(spec, (session) => session.query("CREATE EXTENSION amcheck"));
  const child = Bun.spawn([`${programs}/pgbench`, "-n", "-c", "4", "-T", "600", "--rate=600", url], {
    env,
    stdout: "ignore",
    stderr: "pipe",
  });
  undo.push(() => child.kill("SIGKILL"));
  return {
    async end() {
      const ran = child.exitCode === null;
      child.kill("SIGINT");
      await child.exited;
      return `${ran ? "" : "pgbench ended by itself: "}${await new Response(child.stderr).text()}`;
    },
  };
}

const committed = (spec: ResourceSpec) =>
  asSuperuser(spec, async (session) => Number((await session.query("SELECT count(*) AS n FROM pgbench_history"))[0]?.n));

/** Every failure of the content, in words; empty: it is whole. */
async function flaws(spec: ResourceSpec): Promise<string[]> {
  return asSuperuser(spec, async (session) => {
    const found: string[] = [];
    const [sums] =
      await session.query(`SELECT (SELECT sum(bbalance) FROM pgbench_branches) AS b, (SELECT sum(tbalance) FROM pgbench_tellers) AS t,
      (SELECT sum(abalance) FROM pgbench_accounts) AS a, (SELECT coalesce(sum(delta), 0) FROM pgbench_history) AS h`);
    if (new Set(Object.values(sums ?? {})).size !== 1) found.push(`the sums differ: ${JSON.stringify(sums)}`);
    const [indexes] =
      await session.query(`SELECT count(bt_index_check(c.oid, true)::text) AS n FROM pg_class c JOIN pg_am m ON m.oid = c.relam
      WHERE m.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence = 'p'`);
    if (Number(indexes?.n) < 100) found.push(`only ${indexes?.n} indexes were looked at`);
    const rows = await session.query(`SELECT c.relname, h.blkno, h.msg FROM pg_class c, LATERAL verify_heapam(c.oid) h
      WHERE c.relkind IN ('r', 't', 'm') AND c.relpersistence = 'p'`);
    for (const row of rows) found.push(`${row.relname} block ${row.blkno}: ${row.msg}`);
    return found;
  });
}

interface Proof {
  name: string;
  kind: ImageKind | null;
  way: CaptureWay;
  settings?: Record<string, string>;
}

const proofs: Proof[] = [
  { name: "a snapshot, on btrfs", kind: "btrfs", way: "snapshot" },
  { name: "the backup functions and copies that share blocks, on xfs", kind: "xfs", way: "backup" },
  { name: "the backup functions and a plain copy", kind: null, way: "backup" },
  { name: "held still, where the log is too terse for a backup", kind: "xfs", way: "frozen", settings: { wal_level: "minimal" } },
];

const forks = 10;

describe("ten forks under load are whole, and nobody is disconnected", () => {
  for (const { name, kind, way, settings } of proofs) {
    const reason = whyNoBench ?? (kind === null ? null : whyNoImage(kind));
    const prove = async () => {
      const harness = await world(kind);
      const options = { version: 15, sleep: "never", ...(settings ? { settings } : {}) };
      const source = await harness.spec("source", options);
      const { variables } = await harness.driver.ensure(source, harness.call());
      const load = await startLoad(source, variables.DATABASE_URL ?? "");
      for (let number = 0; number < forks; number++) {
        const spec = await harness.spec(`fork${number}`, options);
        const before = await committed(source);
        await harness.driver.fork?.(spec, source, harness.call());
        expect(await flaws(spec)).toEqual([]);
        expect(await committed(spec)).toBeGreaterThanOrEqual(before);
        const record = await Bun.file(join(spec.directory, "branch.json")).json();
        expect({ way: record.forked.way, reports: harness.reports.at(-1) }).toMatchObject({ way });
        expect(existsSync(join(dirname(spec.directory), ".fork-db"))).toBe(false);
        await harness.driver.remove(spec);
      }
      expect(await committed(source)).toBeGreaterThan(100);
      expect(await load.end()).toBe("");
      expect(await flaws(source)).toEqual([]);
      expect(harness.failures).toEqual([]);
    };
    if (reason === null) test(name, prove);
    else test.skip(`${name} (skipped: ${reason})`, prove);
  }
});

describe("what cp says", () => {
  test("of a file that is gone", () => {
    expect(isVanished("cp: cannot stat '/d/base/5/1': No such file or directory")).toBe(true);
    expect(isVanished("cp: cannot open '/d/x' for reading: Permission denied")).toBe(false);
    expect(isVanished("cp: error writing '/d/x': No space left on device")).toBe(false);
  });

  test("of a file that another one replaced", () => {
    const line = (path: string) => `cp: skipping file '${path}', as it was replaced while being copied`;
    expect(replacedFile(line("/d/global/pg_filenode.map"), "/d")).toBe("global/pg_filenode.map");
    expect(replacedFile(line("/elsewhere/x"), "/d")).toBeNull();
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }).filter((text) => !text.includes("\n")),
        (name) => {
          expect(replacedFile(line(`/d/${name}`), "/d")).toBe(name);
        },
      ),
    );
  });
});
