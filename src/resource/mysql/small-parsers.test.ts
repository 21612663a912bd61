import { expect, test } from "bun:test";
import fc from "fast-check";
import { resourceKinds } from "../../config/resource-kinds.ts";
import type { ResourceOptions } from "../resource-driver.ts";
import { appLogin, connectionOf, loginDetail, loginOfUrl, mysqlUrl, randomPassword, variableNames } from "./mysql-connection.ts";
import { mysqlIdentity } from "./mysql-identity.ts";
import { mysqlKeys, parseMysqlOptions } from "./mysql-options.ts";
import { quoteGrantedName, quoteName, quoteText } from "./mysql-session.ts";
import { parseServerVersion } from "./server-programs.ts";
import { serverArguments } from "./server-settings.ts";
import { encodeRefusal } from "./wake-refusal.ts";

test("every user, password and database survives the way through a URL", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((each) => each.isWellFormed());
  fc.assert(
    fc.property(
      fc.record({ user: text, password: text, database: text, host: fc.constantFrom("127.0.0.1", "::1", "db.example.com") }),
      (given) => {
        const { user, password, database, host } = given;
        const url = mysqlUrl({ user, password, host, port: 20_001, database }, "mysql+pymysql");
        expect(url).toMatch(/^mysql\+pymysql:[\x21-\x7e]+$/);
        expect(loginOfUrl(url)).toEqual({ user, password, host, port: 20_001, database });
      },
    ),
  );
  expect(loginDetail(loginOfUrl("mysql://u:p%26ss@h/d"))).toBe("d on h:3306");
});

test("our passwords are long, differ, and need no escaping; a variable of its own carries the URL alone", () => {
  const passwords = Array.from({ length: 200 }, randomPassword);
  expect(new Set(passwords).size).toBe(200);
  for (const password of passwords) expect(password).toMatch(/^[\w-]{32}$/);
  const login = appLogin({ password: "p", port: 5 });
  const { values, variables } = connectionOf(login, { variable: "DATABASE_URL", scheme: "mysql2" });
  expect(values).toEqual({
    url: "mysql2://app:p@127.0.0.1:5/app",
    host: "127.0.0.1",
    port: "5",
    user: "app",
    password: "p",
    database: "app",
  });
  expect(Object.keys(variables)).toEqual(variableNames("DATABASE_URL"));
  expect(connectionOf(login, { variable: "X", scheme: "mysql" }).variables).toEqual({ X: "mysql://app:p@127.0.0.1:5/app" });
});

test.each([
  ["mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)", { flavor: "mariadb", version: "10.11.19" }],
  ["/usr/sbin/mysqld  Ver 8.0.36-0ubuntu0.22.04.1 for Linux on x86_64 ((Ubuntu))", { flavor: "mysql", version: "8.0.36" }],
  ["/opt/homebrew/opt/mysql/bin/mysqld  Ver 9.1.0 for macos14.7 on arm64 (Homebrew)", { flavor: "mysql", version: "9.1.0" }],
  ["nonsense", null],
])("%s", (text, parsed) => {
  expect(parseServerVersion(text)).toEqual(parsed as ReturnType<typeof parseServerVersion>);
});

test("quoted names and texts hold nothing that ends them", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(quoteName(text).slice(1, -1).replaceAll("``", "")).not.toContain("`");
      expect(quoteText(text)).toMatch(/^('[\w .,:;@/+=()-]*'|CONVERT\(X'[0-9a-f]*' USING utf8mb4\))$/);
    }),
  );
  expect(quoteGrantedName("wt_shop%x`y")).toBe("`wt\\_shop\\%x``y`");
});

test("a refusal has the length it says, and a number that clients expect in the place of a greeting", () => {
  const bytes = encodeRefusal(`no\0t n${"o".repeat(1000)}w`);
  expect(bytes.readUIntLE(0, 3)).toBe(bytes.length - 4);
  expect([bytes[3], bytes[4], bytes.readUInt16LE(5)]).toEqual([0, 0xff, 1040]);
  expect(bytes.includes(0, 7)).toBe(false);
});

