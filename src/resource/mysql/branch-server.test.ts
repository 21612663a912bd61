// A server of its own: what the contract does not ask but a user relies on.
import { afterAll, afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { SQL } from "bun";
import { WtError } from "../../errors/wt-error.ts";
import { readProcess } from "../../os/process-table.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { eventually } from "../resource-harness.conformance.ts";
import { read, write } from "./contract-client.conformance.ts";
import { createMysqlHarness, keepTemplates, type MysqlHarness, query, whyNoServer } from "./mysql-harness.conformance.ts";
import { findServers, serverHome } from "./server-home.ts";

setDefaultTimeout(60_000);

const kept = keepTemplates();
afterAll(() => kept.remove());

let world: MysqlHarness;
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => new WtError({ kind: "internal", code: "none", message: "nothing was thrown" }),
    (error: unknown) => error as WtError,
  );
const made = async (name: string, options: Parameters<MysqlHarness["spec"]>[1] = {}) => {
  const spec = await world.spec(name, options);
  const connection = await world.driver.ensure(spec, world.call());
  return { spec, connection, url: connection.values.url ?? "" };
};
const serverOf = async (spec: ResourceSpec) => (await findServers(serverHome(spec.directory).data))[0]?.pid ?? 0;
const killServer = async (spec: ResourceSpec) => {
  const pid = await serverOf(spec);
  process.kill(pid, "SIGKILL");
  await eventually(async () => expect(await serverOf(spec)).toBe(0));
};
const state = async (spec: ResourceSpec) => (await world.driver.observe(spec)).state;
const templateOf = (spec: ResourceSpec) =>
  join(world.state, "mysql/templates", JSON.parse(readFileSync(join(spec.directory, "branch.json"), "utf8")).template, "server/data");
const writeSql = (name: string, text: string) => {
  writeFileSync(join(world.worktree, name), text);
  return name;
};

