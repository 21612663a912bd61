import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import {
  ensureResourcePlace,
  fstabLine,
  mountCommands,
  observeStorage,
  parseSize,
  parseStorageRecord,
  removeStorageLinks,
  type StorageRecord,
  storagePaths,
  takeOverStore,
  templatesLainUpon,
  unreachable,
  writeStorageRecord,
} from "./storage-image.ts";

let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "wt-storage-"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const record = (): StorageRecord => {
  const { image, place } = storagePaths(state);
  return { schema: 1, kind: "btrfs", bytes: 1 << 30, image, place, createdAtMs: 1 };
};

describe("parseSize", () => {
  test.each([
    ["20G", 20 * 1024 ** 3],
    ["512m", 512 * 1024 ** 2],
    ["1.5T", 1.5 * 1024 ** 4],
    ["20 GiB", 20 * 1024 ** 3],
    ["20GB", 20 * 1024 ** 3],
  ])("%s", (text, bytes) => expect(parseSize(text)).toBe(bytes));

  test.each(["", "20", "G", "-1G", "20K", "1e3G", "20G20", "٣G"])("%p is none", (text) => expect(parseSize(text)).toBeNull());

  test("gives whole sectors, never negative, and never throws", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const bytes = parseSize(text);
        expect(bytes === null || (bytes >= 0 && bytes % 4096 === 0)).toBe(true);
      }),
    );
    fc.assert(fc.property(fc.integer({ min: 0, max: 999_999 }), (count) => expect(parseSize(`${count}M`)).toBe(count * 1024 ** 2)));
  });
});

test("a record is what we wrote, or nothing", () => {
  expect(parseStorageRecord(JSON.stringify(record()))).toEqual(record());
  for (const text of [
    "",
    "null",
    "[]",
    '{"schema":2}',
    JSON.stringify({ ...record(), kind: "ext4" }),
    JSON.stringify({ ...record(), bytes: "1" }),
  ])
    expect(parseStorageRecord(text)).toBeNull();
  fc.assert(fc.property(fc.jsonValue(), (value) => expect(parseStorageRecord(JSON.stringify(value))).toBeNull()));
});

test("paths with spaces are one word for fstab and for mount", () => {
  const odd = { ...record(), image: "/home/a b/storage.img" };
  expect(fstabLine(odd)).toStartWith("/home/a\\040b/storage.img ");
  expect(mountCommands(odd, { uid: 5, gid: 6 })).toEqual([
    ["mount", "-o", "loop,noatime,discard,user_subvol_rm_allowed", "/home/a b/storage.img", odd.place],
    ["chown", "5:6", odd.place],
  ]);
});

describe("while it is not mounted", () => {
  beforeEach(async () => {
    await writeStorageRecord(state, record());
    writeFileSync(record().image, "");
    mkdirSync(record().place);
  });

  test("nothing is made in its place, and what leads into it is out of reach", async () => {
    expect(observeStorage(state)).toMatchObject({ state: "unmounted", reason: "it is not mounted" });
    expect(await ensureResourcePlace(state, "e1").catch((error: Error) => error.message)).toContain("it is not mounted");
    expect(readdirSync(record().place)).toEqual([]);
    mkdirSync(join(state, "environments/in"), { recursive: true });
    symlinkSync(join(record().place, "environments/in/resources"), join(state, "environments/in/resources"));
    mkdirSync(join(state, "environments/out/resources/db"), { recursive: true });
    expect(unreachable(state, join(state, "environments/in/resources/db"))?.code).toBe("storage_unmounted");
    expect(unreachable(state, join(state, "environments/out/resources/db"))).toBeNull();
    expect(unreachable(state, join(state, "environments/out/resources/never"))).toBeNull();
  });

  test("a lost file is said", () => {
    rmSync(record().image);
    expect(observeStorage(state)).toMatchObject({ state: "unmounted", reason: expect.stringContaining("is gone") });
  });

  test("its links go with it, others stay", async () => {
    mkdirSync(join(state, "environments/in"), { recursive: true });
    symlinkSync(join(record().place, "environments/in/resources"), join(state, "environments/in/resources"));
    symlinkSync(join(record().place, "postgres"), join(state, "postgres"));
    symlinkSync("/elsewhere", join(state, "mysql"));
    await removeStorageLinks(state);
    expect(readdirSync(join(state, "environments/in"))).toEqual([]);
    expect(readdirSync(state)).toContain("mysql");
    expect(readdirSync(state)).not.toContain("postgres");
  });
});

test("a store moves with the templates that data lies upon, once", async () => {
  for (const key of ["used", "unused"]) mkdirSync(join(state, "postgres/templates", key, "data"), { recursive: true });
  mkdirSync(join(state, "environments/e/resources/db/data"), { recursive: true });
  writeFileSync(join(state, "environments/e/resources/db/server.log"), "");
  symlinkSync(join(state, "postgres/templates/used/data"), join(state, "environments/e/resources/db/data/lower"));
  const keep = templatesLainUpon(state);
  expect([...keep]).toEqual(["used"]);
  const place = join(state, "elsewhere");
  const copy = async (from: string, to: string) => {
    Bun.spawnSync(["cp", "-a", from, `${to}/`]);
  };
  for (let time = 0; time < 2; time++) await takeOverStore(state, { name: "postgres", place, keep, copy });
  expect(lstatSync(join(state, "postgres")).isSymbolicLink()).toBe(true);
  expect(readdirSync(join(state, "postgres/templates"))).toEqual(["used"]);
  expect(readdirSync(readlinkSync(join(state, "environments/e/resources/db/data/lower")))).toEqual([]);
});
