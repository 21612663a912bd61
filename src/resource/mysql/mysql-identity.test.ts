import { expect, test } from "bun:test";
import { mysqlIdentity } from "./mysql-identity.ts";
import { parseMysqlOptions } from "./mysql-options.ts";

function identityOf(written: Record<string, string>): string {
  const parsed = parseMysqlOptions(written);
  if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
  return mysqlIdentity(parsed.options);
}

test("each mode is another thing, in words without a password", () => {
  expect(identityOf({})).toBe("a database server of its own");
  expect(identityOf({ server: "mysql://root:s%40cret@db.example.com" })).toBe("a database of its own on db.example.com:3306");
  expect(identityOf({ branch: "shared", url: "mysql://app:secret@localhost:3307/shop" })).toBe(
    "the shared database shop on localhost:3307",
  );
});

test("what does not make it another thing", () => {
  expect(identityOf({ migrate: "make migrate", variable: "DB" })).toBe(identityOf({}));
  expect(identityOf({ server: "mysql://root:one@localhost:3306", from: "t" })).toBe(identityOf({ server: "mysql://admin:two@localhost" }));
});
