import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseBtrfsUsage } from "../../os/block-usage.ts";
import { parseProbe } from "../../os/clone-method.ts";
import { parseFilefrag } from "../../os/extents.ts";
import { parsePasswd } from "../../os/server-user.ts";
import { appLogin, connectionOf, postgresUrl, randomPassword } from "./connection.ts";
import { settingsText } from "./data-directory.ts";
import { parseLinks } from "./embedded-package.ts";
import { quoteLiteral, quoteName } from "./pg-session.ts";
import { parseVersion } from "./server-programs.ts";
import { sharedDetail, sharedLogin } from "./shared-database.ts";
import { errorMessage } from "./wake-refusal.ts";

test("every user, password and database survives the way through a URL", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((each) => each.isWellFormed());
  fc.assert(
    fc.property(text, text, text, (user, password, database) => {
      const url = postgresUrl({ user, password, host: "127.0.0.1", port: 20_001, database });
      expect(url).toMatch(/^[\x21-\x7e]+$/);
      const parsed = new URL(url);
      expect(decodeURIComponent(parsed.username)).toBe(user);
      expect(decodeURIComponent(parsed.password)).toBe(password);
      expect(decodeURIComponent(parsed.pathname.slice(1))).toBe(database);
      expect(sharedLogin(url)).toMatchObject({ user, password, database, port: 20_001 });
      expect(sharedDetail(postgresUrl({ user: "u", password: "p&ss wörd", host: "h", port: 1, database: "d" }))).toBe("d on h:1");
    }),
  );
});

test("our passwords are long, differ, and need no escaping", () => {
  const passwords = Array.from({ length: 200 }, randomPassword);
  expect(new Set(passwords).size).toBe(200);
  for (const password of passwords) expect(password).toMatch(/^[\w-]{32}$/);
  const { values } = connectionOf(appLogin({ password: "p", port: 5 }), "DATABASE_URL");
  expect(values).toEqual({
    url: "postgres://app:p@127.0.0.1:5/app",
    host: "127.0.0.1",
    port: "5",
    user: "app",
    password: "p",
    database: "app",
  });
  expect(connectionOf(appLogin({ password: "p", port: 5 }), "OTHER_URL").variables).toEqual({ OTHER_URL: values.url ?? "" });
});

test("settings fit the version, ours win over the user's, values are quoted", () => {
  const text = settingsText({ major: 18, port: 20_001, label: "wt_x", settings: { work_mem: "it's", port: "1", shared_buffers: "1MB" } });
  expect(text).toContain("\nwork_mem = 'it''s'\n");
  expect(text).toContain("\nport = '20001'\n");
  expect(text).toContain("\nshared_buffers = '1MB'\n");
  expect(text).toContain("\narchive_mode = 'off'\n");
  expect(text).toContain("\nio_method = 'sync'\n");
  expect(text).not.toContain("fsync");
  const old = settingsText({ major: 13, port: 1, label: "x", settings: {}, throwaway: true });
  expect(old).not.toContain("io_method");
  expect(old).not.toContain("recovery_init_sync_method");
  expect(old).toContain("fsync = 'off'");
});

test("filefrag", () => {
  const text = [
    "Filesystem type is: 58465342",
    "File size of /x/a is 1048576 (256 blocks of 4096 bytes)",
    " ext:     logical_offset:        physical_offset: length:   expected: flags:",
    "   0:        0..     127:      11111..     11238:    128:             shared",
    "   1:      128..     255:      22222..     22349:    128:      11239: last,eof",
    "/x/a: 2 extents found",
  ].join("\n");
  expect(parseFilefrag(text)).toEqual({
    blockBytes: 4096,
    extents: [
      { physical: 11111, blocks: 128, shared: true },
      { physical: 22222, blocks: 128, shared: false },
    ],
  });
  fc.assert(fc.property(fc.string(), (any) => void parseFilefrag(any)));
});

test("btrfs filesystem du, passwd, versions, probes", () => {
  expect(parseBtrfsUsage("     Total   Exclusive  Set shared  Filename\n  35483648      172032    35311616  /x/data\n")).toEqual({
    exclusiveBytes: 172_032,
    sharedBytes: 35_311_616,
  });
  expect(parseBtrfsUsage("ERROR: not a btrfs filesystem")).toBeNull();
  expect(parsePasswd("postgres:x:101:104:PostgreSQL,,,:/var/lib:/bin/sh\n\n#x\nbroken:x::\n")).toEqual([
    { name: "postgres", uid: 101, gid: 104 },
  ]);
  expect(parseVersion("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n")).toEqual({ major: 15, version: "15.18" });
  expect(parseVersion("postgres (PostgreSQL) 18beta1")).toEqual({ major: 18, version: "18beta1" });
  expect(parseVersion("MariaDB 10")).toBeNull();
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (any) => void parseProbe(any)));
});

test("links of the npm package stay inside of it", () => {
  expect(parseLinks('[{"source":"native/lib/a.so.1","target":"native/lib/a.so"}]')).toEqual([{ source: "lib/a.so.1", target: "lib/a.so" }]);
  for (const bad of ['[{"source":"native/a","target":"native/../../x"}]', '[{"source":"/etc/passwd","target":"native/x"}]', "[1]", "{}"]) {
    expect(() => parseLinks(bad)).toThrow();
  }
});

test("quoting", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(quoteName(text).slice(1, -1).replaceAll('""', '"')).toBe(text);
      const [, escaping, body = ""] = /^ ?(E?)'([\s\S]*)'$/.exec(quoteLiteral(text)) ?? [];
      const plain = body.replaceAll("''", "'");
      expect(escaping ? plain.replaceAll("\\\\", "\\") : plain).toBe(text);
    }),
  );
});

test("an error message has the length it says", () => {
  const bytes = errorMessage("no\0t now");
  expect(bytes.readInt32BE(1)).toBe(bytes.length - 1);
  expect(bytes.toString("latin1")).toContain("C57P03\0Mnot now\0\0");
});