describe.skipIf(whyNoServer !== null)("mysql", () => {
  beforeEach(async () => {
    world = await createMysqlHarness({ kept });
  });
  afterEach(async () => {
    await world.dispose();
  });

  describe("a template", () => {
    test("is built once for two that want it at the same time, and again when its inputs change", async () => {
      writeSql("schema.sql", "CREATE TABLE t (i INT)");
      const migrate = 'echo built >> count; mariadb -h "$MYSQL_HOST" -u "$MYSQL_USER" "$MYSQL_DATABASE" < schema.sql';
      const options = { migrate, inputs: ["schema.sql"] };
      const [one, two] = await Promise.all([made("one", options), made("two", options)]);
      await query(one.url, "INSERT INTO t VALUES (1)");
      expect(await query(two.url, "SELECT * FROM t")).toEqual([]);
      expect(readFileSync(join(world.worktree, "count"), "utf8")).toBe("built\n");
      writeSql("schema.sql", "CREATE TABLE t (i INT); CREATE TABLE u (i INT)");
      const three = await made("three", options);
      expect(await query(three.url, "SELECT * FROM u")).toEqual([]);
      expect(readFileSync(join(world.worktree, "count"), "utf8")).toBe("built\nbuilt\n");
    });

    test("whose migration fails or is interrupted leaves no server, no directory", async () => {
      writeSql("in.sql", "x");
      const failing = await world.spec("failing", { migrate: "echo no such table >&2; exit 1", inputs: ["in.sql"] });
      expect((await failureOf(world.driver.ensure(failing, world.call()))).message).toContain("no such table");
      const abort = new AbortController();
      const stopped = await world.spec("stopped", { migrate: "true", inputs: ["in.sql"] });
      const reason = new Error("no longer wanted");
      const run = async () => {
        abort.abort(reason);
        throw reason;
      };
      expect(await failureOf(world.driver.ensure(stopped, world.call({ abort: abort.signal, run })))).toBe(reason as WtError);
      for (const spec of [failing, stopped]) expect(existsSync(spec.directory)).toBe(false);
      expect(readdirSync(join(world.state, "mysql/building"))).toEqual([]);
    });

    test("that was written to is put away and built again", async () => {
      const file = join(templateOf((await made("one")).spec), "ibdata1");
      truncateSync(file, statSync(file).size - 4096);
      const { connection } = await made("two");
      await write(connection, "whole");
      expect(statSync(file).size % (1 << 20)).toBe(0);
    });

    test("that was damaged in silence is found out when a copy does not start, and built again", async () => {
      const data = templateOf((await made("one")).spec);
      const { mtime, atime } = statSync(join(data, "ibdata1"));
      const bytes = readFileSync(join(data, "ibdata1"));
      writeFileSync(join(data, "ibdata1"), bytes.fill(7, 0, 1 << 20));
      utimesSync(join(data, "ibdata1"), atime, mtime);
      const { connection } = await made("two");
      await write(connection, "whole");
      expect(world.reports).toContain("the template was damaged and is built again");
    });

    test("left by a builder that died is swept away with its server", async () => {
      const { spec } = await made("one");
      const left = join(world.state, "mysql/building/abc.1");
      mkdirSync(left, { recursive: true });
      await world.driver.sleep(spec);
      await world.driver.close();
      renameSync(join(spec.directory, "server"), join(left, "server"));
      writeFileSync(join(left, "builder.json"), JSON.stringify({ pid: 1, startTime: 1, bootId: "another" }));
      const next = world.next();
      rmSync(spec.directory, { recursive: true });
      await next.ensure(await world.spec("two"), world.call());
      expect(readdirSync(join(world.state, "mysql/building"))).toEqual([]);
    });
  });

  describe("from", () => {
    test("a dump of mariadb-dump with views, triggers, routines and accounts that are not here", async () => {
      const source = await made("source");
      await query(
        source.url,
        "CREATE TABLE apple (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(60) CHARACTER SET utf8mb4, picture BLOB)",
      );
      await query(source.url, "CREATE FUNCTION one() RETURNS INT DETERMINISTIC RETURN (SELECT COUNT(*) FROM apple)");
      await query(source.url, "CREATE TRIGGER named BEFORE INSERT ON apple FOR EACH ROW SET NEW.name = CONCAT(NEW.name, '!')");
      await query(source.url, "CREATE VIEW apples AS SELECT name FROM apple");
      await query(source.url, "INSERT INTO apple (name, picture) VALUES ('Größe 😀', X'00ff270a5c')");
      const { host, port, user, password } = source.connection.values;
      const dump = ["mariadb-dump", "--no-defaults", `-h${host}`, `-P${port}`, `-u${user}`, "--routines", "--no-tablespaces", "app"];
      const { stdout } = Bun.spawnSync(dump, { env: { PATH: process.env.PATH ?? "", MYSQL_PWD: password ?? "" } });
      writeFileSync(
        join(world.worktree, "dump.sql"),
        stdout.toString("latin1").replaceAll("DEFINER=`app`@`%`", "DEFINER=`prod`@`10.%`"),
        "latin1",
      );
      const { url } = await made("copy", { from: "dump.sql" });
      await query(url, "INSERT INTO apple (name) VALUES ('Cox')");
      expect(await query(url, "SELECT * FROM apples")).toEqual([{ name: "Größe 😀!" }, { name: "Cox!" }]);
      expect(await query(url, "SELECT one() AS n, HEX(picture) AS picture FROM apple LIMIT 1")).toEqual([{ n: 2, picture: "00FF270A5C" }]);
      expect(world.reports.join("\n")).toContain("defined by prod@10.%");
    });

    const wrong: [string, string | null, RegExp][] = [
      ["gone.sql", null, /^resources\.db\.from: the file .*gone\.sql does not exist\.$/],
      [
        "bad.sql",
        "CREATE TABLE t (i INT);\nINSERT INTO t VALUES (1);\nSELECT 1 FROMM t;\n",
        /^resources\.db\.from: bad\.sql line 3 failed: .*syntax.* \(error 1064\)\.$/,
      ],
      ["many.sql", "CREATE DATABASE shop;\nUSE shop;\nCREATE TABLE t (i INT);", /makes the database shop and puts its tables there/],
      ["zipped.sql", "\x1f\x8b\x08 x", /is compressed with gzip\.$/],
      ["binary.sql", "PK\0\0\0", /is not an SQL file\.$/],
    ];
    test.each(wrong)("%s: one sentence that names the key", async (name, text, sentence) => {
      if (text !== null) writeFileSync(join(world.worktree, name), Buffer.from(text, "latin1"));
      const spec = await world.spec("bad", { from: name });
      const error = await failureOf(world.driver.ensure(spec, world.call()));
      expect(error).toBeInstanceOf(WtError);
      expect(error.message).toMatch(sentence);
      expect(existsSync(spec.directory)).toBe(false);
    });

    test("without a client program it says what to install", async () => {
      writeSql("a.sql", "SELECT 1");
      world.next({ path: "/nonexistent" });
      const error = await failureOf(world.driver.ensure(await world.spec("a", { from: "a.sql" }), world.call()));
      expect(error.message).toMatch(
        /^resources\.db\.from: .*a\.sql can only be read with the program mariadb \(or mysql\), which was not found/,
      );
      expect(error.hints[0]).toMatch(/Install it with/);
    });
  });

  describe("sleep", () => {
    test("not with an open transaction, a running statement, or a session that worked a moment ago", async () => {
      const { spec, url } = await made("a", { sleep: "1s" });
      const client = new SQL({ url, max: 1 });
      await client.unsafe("CREATE TABLE t (i INT)").simple();
      await client.unsafe("BEGIN").simple();
      await client.unsafe("INSERT INTO t VALUES (1)").simple();
      await Bun.sleep(2_500);
      expect(await world.driver.sleep(spec)).toBe(false);
      await client.unsafe("COMMIT").simple();
      expect(await world.driver.sleep(spec)).toBe(false);
      const slow = client.unsafe("SELECT SLEEP(2)").simple().execute();
      await Bun.sleep(1_500);
      expect(await world.driver.sleep(spec)).toBe(false);
      await slow;
      await client.close({ timeout: 0 });
    });

    test("after the idle time by itself, long-idle sessions of a pool notwithstanding; five that come at once wake it", async () => {
      const { spec, url } = await made("a", { sleep: "1s" });
      await query(url, "CREATE TABLE t (i INT)");
      const pool = new SQL({ url, max: 2 });
      await pool.unsafe("SELECT 1").simple();
      await eventually(async () => expect(await state(spec)).toBe("asleep"));
      expect(await serverOf(spec)).toBe(0);
      await Promise.all([1, 2, 3, 4, 5].map((i) => query(url, `INSERT INTO t VALUES (${i})`)));
      expect(await query(url, "SELECT COUNT(*) AS n FROM t")).toEqual([{ n: 5 }]);
      expect(await state(spec)).toBe("ready");
      await pool.close({ timeout: 0 });
    });

    test("a first connection gets the server's own greeting; who only looks whether the port is open wakes nobody", async () => {
      const { spec } = await made("a");
      await world.driver.sleep(spec);
      const glance = connect({ host: "127.0.0.1", port: spec.port ?? 0 });
      await new Promise((resolve) => glance.once("connect", resolve));
      glance.destroy();
      await Bun.sleep(150);
      expect(await state(spec)).toBe("asleep");
      const client = connect({ host: "127.0.0.1", port: spec.port ?? 0 });
      const greeting = await new Promise<Buffer>((resolve) => client.once("data", resolve));
      // Protocol version 10, then the version of the server.
      expect(greeting[4]).toBe(10);
      client.destroy();
    });

    test("nobody who comes while it wakes is refused; the next daemon carries connections on", async () => {
      const { spec, url } = await made("a");
      await query(url, "CREATE TABLE t (i INT)");
      await world.driver.sleep(spec);
      const came = await Promise.allSettled(
        Array.from({ length: 60 }, async (_, index) => {
          await Bun.sleep(index * 4);
          await query(url, `INSERT INTO t VALUES (${index})`);
        }),
      );
      expect(came.filter(({ status }) => status === "rejected")).toEqual([]);
      expect(await query(url, `SELECT COUNT(*) AS n, @@port <> ${spec.port} AS carried FROM t`)).toEqual([{ n: 60, carried: 1 }]);
      const pid = await serverOf(spec);
      await world.driver.close();
      await world.next().adopt(spec);
      expect(await query(url, "SELECT COUNT(*) AS n FROM t")).toEqual([{ n: 60 }]);
      expect(await serverOf(spec)).toBe(pid);
      expect(await world.driver.sleep(spec)).toBe(true);
      expect(await query(url, "SELECT COUNT(*) AS n FROM t")).toEqual([{ n: 60 }]);
    });

    test("a server that cannot wake tells the client why, in the words of the protocol", async () => {
      const { spec, url } = await made("a");
      await world.driver.sleep(spec);
      const { data } = serverHome(spec.directory);
      renameSync(join(data, "ibdata1"), join(data, "ibdata1.away"));
      expect((await failureOf(query(url, "SELECT 1"))).message).toMatch(/worldtree could not wake this database/);
      expect(await state(spec)).toBe("broken");
      for (const name of readdirSync(data)) if (/^(ibdata1|ib_logfile0)$/.test(name)) rmSync(join(data, name));
      renameSync(join(data, "ibdata1.away"), join(data, "ibdata1"));
      world.failures.splice(0);
    });
  });

  describe("a crash", () => {
    test("kill -9 of the server: what was committed is there at the next connection", async () => {
      const { spec, connection, url } = await made("a");
      await write(connection, "committed");
      const open = new SQL({ url, max: 1 });
      await open.unsafe("BEGIN").simple();
      await open.unsafe("UPDATE note SET text = 'not committed'").simple();
      await killServer(spec);
      await open.close({ timeout: 0 }).catch(() => undefined);
      await eventually(async () => expect(await state(spec)).toBe("asleep"));
      expect(await read(connection)).toBe("committed");
    });

    test("kill -9 of the daemon: the server runs on, and the next one takes it over, also without its notes", async () => {
      const { spec, connection } = await made("a");
      await write(connection, "mine");
      const pid = await serverOf(spec);
      rmSync(join(spec.directory, "server.json"));
      const next = world.next();
      await next.adopt(spec);
      expect(await state(spec)).toBe("ready");
      expect(await next.sleep(spec)).toBe(true);
      await eventually(async () => expect(await readProcess(pid)).toBe("gone"));
      expect(await read(connection)).toBe("mine");
    });

    test("of the daemon while it held the server still: the next one lets it go on", async () => {
      const { spec, connection } = await made("a");
      await write(connection, "mine");
      process.kill(await serverOf(spec), "SIGSTOP");
      await world.next().adopt(spec);
      expect(await read(connection)).toBe("mine");
    });

    test("a pid that belongs to another process now is not touched", async () => {
      const { spec } = await made("a");
      await killServer(spec);
      const stranger = Bun.spawn(["sleep", "60"]);
      writeFileSync(join(spec.directory, "server.json"), JSON.stringify({ pid: stranger.pid, startTime: 1, bootId: "x" }));
      await world.driver.remove(spec);
      expect(stranger.exitCode).toBeNull();
      stranger.kill();
      await stranger.exited;
    });

    const breaks: [string, (directory: string) => void][] = [
      ["before the old content moved", (at) => mkdirSync(join(at, "next"))],
      ["between the two renames", (at) => renameSync(join(at, "server/data"), join(at, "previous"))],
      [
        "before the new content was kept",
        (at) => {
          renameSync(join(at, "server/data"), join(at, "previous"));
          mkdirSync(join(at, "server/data"));
        },
      ],
    ];
    test.each(breaks)("in the middle of an exchange, %s: the old content is back", async (_, breakIt) => {
      const { spec, connection } = await made("a");
      await write(connection, "old");
      await world.driver.sleep(spec);
      await world.driver.close();
      breakIt(spec.directory);
      await world.next().adopt(spec);
      expect(await read(connection)).toBe("old");
      expect(readdirSync(spec.directory).filter((name) => /next|previous/.test(name))).toEqual([]);
    });

    test("a reset whose migration fails changes nothing", async () => {
      const { spec, connection } = await made("a", { migrate: "true" });
      await write(connection, "mine");
      const broken = { ...spec, options: { ...spec.options, migrate: "echo no such column >&2; exit 1" } };
      expect((await failureOf(world.driver.reset(broken, world.call()))).message).toContain("no such column");
      expect(await read(connection)).toBe("mine");
    });
  });

  describe("fork", () => {
    test("of a server that is written to: one instant, clients stay, the migration runs, the source goes on", async () => {
      const { spec, url } = await made("a");
      await query(url, "CREATE TABLE account (id INT PRIMARY KEY, amount INT)");
      await query(url, "INSERT INTO account SELECT seq, 100 FROM seq_1_to_50");
      let stop = false;
      let moved = 0;
      const client = new SQL({ url, max: 1 });
      const load = (async () => {
        while (!stop) {
          const [from, to] = [1 + (moved % 50), 1 + ((moved * 7 + 3) % 50)];
          await client.unsafe("BEGIN").simple();
          await client.unsafe(`UPDATE account SET amount = amount - 1 WHERE id = ${from}`).simple();
          await client.unsafe(`UPDATE account SET amount = amount + 1 WHERE id = ${to}`).simple();
          await client.unsafe("COMMIT").simple();
          moved++;
        }
      })();
      await eventually(async () => expect(moved).toBeGreaterThan(20));
      for (const name of ["b", "c", "d"]) {
        const migrate = 'mariadb -h "$MYSQL_HOST" -u "$MYSQL_USER" "$MYSQL_DATABASE" -e "CREATE TABLE migrated (i INT)"';
        const fork = await world.spec(name, { migrate });
        const copy = (await world.driver.fork?.(fork, spec, world.call()))?.values.url ?? "";
        expect(await query(copy, "SELECT SUM(amount) AS all_of_it, COUNT(*) AS n FROM account")).toEqual([{ all_of_it: "5000", n: 50 }]);
        expect(await query(copy, "CHECK TABLE account EXTENDED")).toMatchObject([{ Msg_text: "OK" }]);
        expect(await query(copy, "SELECT * FROM migrated")).toEqual([]);
      }
      const before = moved;
      await eventually(async () => expect(moved).toBeGreaterThan(before));
      stop = true;
      await load;
      await client.close({ timeout: 0 });
      expect(world.failures).toEqual([]);
    });

    test("upon one that is there: its values stay, and it is as it was when that fails", async () => {
      const source = await made("a");
      const target = await made("b");
      await write(source.connection, "source");
      await write(target.connection, "target");
      const failing = { ...target.spec, options: { ...target.spec.options, migrate: "exit 1" } };
      await failureOf(Promise.resolve(world.driver.fork?.(failing, source.spec, world.call())));
      expect(await read(target.connection)).toBe("target");
      await world.driver.sleep(source.spec);
      expect(await world.driver.fork?.(target.spec, source.spec, world.call())).toEqual(target.connection);
      expect(await read(target.connection)).toBe("source");
      expect(await state(source.spec)).toBe("asleep");
    });
  });

  describe("apart", () => {
    test("eight at once are eight servers; no password opens another, and root has no way in", async () => {
      const all = await Promise.all(Array.from({ length: 8 }, (_, index) => made(`e${index}`)));
      await Promise.all(all.map(({ connection }, index) => write(connection, `content ${index}`)));
      expect(await Promise.all(all.map(({ connection }) => read(connection)))).toEqual(all.map((_, index) => `content ${index}`));
      const [one, two] = all;
      const crossed = (two?.url ?? "").replace(/:[^:@]*@/, `:${one?.connection.values.password}@`);
      expect((await failureOf(query(crossed, "SELECT 1"))).message).toMatch(/Access denied/);
      for (const password of ["", "root"]) {
        const root = `mysql://root:${password}@127.0.0.1:${one?.spec.port}/app`;
        expect((await failureOf(query(root, "SELECT 1"))).message).toMatch(/Access denied/);
      }
      const denied = ["SELECT * FROM mysql.user INTO OUTFILE '/tmp/x'", "SHUTDOWN", "SET GLOBAL general_log = 1"];
      for (const statement of denied) expect((await failureOf(query(one?.url ?? "", statement))).message).toMatch(/denied/);
      // Test databases of frameworks, shadow databases of migrations.
      await query(one?.url ?? "", "CREATE DATABASE test_app");
      if (process.getuid?.() === 0) expect((await readStatus(await serverOf(one?.spec as ResourceSpec))).Uid).not.toMatch(/^0\b/);
    });

    test("it listens on loopback alone, and its files are closed to others", async () => {
      const { spec, url } = await made("a");
      expect(await query(url, "SELECT @@bind_address AS address, @@log_bin AS log, @@event_scheduler AS events")).toEqual([
        { address: "127.0.0.1", log: 0, events: "OFF" },
      ]);
      expect(statSync(spec.directory).mode & 0o077).toBe(0);
      expect(statSync(serverHome(spec.directory).home).mode & 0o077).toBe(0);
    });

    test("a port that somebody else holds is one sentence, and nothing is left", async () => {
      const spec = await world.spec("a");
      const holder = createServer().listen(spec.port ?? 0, "127.0.0.1");
      await new Promise((resolve) => holder.once("listening", resolve));
      const error = await failureOf(world.driver.ensure(spec, world.call()));
      expect(error.message).toMatch(new RegExp(`^The port ${spec.port} of this database is held by `));
      expect(existsSync(spec.directory)).toBe(false);
      await new Promise((resolve) => holder.close(resolve));
    });

    test("settings and the scheme of wt.yaml arrive; a setting that is none is named", async () => {
      const { connection } = await made("a", {
        settings: { "max-connections": 17, sql_mode: "ANSI_QUOTES" },
        scheme: "mysql+pymysql",
        variable: "SHOP_DB",
      });
      expect(Object.keys(connection.variables)).toEqual(["SHOP_DB"]);
      expect(connection.values.url).toMatch(/^mysql\+pymysql:\/\/app:/);
      const url = (connection.values.url ?? "").replace("mysql+pymysql", "mysql");
      expect(await query(url, "SELECT @@max_connections AS n, @@sql_mode AS mode")).toEqual([{ n: 17, mode: "ANSI_QUOTES" }]);
      const wrong = await world.spec("b", { settings: { no_such_setting: 1 } });
      expect((await failureOf(world.driver.ensure(wrong, world.call()))).message).toMatch(/did not start: .*no_such_setting/);
    });

    test("under another port than before it moves, with its data", async () => {
      const { spec, connection } = await made("a");
      await write(connection, "kept");
      const moved = { ...spec, port: (await world.spec("unused")).port };
      const after = await world.driver.ensure(moved, world.call());
      expect(await read(after)).toBe("kept");
      expect((await findServers(serverHome(spec.directory).data)).length).toBe(1);
    });

    test("another version than there is, is named with what there is", async () => {
      const error = await failureOf(world.driver.ensure(await world.spec("a", { version: "4.1" }), world.call()));
      expect(error.message).toMatch(/^No server of MySQL or MariaDB 4\.1 was found; there is only (MariaDB|MySQL) \d/);
    });
  });
});

async function readStatus(pid: number): Promise<Record<string, string>> {
  const lines = readFileSync(`/proc/${pid}/status`, "utf8").split("\n");
  return Object.fromEntries(lines.map((line) => [line.split(":")[0] ?? "", line.slice(line.indexOf(":") + 1).trim()]));
}
