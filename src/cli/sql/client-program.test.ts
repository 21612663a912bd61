import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { clientProgram, mysqlUrl, postgresEnvironment, redisProgram } from "./client-program.ts";

let bin: string;
beforeAll(() => {
  bin = mkdtempSync(join(tmpdir(), "wt-client-"));
  for (const name of ["psql", "sqlite3", "mysql", "redis-cli"]) {
    writeFileSync(join(bin, name), "#!/bin/sh\n");
    chmodSync(join(bin, name), 0o755);
  }
});
afterAll(() => rmSync(bin, { recursive: true, force: true }));

test("psql is told by its variables alone, and nothing of the caller's leads elsewhere", () => {
  const caller = { HOME: "/h", PGHOST: "prod", PGHOSTADDR: "10.0.0.1", PGSERVICE: "prod", PGOPTIONS: "-c x", PGCLIENTENCODING: "UTF8" };
  expect(postgresEnvironment("postgres://app:s%40c%3Aret@127.0.0.1:20001/app", caller)).toEqual({
    HOME: "/h",
    PGCLIENTENCODING: "UTF8",
    PGHOST: "127.0.0.1",
    PGPORT: "20001",
    PGUSER: "app",
    PGPASSWORD: "s@c:ret",
    PGDATABASE: "app",
  });
});

test.each([
  ["postgresql:///app?host=/run/pg&port=5433&user=me", { PGHOST: "/run/pg", PGPORT: "5433", PGUSER: "me", PGDATABASE: "app" }],
  ["postgres://me@[::1]/?sslmode=require", { PGHOST: "::1", PGUSER: "me", PGDATABASE: "me", PGSSLMODE: "require" }],
  ["postgres://%2Frun%2Fpg/db?options=-c%20a%3D1+2", { PGHOST: "/run/pg", PGDATABASE: "db", PGOPTIONS: "-c a=1+2" }],
])("%s", (url, env) => {
  expect(postgresEnvironment(url, {})).toEqual(env);
});

test("property: whatever the password, the client gets exactly it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }), (password) => {
      const encode = (text: string) =>
        encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
      const place = { dialect: "mysql", at: `mysql://app:${encode(password)}@127.0.0.1:3307/shop` } as const;
      expect(postgresEnvironment(`postgres://app:${encode(password)}@127.0.0.1:1/app`, {}).PGPASSWORD).toBe(password);
      expect(clientProgram(place, { PATH: bin })?.env.MYSQL_PWD).toBe(password);
      expect(
        clientProgram(place, { PATH: bin })
          ?.arguments([])
          .some((word) => word.includes(encode(password)) && password.length > 4),
      ).toBe(false);
    }),
  );
});

test("no password stands on a command line", () => {
  const client = clientProgram({ dialect: "mysql", at: "mysql://app:secret@127.0.0.1:3307/shop" }, { PATH: bin });
  expect(client?.env.MYSQL_PWD).toBe("secret");
  expect(client?.arguments(["-e", "select 1"])).toEqual([
    "--no-defaults",
    "--protocol=tcp",
    "--default-character-set=utf8mb4",
    "--host=127.0.0.1",
    "--port=3307",
    "--user=app",
    "--database=shop",
    "-e",
    "select 1",
  ]);
  const psql = clientProgram({ dialect: "postgres", at: "postgres://app:secret@127.0.0.1/app" }, { PATH: bin });
  expect([psql?.path, ...(psql?.arguments(["--csv"]) ?? [])]).toEqual([join(bin, "psql"), "--csv"]);
});

test("mysql reads no file that names another server, unless it is told to", () => {
  const client = clientProgram(
    { dialect: "mysql", at: mysqlUrl({ user: "a", password: "p@:/'", host: "::1", port: "1", database: "d/b" }) },
    { PATH: bin },
  );
  expect(client?.env.MYSQL_PWD).toBe("p@:/'");
  const rest = ["--protocol=tcp", "--default-character-set=utf8mb4", "--host=::1", "--port=1", "--user=a", "--database=d/b"];
  expect(client?.arguments([])).toEqual(["--no-defaults", ...rest]);
  expect(client?.arguments(["-e", "x", "--defaults-file=/a"])).toEqual(["--defaults-file=/a", ...rest, "-e", "x"]);
});

test("redis-cli gets its password by a variable", () => {
  const client = redisProgram("redis://default:s%40cret@127.0.0.1:6380/2", { PATH: bin });
  expect(client?.env.REDISCLI_AUTH).toBe("s@cret");
  expect(client?.arguments(["ping"])).toEqual(["-h", "127.0.0.1", "-p", "6380", "--user", "default", "-n", "2", "ping"]);
  expect(redisProgram("redis://h:1", { PATH: bin })?.arguments([])).toEqual(["-h", "h", "-p", "1"]);
  expect(redisProgram("redis://h:1", { PATH: "/nonexistent" })).toBeNull();
});

test("sqlite3 gets its options before the file and SQL after it", () => {
  const client = clientProgram({ dialect: "sqlite", at: "/a/b.db" }, { PATH: bin });
  expect(client?.arguments(["-json", "-header", "select 1"])).toEqual(["-json", "-header", "/a/b.db", "select 1"]);
  expect(client?.arguments([])).toEqual(["/a/b.db"]);
});

test("null where it is not installed", () => {
  expect(clientProgram({ dialect: "postgres", at: "postgres://a@b/c" }, { PATH: "/nonexistent" })).toBeNull();
});
