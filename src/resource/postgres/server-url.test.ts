import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseServerUrl, type ServerUrl, serverUrlText } from "./server-url.ts";

const text = fc.string({ unit: "grapheme", maxLength: 12 }).filter((each) => each.isWellFormed() && !each.includes("\0"));
const host = fc.oneof(
  fc.constantFrom("localhost", "db.example.com", "127.0.0.1", "::1", "fe80::1", "/tmp", "/var/run/postgresql", "/tmp/ü b"),
  fc.string({ unit: fc.constantFrom(..."abc-1"), minLength: 1, maxLength: 10 }),
);
const others = ["host", "hostaddr", "port", "user", "password", "dbname"];

test("what is written is read again, by us and as a URL", () => {
  const parameters = fc.array(
    fc.tuple(
      text.filter((name) => name !== "" && !others.includes(name)),
      text,
    ),
    { maxLength: 3 },
  );
  const any = fc.record({ user: text, password: text, host, port: fc.integer({ min: 1, max: 65_535 }), database: text, parameters });
  fc.assert(
    fc.property(any, (server) => {
      const written = serverUrlText(server);
      expect(written).toMatch(/^[\x21-\x7e]+$/);
      expect(parseServerUrl(written)).toEqual(server as ServerUrl);
      const url = new URL(written);
      expect(decodeURIComponent(url.password)).toBe(server.password);
      expect(decodeURIComponent(url.pathname.slice(1))).toBe(server.database);
    }),
  );
});

test("nothing makes it throw, and every problem is the rest of a sentence", () => {
  const piece = fc.constantFrom(
    "postgres://",
    "postgresql://",
    "@",
    ":",
    "/",
    "?",
    "#",
    "%",
    "%41",
    "%zz",
    "%ff",
    "[::1]",
    "host=",
    "&",
    ",",
    "a",
    "5432",
    "'",
    " ",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 12 }).map((list) => `postgres://${list.join("")}`),
      ),
      (any) => {
        const read = parseServerUrl(any);
        if ("problem" in read) expect(read.problem).toMatch(/^(is|has|names) .*\.$/s);
        else expect(parseServerUrl(serverUrlText(read))).toEqual(read);
      },
    ),
    { numRuns: 2_000 },
  );
});

test.each([
  ["http://h/d", "is not the URL of a PostgreSQL database."],
  ["postgres://u:p#w@h/d", "has a # that is not encoded."],
  ["postgres://u:p%w@h/d", "has a % that encodes nothing."],
  ["postgres://u:p/w@h/d", "has the host"],
  ["postgres://h1,h2/d", "names several hosts; worldtree works on one."],
  ["postgres:///d", "names no host."],
  ["postgres://h:99999/d", "has a port that is none."],
])("%s is told", (url, problem) => {
  const read = parseServerUrl(url);
  expect("problem" in read ? read.problem : read).toContain(problem);
});

test("libpq's ways of naming a place", () => {
  expect(parseServerUrl("postgres:///d?host=/tmp&port=77&user=me&password=x%26y&sslmode=require")).toEqual({
    user: "me",
    password: "x&y",
    host: "/tmp",
    port: 77,
    database: "d",
    parameters: [["sslmode", "require"]],
  });
  expect(parseServerUrl("postgresql://%2Frun%2Fpg/d")).toMatchObject({ host: "/run/pg", port: 5432, database: "d" });
  // As in every URL, the last @ ends the password.
  expect(parseServerUrl("postgres://a:b@c@[::1]:6/")).toMatchObject({ user: "a", password: "b@c", host: "::1", port: 6, database: "" });
});
