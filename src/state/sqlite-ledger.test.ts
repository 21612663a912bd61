import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { anEnvironment, aProject, codeOf, ledgerConformance, ledgerContent } from "../environment/ledger.conformance.ts";
import { WtError } from "../errors/wt-error.ts";
import { ledgerVersion, migrate, migrations } from "./migrations.ts";
import { openLedger, type SqliteLedger } from "./sqlite-ledger.ts";

let directory = "";
let path = "";
let now = 0;
const opened: SqliteLedger[] = [];
const open = (at = path): SqliteLedger => {
  const ledger = openLedger({ path: at, nowMs: () => now });
  opened.push(ledger);
  return ledger;
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "worldtree-ledger-"));
  path = join(directory, "state", "ledger.sqlite");
  now = Date.parse("2026-01-01T00:00:00Z");
});
afterEach(() => {
  for (const ledger of opened.splice(0)) ledger.close();
  rmSync(directory, { recursive: true, force: true });
});

ledgerConformance("sqlite ledger", (nowMs) => openLedger({ path, nowMs }));

describe("openLedger", () => {
  test("keeps everything from one opening to the next, and never uses a lease's id again", () => {
    const ledger = open();
    ledger.insertProject(aProject(1));
    ledger.insertEnvironment(anEnvironment(1));
    ledger.grantTrust({ projectId: "p1", hash: "h", commands: [{ source: "setup[0]", text: "npm ci" }], grantedAtMs: 1 });
    const lease = ledger.claim({ environmentId: "e1", kind: "port", key: "20000", data: { service: "web" } })!;
    const last = ledger.claim({ environmentId: "e1", kind: "port", key: "20001" })!;
    ledger.release(last.id);
    const before = ledgerContent(ledger);
    ledger.close();
    const again = open();
    expect(again.recovery).toBeNull();
    expect(ledgerContent(again)).toEqual(before);
    expect(again.leases()).toEqual([lease]);
    expect(again.claim({ environmentId: "e1", kind: "port", key: "20001" })!.id).toBeGreaterThan(last.id);
  });

  test("is readable by its owner alone, whatever the umask", () => {
    const before = process.umask(0);
    try {
      open().insertProject(aProject(1));
    } finally {
      process.umask(before);
    }
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    const names = readdirSync(dirname(path));
    expect(names).toContain("ledger.sqlite-wal");
    expect(names).toContain("ledger.sqlite-shm");
    expect(names.filter((name) => (statSync(join(dirname(path), name)).mode & 0o777) !== 0o600)).toEqual([]);
  });

  test("closes a directory and a ledger that were left open to others, but not a shared directory", () => {
    open().close();
    chmodSync(dirname(path), 0o755);
    chmodSync(path, 0o644);
    open();
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const shared = join(directory, "shared");
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    open(join(shared, "ledger.sqlite"));
    expect(statSync(shared).mode & 0o7777).toBe(0o1777);
  });

  test("uses a write-ahead log that others may read beside it", () => {
    open();
    const outside = new Database(path, { readonly: true });
    expect(outside.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    outside.close();
  });

  test("says in one sentence where it cannot be", () => {
    open().close();
    expect(codeOf(() => open(join(path, "below-a-file", "ledger.sqlite")))).toBe("ledger_unwritable");
    mkdirSync(join(directory, "is-a-directory.sqlite"));
    expect(codeOf(() => open(join(directory, "is-a-directory.sqlite")))).toBe("ledger_unwritable");
  });
});

describe("versions", () => {
  test("a ledger of a newer wt is refused and stays byte for byte as it is", () => {
    open().close();
    const newer = new Database(path);
    newer.run("PRAGMA journal_mode = WAL; CREATE TABLE tomorrow (x); PRAGMA user_version = 99");
    newer.close();
    const before = readFileSync(path);
    const names = readdirSync(dirname(path)).sort();
    try {
      open();
      throw new Error("it was opened");
    } catch (error) {
      expect(error).toBeInstanceOf(WtError);
      expect((error as WtError).code).toBe("ledger_newer");
      expect((error as WtError).message).toContain(`its version is 99, this wt knows ${migrations.length}`);
      expect((error as WtError).hints[0]).toContain("Update wt");
    }
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(
      readdirSync(dirname(path))
        .filter((name) => !/-(wal|shm)$/.test(name))
        .sort(),
    ).toEqual(names.filter((name) => !/-(wal|shm)$/.test(name)));
  });

  test("a newer version that is still in the log is seen and left there", () => {
    open().close();
    const newer = new Database(path);
    newer.run("PRAGMA journal_mode = WAL; PRAGMA user_version = 99");
    const before = [readFileSync(path), readFileSync(`${path}-wal`)];
    expect(before[1]!.length).toBeGreaterThan(0);
    expect(codeOf(() => open())).toBe("ledger_newer");
    expect([readFileSync(path), readFileSync(`${path}-wal`)]).toEqual(before);
    newer.close();
  });

  test("migrations run in order, each once, and one that fails changes nothing", () => {
    const database = new Database(":memory:");
    const steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO a VALUES (1)"];
    migrate(database, steps.slice(0, 1));
    expect(ledgerVersion(database)).toBe(1);
    expect(() => migrate(database, [...steps, "CREATE TABLE c (x); INSERT INTO nowhere VALUES (1)"])).toThrow("nowhere");
    expect(ledgerVersion(database)).toBe(2);
    migrate(database, steps);
    expect(database.query("SELECT name FROM sqlite_schema ORDER BY name").values().flat()).toEqual(["a", "b"]);
    expect(database.query("SELECT count(*) AS rows FROM a").get()).toEqual({ rows: 1 });
    database.close(true);
  });

  test("released migrations are not edited", () => {
    const digest = new Bun.CryptoHasher("sha256").update(migrations[0] ?? "").digest("hex");
    expect(digest).toMatchInlineSnapshot(`"d48b5efc87c2f8ab83b89b2ef1defdb4c2b058dea28b80067d21e9e77f923371"`);
  });
});

describe("one daemon at a time", () => {
  test("a second opening is refused, by name of the holder, and harms nothing", () => {
    const ledger = open();
    ledger.putSetting("a", "1");
    for (let attempt = 0; attempt < 3; attempt += 1) {
      try {
        open();
        throw new Error("it was opened twice");
      } catch (error) {
        expect((error as WtError).code).toBe("ledger_in_use");
        expect((error as WtError).kind).toBe("refused");
        expect((error as WtError).message).toContain(`pid ${process.pid}`);
      }
    }
    ledger.putSetting("a", "2");
    expect(ledger.setting("a")).toBe("2");
    ledger.close();
    expect(existsSync(join(dirname(path), "ledger.owner"))).toBe(false);
    expect(open().setting("a")).toBe("2");
  });

  test("another process is kept out while the holder lives and let in the moment it is killed", async () => {
    const child = holder(path);
    await child.ready;
    expect(codeOf(() => open())).toBe("ledger_in_use");
    child.process.kill("SIGKILL");
    await child.process.exited;
    const ledger = open();
    expect(ledger.recovery).toBeNull();
    expect(ledger.setting("held-by")).toBe(String(child.process.pid));
  });

  test("a holder in another process is not shaken off by refused attempts in this one", async () => {
    const child = holder(path);
    await child.ready;
    expect(codeOf(() => open())).toBe("ledger_in_use");
    expect(codeOf(() => open())).toBe("ledger_in_use");
    child.process.kill("SIGKILL");
    await child.process.exited;
  });
});

/** A process that opens the ledger, writes to it and keeps it. */
function holder(at: string): { process: Bun.Subprocess<"ignore", "pipe", "inherit">; ready: Promise<void> } {
  const program = `
    import { openLedger } from ${JSON.stringify(join(import.meta.dir, "sqlite-ledger.ts"))};
    const ledger = openLedger({ path: ${JSON.stringify(at)}, nowMs: () => Date.now() });
    ledger.putSetting("held-by", String(process.pid));
    process.stdout.write("ready");
    setInterval(() => ledger, 1000);
  `;
  const child = Bun.spawn([process.execPath, "-e", program], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const ready = child.stdout
    .getReader()
    .read()
    .then((chunk) => {
      if (new TextDecoder().decode(chunk.value) !== "ready") throw new Error("the holder did not start");
    });
  return { process: child, ready };
}

describe("backups", () => {
  const backup = () => join(dirname(path), "ledger.backup");
  const settingIn = (file: string) => {
    const database = new Database(file, { readonly: true });
    const row = database.query("SELECT value FROM settings WHERE key = 'a'").get() as { value: string } | null;
    database.close(true);
    return row?.value ?? null;
  };

  test("are made at opening and then at most once an hour", () => {
    const ledger = open();
    ledger.putSetting("a", "1");
    expect(settingIn(backup())).toBeNull();
    now += 59 * 60 * 1000;
    ledger.putSetting("a", "2");
    expect(settingIn(backup())).toBeNull();
    now += 60 * 1000;
    ledger.putSetting("a", "3");
    expect(settingIn(backup())).toBe("3");
    ledger.putSetting("a", "4");
    expect(settingIn(backup())).toBe("3");
    ledger.close();
    open();
    expect(settingIn(backup())).toBe("4");
    expect(settingIn(`${backup()}-older`)).toBe("3");
  });

  test("are not made inside a transaction", () => {
    const ledger = open();
    now += 2 * 60 * 60 * 1000;
    expect(() =>
      ledger.transaction(() => {
        ledger.putSetting("a", "1");
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(settingIn(backup())).toBeNull();
  });
});
