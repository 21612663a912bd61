import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareNames, continues, type InputFile, migrationsAmong } from "./migration-order.ts";

/** `path` or `path=content`. */
const files = (...written: string[]): InputFile[] =>
  written.map((each) => ({ path: each.split("=")[0] ?? "", hash: each.split("=")[1] ?? "same" }));

describe("continues", () => {
  const cases: [string, string[], string[], boolean][] = [
    ["an addition at the end", ["m/1.sql", "m/2.sql"], ["m/1.sql", "m/2.sql", "m/3.sql"], true],
    ["numbers by their value", ["m/V2__b.sql", "m/V9__c.sql"], ["m/V2__b.sql", "m/V9__c.sql", "m/V10__a.sql"], true],
    ["one in between", ["m/1.sql", "m/3.sql"], ["m/1.sql", "m/2.sql", "m/3.sql"], false],
    ["one that was changed", ["m/1.sql=a"], ["m/1.sql=b", "m/2.sql"], false],
    ["one that is gone", ["m/1.sql", "m/2.sql"], ["m/1.sql", "m/3.sql"], false],
    ["a renamed one", ["m/1_a.sql", "m/2_b.sql"], ["m/1_a.sql", "m/2_c.sql"], false],
    ["names without numbers", ["m/create.sql"], ["m/create.sql", "m/extend.sql"], true],
    ["names without numbers, before", ["m/create.sql"], ["m/alter.sql", "m/create.sql"], false],
    ["nothing before", [], ["m/1.sql"], false],
    [
      "Prisma: directories, the lock and the schema",
      ["p/migrations/20260101_a/migration.sql", "p/migrations/migration_lock.toml", "p/schema.prisma=1"],
      [
        "p/migrations/20260101_a/migration.sql",
        "p/migrations/20260202_b/migration.sql",
        "p/migrations/migration_lock.toml",
        "p/schema.prisma=2",
      ],
      true,
    ],
    ["Prisma: an earlier directory", ["p/20260202_b/migration.sql"], ["p/20260101_a/migration.sql", "p/20260202_b/migration.sql"], false],
    [
      "only the schema changed",
      ["p/20260101_a/migration.sql", "p/schema.prisma=1"],
      ["p/20260101_a/migration.sql", "p/schema.prisma=2"],
      false,
    ],
    ["only a schema, which is pushed", ["p/schema.prisma=1"], ["p/schema.prisma=2"], false],
    [
      "Drizzle: the journal",
      ["d/0000_a.sql", "d/meta/_journal.json=1", "d/meta/0000_snapshot.json"],
      ["d/0000_a.sql", "d/0001_b.sql", "d/meta/_journal.json=2", "d/meta/0000_snapshot.json", "d/meta/0001_snapshot.json"],
      true,
    ],
    [
      "Django: in the first of two apps",
      ["a/migrations/0001_initial.py", "a/migrations/__init__.py", "b/migrations/0001_initial.py"],
      ["a/migrations/0001_initial.py", "a/migrations/0002_more.py", "a/migrations/__init__.py", "b/migrations/0001_initial.py"],
      true,
    ],
    [
      "Django: a new app",
      ["b/migrations/0001_initial.py", "b/migrations/__init__.py"],
      ["a/migrations/0001_initial.py", "a/migrations/__init__.py", "b/migrations/0001_initial.py", "b/migrations/__init__.py"],
      true,
    ],
    [
      "Rails: the schema",
      ["db/migrate/20260101_a.rb", "db/schema.rb=1"],
      ["db/migrate/20260101_a.rb", "db/migrate/20260102_b.rb", "db/schema.rb=2"],
      true,
    ],
    ["a helper that changed", ["m/1.sql", "m/helper.js=1"], ["m/1.sql", "m/2.sql", "m/helper.js=2"], false],
  ];
  test.each(cases)("%s", (...[, earlier, wanted, yes]) => {
    expect(continues(files(...earlier), files(...wanted))).toBe(yes);
  });

  const name = fc.tuple(fc.nat(30), fc.constantFrom("", "_a", "_b")).map(([number, rest]) => `m/${number}${rest}.sql`);
  const sets = fc.uniqueArray(name, { minLength: 1, maxLength: 8 });
  test("exactly the sets that begin the sorted list", () => {
    fc.assert(
      fc.property(sets, fc.nat(8), (paths, cut) => {
        const sorted = [...paths].sort(compareNames);
        const wanted = files(...sorted);
        for (let mask = 1; mask < 1 << Math.min(sorted.length, 5); mask++) {
          const part = wanted.filter((_, index) => index < 5 && mask & (1 << index));
          const begins = part.every(({ path }, index) => path === sorted[index]);
          expect(continues(part, wanted)).toBe(begins);
        }
        const at = Math.min(cut, wanted.length - 1);
        const changed = wanted.map((file, index) => (index === at ? { ...file, hash: "other" } : file));
        expect(continues(wanted.slice(0, at + 1), changed)).toBe(false);
      }),
    );
  });
});

test("names have one order", () => {
  const names = fc.stringMatching(/^[a-z0-9_.]{0,12}$/);
  fc.assert(
    fc.property(names, names, names, (a, b, c) => {
      expect(Math.sign(compareNames(a, b))).toBe(-Math.sign(compareNames(b, a)) + 0);
      expect(compareNames(a, b) === 0).toBe(a === b);
      if (compareNames(a, b) <= 0 && compareNames(b, c) <= 0) expect(compareNames(a, c)).toBeLessThanOrEqual(0);
    }),
  );
});

test("migrations are counted without steps back, accounts and what has no number", () => {
  expect(migrationsAmong(files("m/1_a.up.sql", "m/1_a.down.sql", "m/2_b.up.sql", "m/2_b.down.sql"))).toHaveLength(2);
  expect(migrationsAmong(files("a/migrations/0001_initial.py", "a/migrations/__init__.py"))).toHaveLength(1);
  expect(migrationsAmong(files("db/structure.sql", "db/migrate/20260101_a.rb"))).toHaveLength(1);
  expect(migrationsAmong(files("sql/create.sql", "sql/extend.sql"))).toHaveLength(2);
});
