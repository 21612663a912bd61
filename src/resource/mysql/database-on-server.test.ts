// `server:`: databases on a server that was there before, which for these tests is one of our own with a stranger as its administrator.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { WtError } from "../../errors/wt-error.ts";
import { describeResourceDriver } from "../resource-driver.conformance.ts";
import { eventually, type ResourceHarness } from "../resource-harness.conformance.ts";
import { quoteAccount } from "./build-template.ts";
import { holdClient, read, write } from "./contract-client.conformance.ts";
import { definedBy } from "./load-dump.ts";
import { loginOfUrl, mysqlUrl } from "./mysql-connection.ts";
import { createMysqlHarness, type MysqlHarness, query, whyNoServer } from "./mysql-harness.conformance.ts";
import { asRoot, asUser, quoteText } from "./mysql-session.ts";
import { accountOf } from "./server-holding.ts";
import { serverHome } from "./server-home.ts";

setDefaultTimeout(60_000);
/** Every character that means something in a URL, in SQL or in a shell. */
const password = `p@ss:w/?#[]%&'"\\ $x=ü\``;

let host: MysqlHarness;
let port = 0;
let count = 0;
const url = (user: string, database = "") => mysqlUrl({ user, password, host: "127.0.0.1", port, database });
const admin = (sql: string) => asUser(loginOfUrl(url("boss")), "test", (session) => session.query(sql));
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => new WtError({ kind: "internal", code: "none", message: "nothing was thrown" }),
    (error: unknown) => error as WtError,
  );

beforeAll(async () => {
  if (whyNoServer !== null) return;
  host = await createMysqlHarness();
  const spec = await host.spec("host", { sleep: "never" });
  await host.driver.ensure(spec, host.call());
  port = spec.port ?? 0;
  await asRoot(serverHome(spec.directory), async (session) => {
    for (const user of ["boss", "helper"]) {
      await session.query(`CREATE USER '${user}'@'%' IDENTIFIED BY '${password.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`);
    }
    await session.query("GRANT ALL PRIVILEGES ON *.* TO 'boss'@'%' WITH GRANT OPTION");
    await session.query(`CREATE USER ${quoteAccount("gone", "10.%")}`);
    for (const statement of shop) await session.query(statement);
  });
});
afterAll(async () => {
  await host?.dispose();
});

const shop = [
  "CREATE DATABASE `shop template` CHARACTER SET latin1",
  "CREATE TABLE `shop template`.colour (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40))",
  "CREATE TABLE `shop template`.apple (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(60), colour INT, twice INT AS (colour * 2) STORED, picture BLOB, FOREIGN KEY (colour) REFERENCES `shop template`.colour (id))",
  "INSERT INTO `shop template`.colour (name) VALUES ('red'), ('CREATE DEFINER=`gone`@`10.%` FUNCTION')",
  "INSERT INTO `shop template`.apple (name, colour, picture) VALUES ('Cox', 1, X'00ff27')",
];
const shopObjects = [
  "CREATE DEFINER=`gone`@`10.%` VIEW `shop template`.red AS SELECT a.name FROM `shop template`.apple a JOIN `shop template`.colour c ON c.id = a.colour",
  "CREATE DEFINER=`gone`@`10.%` FUNCTION `shop template`.one() RETURNS INT DETERMINISTIC RETURN (SELECT COUNT(*) FROM apple)",
  "USE `shop template`",
  "CREATE DEFINER=`gone`@`10.%` TRIGGER named BEFORE INSERT ON colour FOR EACH ROW SET NEW.name = UPPER(NEW.name)",
];

async function ours(): Promise<unknown[]> {
  const databases = await admin(
    "SELECT SCHEMA_NAME AS name FROM information_schema.schemata WHERE SCHEMA_NAME LIKE 'wt%' OR SCHEMA_NAME = 'worldtree'",
  );
  return [...databases, ...(await admin("SELECT User AS name FROM mysql.user WHERE User LIKE 'wt%'"))].map((row) => row.name);
}