test("settings of the user win over the lean ones, and none of ours can be undone", () => {
  const written = serverArguments({
    home: "/h",
    port: 5,
    settings: { innodb_redo_log_capacity: "1G", max_connections: "7" },
    isRoot: false,
  });
  expect(written).toContain("--innodb_redo_log_capacity=1G");
  expect(written.filter((word) => /redo_log|max_connections/.test(word))).toHaveLength(2);
  expect(written[0]).toBe("--no-defaults");
  expect(serverArguments({ home: "/h", port: null, settings: {}, isRoot: true })).toEqual(
    expect.arrayContaining(["--skip-networking", "--user=root"]),
  );
});

const problemsOf = (written: ResourceOptions) => {
  const parsed = parseMysqlOptions(written);
  return "problems" in parsed ? parsed.problems.map(({ key, message }) => [key, message]) : [];
};

test.each([
  [{ branch: "both" }, "branch"],
  [{ url: "mysql://h/d" }, "url"],
  [{ branch: "shared", url: "mysql://h" }, "url"],
  [{ branch: "shared", url: "postgres://h/d" }, "url"],
  [{ server: "mysql://u:%zz@h" }, "server"],
  [{ server: "mysql://h", sleep: "5m" }, "sleep"],
  [{ version: "ten" }, "version"],
  [{ from: "mysql://h/d" }, "from"],
  [{ inputs: "db/**" }, "inputs"],
  [{ scheme: "mysql://" }, "scheme"],
  [{ variable: "NOT-A-NAME" }, "variable"],
  [{ settings: ["a"] }, "settings"],
  [{ settings: { max_connections: "1\n[mysqld]" } }, "settings"],
  [{ migrate: "" }, "migrate"],
] as const)("%j is refused with its key", (written, key) => {
  const problems = problemsOf(written as unknown as ResourceOptions);
  expect(problems.map(([name]) => name)).toContain(key);
  for (const [, message] of problems) expect(message).toMatch(/\.$/);
});

test.each([
  "port",
  "bind-address",
  "socket",
  "datadir",
  "skip-grant-tables",
  "loose-skip-networking",
  "init_file",
  "plugin_load_add",
  "secure_file_priv",
  "innodb_data_home_dir",
  "innodb-log-group-home-dir",
  "general_log_file",
  "user",
])("the setting %s is ours", (name) => {
  expect(problemsOf({ settings: { [name]: "x" } })).toEqual([["settings", `settings cannot set ${name}: worldtree decides it.`]]);
});

test("settings may be written with dashes, and as true and false", () => {
  expect(parseMysqlOptions({ settings: { "sql-mode": "ANSI", local_infile: true, max_connections: 5 } })).toMatchObject({
    options: { settings: { sql_mode: "ANSI", local_infile: "ON", max_connections: "5" } },
  });
});

test("the documented options are those that the driver reads", () => {
  for (const kind of [resourceKinds.mysql, resourceKinds.mariadb])
    expect(Object.keys(kind.entries).sort()).toEqual(["type", ...mysqlKeys].sort());
});

test("another mode, server or type is another database; what is set about it is not, and no password is told", () => {
  const identity = (written: ResourceOptions, type: "mysql" | "mariadb" = "mysql") => {
    const parsed = parseMysqlOptions(written);
    if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
    return mysqlIdentity(type, parsed.options);
  };
  const server = "mysql://root:secret@db.example.com:3307";
  expect(identity({ server, from: "shop" })).toBe("a database of its own on db.example.com:3307");
  expect(identity({ branch: "shared", url: `${server}/shop` })).toBe("the shared database db.example.com:3307/shop");
  expect(identity({}, "mariadb")).toBe("a MariaDB server of its own");
  expect(identity({})).toBe("a MySQL server of its own");
  expect(identity({ version: "10.11", from: "a.sql", sleep: "2h", settings: { max_connections: 5 }, scheme: "mysql2" })).toBe(identity({}));
});
