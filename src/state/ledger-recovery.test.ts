// Damage on disk: what is opened is either the ledger as it was, a prefix of its commits, or a backup with a word about it; never a mix.
import { Database } from "bun:sqlite";
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { anEnvironment, anOperation, aProject, ledgerContent } from "../environment/ledger.conformance.ts";
import { WtError } from "../errors/wt-error.ts";
import { openLedger, type SqliteLedger } from "./sqlite-ledger.ts";

const root = mkdtempSync(join(tmpdir(), "worldtree-ledger-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
let path = "";
beforeEach(() => {
  count += 1;
  path = join(root, String(count), "ledger.sqlite");
});

const open = (at = path): SqliteLedger => openLedger({ path: at, nowMs: () => Date.parse("2026-01-01T00:00:00Z") });
const beside = (name: string) => join(dirname(path), name);

/** A ledger of several pages, closed; gives its content. Its newest backup has the same content, its older one less. */
function makeLedger(): unknown {
  const ledger = open();
  ledger.insertProject(aProject(1));
  for (let number = 1; number <= 40; number += 1) {
    ledger.transaction(() => {
      ledger.insertEnvironment(anEnvironment(number));
      ledger.claim({ environmentId: `e${number}`, kind: "port", key: String(20000 + number), data: { service: "web ".repeat(50) } });
      ledger.beginOperation(anOperation(`o${number}`, { environmentId: `e${number}` }));
    });
  }
  ledger.close();
  const again = open();
  const content = ledgerContent(again);
  again.close();
  return content;
}

function openedContent(): { recovery: string | null; content: unknown } {
  const ledger = open();
  const result = { recovery: ledger.recovery, content: ledgerContent(ledger) };
  ledger.putSetting("still", "writable");
  ledger.close();
  return result;
}

describe("a damaged ledger", () => {
  test("is moved aside, the newest good backup takes its place, and that is said", () => {
    const content = makeLedger();
    truncateSync(path, 4096 * 3);
    const damaged = readFileSync(path);
    const opened = openedContent();
    expect(opened.content).toEqual(content);
    expect(opened.recovery).toContain(`The ledger ${path} was damaged (`);
    expect(opened.recovery).toContain(`It was kept as ${beside("ledger.corrupt-2026-01-01T00-00-00-000Z")}.`);
    expect(opened.recovery).toContain("The backup of ");
    expect(readFileSync(beside("ledger.corrupt-2026-01-01T00-00-00-000Z")).equals(damaged)).toBe(true);
    expect(openedContent().recovery).toBeNull();
  });

  test("falls back on the older backup when the newest is damaged too", () => {
    makeLedger();
    const environments = 40;
    truncateSync(path, 5000);
    truncateSync(beside("ledger.backup"), 9000);
    // The older backup was made before anything was written.
    const opened = openedContent() as { recovery: string; content: { environments: unknown[] } };
    expect(opened.content.environments.length).toBeLessThan(environments);
    expect(opened.recovery).toContain("The backup of ");
  });

  test("without a good backup gives an empty one and says so", () => {
    makeLedger();
    for (const name of ["ledger.sqlite", "ledger.backup", "ledger.backup-older"]) writeFileSync(beside(name), "not a database at all");
    const opened = openedContent() as { recovery: string; content: { projects: unknown[] } };
    expect(opened.content.projects).toEqual([]);
    expect(opened.recovery).toContain("There was no good backup");
  });

  test("that is empty or missing while a backup exists counts as damaged", () => {
    const content = makeLedger();
    truncateSync(path, 0);
    expect(openedContent()).toEqual({ recovery: expect.stringContaining("it is empty"), content });
    unlinkSync(path);
    writeFileSync(`${path}-wal`, "a log that belonged to it");
    expect(openedContent()).toEqual({ recovery: expect.stringContaining("it is missing"), content });
  });

  test("with cells that make no record, or rows that point nowhere, is found out", () => {
    for (const harm of [
      "UPDATE leases SET state = 'whatever'",
      "UPDATE environments SET wanted = 'sideways' WHERE id = 'e7'",
      "PRAGMA ignore_check_constraints = ON; UPDATE operations SET data = '{'",
      "PRAGMA foreign_keys = OFF; DELETE FROM projects",
      "DROP TABLE leases",
    ]) {
      rmSync(dirname(path), { recursive: true, force: true });
      const content = makeLedger();
      const database = new Database(path);
      database.run(harm);
      database.close(true);
      const opened = openedContent();
      expect(opened.recovery).toContain("was damaged");
      expect(opened.content).toEqual(content);
    }
  });

  test("is kept five times, not forever", () => {
    makeLedger();
    for (let time = 1; time <= 7; time += 1) {
      truncateSync(path, 5000);
      openLedger({ path, nowMs: () => time }).close();
    }
    const kept = readdirSync(dirname(path)).filter((name) => name.startsWith("ledger.corrupt-") && name.endsWith("Z"));
    expect(kept).toHaveLength(5);
    expect(kept.sort()[0]).toContain("00-003Z");
  });

  test("truncated anywhere, always opens, whole or from a backup", () => {
    const content = makeLedger();
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length += 1024 * 5 + 256) {
      writeFileSync(path, whole.subarray(0, length));
      const opened = openedContent();
      expect(opened.recovery).not.toBeNull();
      expect(opened.content).toEqual(content);
    }
  });

  test("with flipped bytes in any page always opens as a ledger that keeps its promises", () => {
    makeLedger();
    const whole = readFileSync(path);
    let found = 0;
    for (let page = 0; page * 4096 < whole.length; page += 1) {
      const harmed = Buffer.from(whole);
      // The header of a page and the array of its cells: where a flip tears the tree apart.
      for (let byte = 0; byte < 12; byte += 1) harmed[page * 4096 + byte] = (harmed[page * 4096 + byte] ?? 0) ^ 0xff;
      writeFileSync(path, harmed);
      const ledger = open();
      if (ledger.recovery) found += 1;
      expectSound(ledger);
      ledger.close();
    }
    // Every page but unused ones is noticed.
    expect(found).toBeGreaterThanOrEqual(whole.length / 4096 - 2);
  });
});

/** Holds whatever was lost. */
function expectSound(ledger: SqliteLedger): void {
  const environments = ledger.environments();
  const projects = new Set(ledger.projects().map((project) => project.id));
  expect(environments.every((environment) => projects.has(environment.projectId))).toBe(true);
  for (const key of ["id", "slug", "path", "hostLabel", "slot"] as const) {
    expect(new Set(environments.map((environment) => environment[key])).size).toBe(environments.length);
  }
  const ids = new Set(environments.map((environment) => environment.id));
  expect(ledger.leases().every((lease) => ids.has(lease.environmentId))).toBe(true);
  for (const lease of ledger.leases()) {
    expect(ledger.claim(lease)?.id).toBe(lease.id);
  }
}

test("a log torn at any 512-byte boundary opens as a prefix of what was committed", () => {
  // Opened twice, so that the schema is in the file and the log holds the burst alone.
  open().close();
  const ledger = open();
  ledger.insertProject(aProject(1));
  const prefixes: string[] = [];
  const remember = () => prefixes.push(JSON.stringify(ledgerContent(ledger)));
  prefixes.push(JSON.stringify({ ...JSON.parse(JSON.stringify(ledgerContent(ledger))), projects: [], trust: [] }));
  remember();
  for (let number = 1; number <= 5; number += 1) {
    ledger.transaction(() => {
      ledger.insertEnvironment(anEnvironment(number));
      ledger.claim({ environmentId: `e${number}`, kind: "port", key: String(20000 + number) });
      ledger.claim({ environmentId: `e${number}`, kind: "directory", key: `/tmp/${number}`, data: { text: "x".repeat(500) } });
    });
    remember();
    if (number % 3 === 0) ledger.transaction(() => ledger.leases({ environmentId: `e${number}` }).map((lease) => ledger.release(lease.id)));
    if (number % 3 === 0) remember();
  }
  const log = readFileSync(`${path}-wal`);
  const torn = beside("torn/ledger.sqlite");
  const seen = new Set<number>();
  mkdirSync(dirname(torn));
  const lengths = [...Array(Math.ceil(log.length / 512)).keys()].map((block) => block * 512);
  for (const length of [...lengths, log.length]) {
    copyFileSync(path, torn);
    rmSync(`${torn}-shm`, { force: true });
    writeFileSync(`${torn}-wal`, log.subarray(0, length));
    const copy = open(torn);
    expect(copy.recovery).toBeNull();
    const content = JSON.stringify(ledgerContent(copy));
    copy.close();
    const index = prefixes.indexOf(content);
    expect(index).not.toBe(-1);
    seen.add(index);
  }
  ledger.close();
  expect([...seen].sort((a, b) => a - b)).toEqual(prefixes.map((_, index) => index));
}, 120_000);

test("an error that is not damage is not mistaken for it", () => {
  makeLedger();
  rmSync(`${path}-wal`, { force: true });
  // A directory in the log's place: the content is sound, the machine refuses.
  mkdirSync(`${path}-wal`);
  try {
    open();
    throw new Error("it was opened");
  } catch (error) {
    expect(error).toBeInstanceOf(WtError);
    expect((error as WtError).code).toBe("ledger_unwritable");
  }
  expect(readdirSync(dirname(path)).filter((name) => name.includes("corrupt"))).toEqual([]);
});