async function createHarness(): Promise<ResourceHarness> {
  const world = await createMysqlHarness();
  const driver = () => ({ ...world.driver, features: { checkpoints: true, sleep: false, port: true } });
  const cleanups: (() => Promise<void>)[] = [];
  const spec = async (options = {}) => {
    const made = await world.spec(`s${++count}`, { server: url("boss"), ...options });
    cleanups.push(() => world.driver.remove(made));
    return made;
  };
  return {
    driver: driver(),
    reopen() {
      world.next();
      return driver();
    },
    spec,
    brokenSpec: () => spec({ migrate: "exit 3" }),
    call: (abort) => world.call({ abort }),
    write,
    read,
    holdClient,
    async makeForeign(made) {
      await admin(`CREATE DATABASE \`${made.label}\``);
      return async () => {
        const there = await admin(`SELECT 1 FROM information_schema.schemata WHERE SCHEMA_NAME = '${made.label}'`);
        await admin(`DROP DATABASE \`${made.label}\``);
        return there.length === 1;
      };
    },
    async makeHalf(made) {
      await world.driver.ensure(made, world.call());
      await admin(`UPDATE worldtree.holdings SET state = 'made' WHERE name = '${made.label}'`);
    },
    async dispose() {
      for (const clean of cleanups) await clean();
      await world.dispose();
      expect(await ours()).toEqual([]);
    },
  };
}

if (whyNoServer === null) {
  describeResourceDriver("mysql on a server", createHarness, {
    features: { checkpoints: true, sleep: false, port: true },
    clients: true,
    valid: [{ server: "mysql://u:p@h/d" }, { server: "mariadb://h", from: "template", migrate: "x", seed: "y", scheme: "mysql2" }],
    invalid: [
      { options: { server: "http://h/d" }, key: "server" },
      { options: { server: "mysql://h/d", version: "10.11" }, key: "version" },
    ],
  });
}

describe.skipIf(whyNoServer !== null)("a database on a server", () => {
  let world: MysqlHarness;
  const make = async (options: { [key: string]: string }) => {
    const spec = await world.spec(`t${++count}`, { server: url("boss"), ...options });
    return { spec, ensure: () => world.driver.ensure(spec, world.call()) };
  };
  const inWorld = (name: string, work: () => Promise<void>) =>
    test(name, async () => {
      world = await createMysqlHarness();
      try {
        await work();
      } finally {
        await world.dispose();
      }
      expect(world.failures).toEqual([]);
      expect(await ours()).toEqual([]);
    });

  inWorld("is a whole copy of the template, and reaches nothing else", async () => {
    await asUser(loginOfUrl(url("boss")), "test", async (session) => {
      for (const statement of shopObjects) await session.query(statement);
    });
    try {
      const made = await Promise.all(
        [await make({ from: "shop template" }), await make({ from: "shop template" })].map(({ ensure }) => ensure()),
      );
      const [one = "", two = ""] = made.map((connection) => connection.values.url);
      expect(await query(one, "SELECT id, name, twice, HEX(picture) AS picture FROM apple")).toEqual([
        { id: 1, name: "Cox", twice: 2, picture: "00FF27" },
      ]);
      // What they run as is the environment's own user: who defined them need not reach this database.
      expect(await query(one, "SELECT * FROM red")).toEqual([{ name: "Cox" }]);
      expect(await query(one, "SELECT one() AS n")).toEqual([{ n: 1 }]);
      await query(one, "INSERT INTO colour (name) VALUES ('blue')");
      expect(await query(one, "SELECT name FROM colour ORDER BY id")).toEqual([
        { name: "red" },
        { name: "CREATE DEFINER=`gone`@`10.%` FUNCTION" },
        { name: "BLUE" },
      ]);
      expect((await failureOf(query(one, "INSERT INTO apple (colour) VALUES (99)"))).message).toContain("foreign key");
      expect(await query(one, "SELECT @@character_set_database AS charset")).toEqual([{ charset: "latin1" }]);
      await query(one, "DROP TABLE apple");
      expect(await query(two, "SELECT COUNT(*) AS n FROM apple")).toEqual([{ n: 1 }]);
      for (const other of [loginOfUrl(two).database, "shop template", "mysql", "worldtree"]) {
        expect((await failureOf(query(one, `SHOW TABLES FROM \`${other}\``))).message).toMatch(/denied/);
      }
    } finally {
      for (const drop of ["VIEW `shop template`.red", "FUNCTION `shop template`.one", "TRIGGER `shop template`.named"])
        await admin(`DROP ${drop}`);
    }
  });

  inWorld("the underscores of its name stand for themselves in its rights", async () => {
    const { spec, ensure } = await make({});
    const connection = await ensure();
    const alike = spec.label.replaceAll("_", "x");
    await admin(`CREATE DATABASE \`${alike}\``);
    try {
      expect((await failureOf(query(connection.values.url ?? "", `SHOW TABLES FROM \`${alike}\``))).message).toMatch(/denied/);
    } finally {
      await admin(`DROP DATABASE \`${alike}\``);
    }
  });

  inWorld("a trigger that names the template's database is refused by name, and reaches nothing", async () => {
    await admin("CREATE TRIGGER `shop template`.named BEFORE INSERT ON `shop template`.colour FOR EACH ROW SET NEW.name = 'x'");
    try {
      const { spec, ensure } = await make({ from: "shop template" });
      const error = await failureOf(ensure());
      expect(error.message).toMatch(/^resources\.db\.from: the database shop template could not be copied to wt_test.*denied/);
      expect(error.hints[0]).toContain("names the database shop template");
      expect(existsSync(spec.directory)).toBe(false);
    } finally {
      await admin("DROP TRIGGER `shop template`.named");
    }
  });

  inWorld("without a dump program tables are copied, and what cannot be is named", async () => {
    world.next({ path: "/nonexistent" });
    const tables = await (await make({ from: "shop template" })).ensure();
    expect(await query(tables.values.url ?? "", "SELECT id, name, twice, HEX(picture) AS picture FROM apple")).toEqual([
      { id: 1, name: "Cox", twice: 2, picture: "00FF27" },
    ]);
    expect((await failureOf(query(tables.values.url ?? "", "INSERT INTO apple (colour) VALUES (99)"))).message).toContain("foreign key");
    await admin("CREATE VIEW `shop template`.red AS SELECT 1 AS one");
    try {
      const { spec, ensure } = await make({ from: "shop template" });
      const error = await failureOf(ensure());
      expect(error.message).toMatch(/^resources\.db\.from: shop template holds the view red, which only the program mariadb-dump/);
      expect(existsSync(spec.directory)).toBe(false);
    } finally {
      await admin("DROP VIEW `shop template`.red");
    }
  });

  inWorld("a reset whose migration fails changes nothing", async () => {
    const { spec, ensure } = await make({ migrate: "true" });
    const connection = await ensure();
    await write(connection, "mine");
    const broken = { ...spec, options: { ...spec.options, migrate: "echo no such column >&2; exit 1" } };
    expect((await failureOf(world.driver.reset(broken, world.call()))).message).toContain("no such column");
    expect(await read(connection)).toBe("mine");
    expect((await world.driver.observe(spec)).state).toBe("ready");
  });

  inWorld("a name that somebody else took meanwhile is left alone", async () => {
    const { spec, ensure } = await make({});
    await ensure();
    await admin(`UPDATE worldtree.holdings SET state = 'intended' WHERE name = '${spec.label}'`);
    await admin(`CREATE TABLE \`${spec.label}\`.theirs (i INT)`);
    expect((await world.driver.observe(spec)).state).toBe("foreign");
    expect((await failureOf(world.driver.remove(spec))).kind).toBe("refused");
    await admin(`UPDATE worldtree.holdings SET state = 'whole' WHERE name = '${spec.label}'`);
  });

  inWorld("who may not, who is not, and what is not there: one sentence each", async () => {
    const cases: [{ [key: string]: string }, RegExp][] = [
      [
        { server: url("helper") },
        /^resources\.db\.server: the server could not look after the database wt_test_t\d+_db: SELECT command denied/,
      ],
      [
        { server: url("boss").replace(/:[^:@]*@/, ":wrong@") },
        /^resources\.db\.server: the database on 127\.0\.0\.1:\d+ does not answer: Access denied/,
      ],
      [
        { server: "mysql://boss:x@127.0.0.1:1/" },
        /^resources\.db\.server: the database on 127\.0\.0\.1:1 does not answer: Failed to connect\.$/,
      ],
      [{ from: "nowhere" }, /^resources\.db\.from: there is no database nowhere on that server\.$/],
    ];
    for (const [options, sentence] of cases) {
      const { spec, ensure } = await make(options);
      const error = await failureOf(ensure());
      expect(error).toBeInstanceOf(WtError);
      expect(error.message).toMatch(sentence);
      expect(error.message).not.toContain(password);
      expect(existsSync(spec.directory)).toBe(false);
      // Nothing was made there, so nothing keeps it from being removed.
      await world.driver.remove(spec);
    }
  });

  inWorld("what was made on a server that is gone by now is not forgotten", async () => {
    const { spec, ensure } = await make({});
    await ensure();
    const gone = { ...spec, options: { ...spec.options, url: "mysql://boss:x@127.0.0.1:1/" } };
    expect((await failureOf(world.driver.remove(gone))).message).toMatch(/does not answer/);
    expect(existsSync(spec.directory)).toBe(true);
  });

  inWorld("put aside, nobody gets in; it comes back under the same URL with what it held, wherever that was cut off", async () => {
    const { spec, ensure } = await make({ migrate: "true" });
    const connection = await ensure();
    const { url: own = "" } = connection.values;
    await write(connection, "precious");
    const end = await holdClient(connection);
    expect(await world.driver.retire?.(spec)).toBe(true);
    await end().catch(() => undefined);
    expect((await failureOf(query(own, "SELECT 1"))).message).toMatch(/Access denied/);
    const sessions = () => admin(`SELECT ID FROM information_schema.processlist WHERE USER = '${accountOf(spec.label)}'`);
    await eventually(async () => expect(await sessions()).toEqual([]));
    expect(await world.driver.observe(spec)).toEqual({ state: "broken", reason: "it was put aside; `wt up` brings it back." });
    // As after a kill between our note and the server's.
    await admin(`ALTER USER '${accountOf(spec.label)}'@'%' IDENTIFIED BY '${loginOfUrl(own).password}'`);
    expect(await world.driver.retire?.(spec)).toBe(true);
    expect((await failureOf(query(own, "SELECT 1"))).message).toMatch(/Access denied/);
    world.next();
    const calm = world.call({ run: (command) => Promise.reject(new Error(`${command} was run`)) });
    expect((await world.driver.ensure(spec, calm)).values.url).toBe(own);
    expect(await read(connection)).toBe("precious");
    expect((await world.driver.observe(spec)).state).toBe("ready");
  });

  inWorld("put aside and dropped by others meanwhile: that is said once, not covered by an empty one", async () => {
    const { spec, ensure } = await make({});
    await ensure();
    expect(await world.driver.retire?.(spec)).toBe(true);
    await admin(`DROP DATABASE \`${spec.label}\``);
    expect(await failureOf(ensure())).toMatchObject({
      code: "resource_lost",
      message: `The database ${spec.label} was kept on 127.0.0.1:${port} and is not there any more.`,
    });
    await ensure();
    expect((await world.driver.observe(spec)).state).toBe("ready");
  });

  inWorld("what is half-made cannot be put aside", async () => {
    const { spec, ensure } = await make({});
    await ensure();
    await admin(`UPDATE worldtree.holdings SET state = 'made' WHERE name = '${spec.label}'`);
    expect(await world.driver.retire?.(spec)).toBe(false);
  });

  inWorld("shared: everybody gets the same, and nothing is made or removed", async () => {
    const shared = await world.spec("shared", { branch: "shared", url: url("boss", "shop template") });
    const connection = await world.driver.ensure(shared, world.call());
    expect(connection.values).toMatchObject({ url: url("boss", "shop template"), password, database: "shop template" });
    expect(await world.driver.observe(shared)).toEqual({ state: "shared", detail: `shop template on 127.0.0.1:${port}` });
    expect((await failureOf(world.driver.reset(shared, world.call()))).message).toContain("shared by everybody");
    await world.driver.remove(shared);
    expect(await query(url("boss", "shop template"), "SELECT COUNT(*) AS n FROM apple")).toEqual([{ n: 1 }]);
    const wrong = await world.spec("wrong", { branch: "shared", url: url("boss", "nowhere") });
    expect((await failureOf(world.driver.ensure(wrong, world.call()))).message).toMatch(
      /^resources\.db\.url: the database nowhere on 127.* does not answer: Unknown database/,
    );
  });

  test("variables of the daemon lead its own sessions nowhere else", async () => {
    const before = { ...process.env };
    Object.assign(process.env, { MYSQL_DATABASE: "nowhere", MYSQL_HOST: "192.0.2.1", MYSQL_USER: "x", MYSQL_URL: "mysql://x@192.0.2.1/x" });
    try {
      expect(await admin("SELECT DATABASE() AS name, CURRENT_USER() AS user")).toEqual([{ name: "information_schema", user: "boss@%" }]);
    } finally {
      for (const name of ["MYSQL_DATABASE", "MYSQL_HOST", "MYSQL_USER", "MYSQL_URL"]) delete process.env[name];
      Object.assign(process.env, before);
    }
  });

  test("every text survives being quoted, in every mode of SQL", async () => {
    for (const mode of ["", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"]) {
      for (const text of [password, "", "a\nb\0c", "\\", "'", "😀", "%_"]) {
        const [row] = await asUser(loginOfUrl(url("boss")), "test", async (session) => {
          await session.query(`SET SESSION sql_mode = '${mode}'`);
          return session.query(`SELECT ${quoteText(text)} AS text`);
        });
        expect(row?.text).toBe(text);
      }
    }
  });
});

test("definers of a dump become the copy's own account; rows stay as they are", async () => {
  const dump = [
    "INSERT INTO `t` VALUES ('DEFINER=`a`@`b`');",
    "/*!50013 DEFINER=`prod``x`@`10.%` SQL SECURITY DEFINER */",
    "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER x",
    "CREATE DEFINER=`root`@`localhost` FUNCTION `f`() RETURNS int(11)",
    "no newline at the end \xff",
  ].join("\n");
  const bytes = Buffer.from(dump, "latin1");
  const pieces = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 7) controller.enqueue(bytes.subarray(at, at + 7));
      controller.close();
    },
  });
  const out = Buffer.from(await new Response(pieces.pipeThrough(definedBy("wt_a"))).arrayBuffer()).toString("latin1");
  expect(out.split("\n")).toEqual([
    "INSERT INTO `t` VALUES ('DEFINER=`a`@`b`');",
    "/*!50013 DEFINER=`wt_a`@`%` SQL SECURITY DEFINER */",
    "/*!50003 CREATE*/ /*!50017 DEFINER=`wt_a`@`%`*/ /*!50003 TRIGGER x",
    "CREATE DEFINER=`wt_a`@`%` FUNCTION `f`() RETURNS int(11)",
    "no newline at the end \xff",
  ]);
});

test("accounts have names that every MySQL takes, and differ", () => {
  const long = `wt_${"a".repeat(50)}`;
  expect(accountOf("wt_shop_db")).toBe("wt_shop_db");
  expect(accountOf(long).length).toBeLessThanOrEqual(32);
  expect(accountOf(`${long}b`)).not.toBe(accountOf(`${long}c`));
});
