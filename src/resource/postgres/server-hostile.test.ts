// `server:` against servers as people have them: old and new, closed, without rights, TLS alone, behind something that is no server.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { createServer, connect as dial } from "node:net";
import { SQL } from "bun";
import fc from "fast-check";
import type { WtError } from "../../errors/wt-error.ts";
import { quoteLiteral } from "./pg-session.ts";
import { createPostgresHarness, type PostgresHarness } from "./postgres-harness.conformance.ts";
import { encode, serverUrlText } from "./server-url.ts";
import { startTestServer, superuser, type TestServer } from "./test-server.conformance.ts";

setDefaultTimeout(60_000);
const installed15 = existsSync("/usr/lib/postgresql/15/bin/postgres");
const openssl = Bun.which("openssl") !== null;
let world: PostgresHarness;
beforeEach(async () => {
  world = await createPostgresHarness();
});
afterEach(async () => {
  await world.dispose();
});

let count = 0;
const spec = (options: { [key: string]: string }) => world.spec(`h${process.pid}_${++count}`, options);
const failure = async (promise: Promise<unknown>): Promise<WtError> => {
  const error = (await promise.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  )) as WtError;
  expect(error.message).toMatch(/^resources\.db\..*\.$/);
  return error;
};

for (const major of [18, 15]) {
  const suite = major === 15 && !installed15 ? describe.skip : describe;
  suite(`PostgreSQL ${major}${major === 15 && !installed15 ? " (skipped: it is not installed)" : ""}`, () => {
    let server: TestServer;
    beforeAll(async () => {
      server = await startTestServer({ major });
      await server.admin(`CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'b'; CREATE ROLE helper CREATEDB CREATEROLE LOGIN PASSWORD 'h';
        CREATE ROLE nothing LOGIN PASSWORD 'n'; CREATE ROLE half CREATEDB LOGIN PASSWORD 'x'; CREATE ROLE reader; CREATE ROLE shop_owner`);
    });
    afterAll(async () => {
      await server.dispose();
    });
    const left = async () => {
      const rows = [
        ...(await server.admin("SELECT datname AS name FROM pg_database WHERE datname LIKE 'wt%'")),
        ...(await server.admin("SELECT rolname AS name FROM pg_roles WHERE rolname LIKE 'wt%'")),
      ];
      return rows.map(({ name }) => name);
    };
    const making = async (name: string, sql = "") => {
      await server.admin(`CREATE DATABASE "${name.replaceAll('"', '""')}" OWNER shop_owner`);
      if (sql) await server.admin(`SET ROLE shop_owner; ${sql}`, name);
    };
    const dropping = (name: string) => server.admin(`DROP DATABASE "${name.replaceAll('"', '""')}" WITH (FORCE)`);

    test.each([
      ["nothing", "n", "CREATEDB and CREATEROLE", "databases"],
      ["half", "x", "CREATEROLE", "roles"],
    ])("the user %s is told which rights are missing", async (...[user, password, rights, what]) => {
      const error = await failure(world.driver.ensure(await spec({ server: server.url(user, password) }), world.call()));
      expect(error.message).toBe(
        `resources.db.server: the user ${user} of this URL lacks ${rights} on that server, so it can make no ${what}.`,
      );
      expect(error.hints).toEqual([`As a superuser there: ALTER ROLE "${user}" ${rights.replace(" and", "")}`]);
      expect(await left()).toEqual([]);
    });

    test("a template of another is not copied by who may not, and by who may once it is a template", async () => {
      await making("others", "CREATE TABLE t AS SELECT 1 AS i");
      const made = await spec({ server: server.url("helper", "h"), from: "others" });
      const error = await failure(world.driver.ensure(made, world.call()));
      expect(error.message).toBe(
        "resources.db.from: the user of the server's URL may not copy the database others: it belongs to another and is no template.",
      );
      expect(await left()).toEqual([]);
      await dropping("others");
    });

    test("settings and grants of the template come along, whatever is in them; PUBLIC gets nothing", async () => {
      await making("shop", "CREATE SCHEMA app");
      const path = `app, "we""ird, x", public`;
      await server.admin(`ALTER DATABASE shop SET search_path = ${path}; ALTER DATABASE shop SET default_transaction_read_only = on;
        ALTER DATABASE shop SET application_name = 'it''s, "quoted" \\\\ x'; ALTER DATABASE shop SET my.setting = 'a=b';
        ALTER ROLE shop_owner IN DATABASE shop SET work_mem = '7MB'; GRANT CONNECT, TEMPORARY ON DATABASE shop TO reader`);
      const made = await spec({ server: server.url("boss", "b"), from: "shop" });
      const { values } = await world.driver.ensure(made, world.call());
      const settings = (name: string) =>
        server.admin(
          `SELECT unnest(s.setconfig) AS text FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = ${quoteLiteral(name)} AND s.setrole = 0 ORDER BY 1`,
        );
      expect(await settings(made.label)).toEqual(await settings("shop"));
      expect((await settings(made.label)).length).toBe(4);
      expect(await world.query(values.url ?? "", "SHOW work_mem")).toEqual([{ work_mem: "7MB" }]);
      expect(await world.query(values.url ?? "", "SHOW search_path")).toEqual([{ search_path: `app, "we""ird, x", public` }]);
      const [access] = await server.admin(`SELECT has_database_privilege('reader', '${made.label}', 'CONNECT') AS reader,
        has_database_privilege('nothing', '${made.label}', 'CONNECT') AS nothing`);
      expect(access).toEqual({ reader: "t", nothing: "f" });
      await world.driver.remove(made);
      await dropping("shop");
    });

    test("names of templates may have capitals, quotes, blanks and 63 bytes; 64 bytes are none", async () => {
      const longest = `${"é".repeat(31)}x`;
      for (const name of [`My "Shop" 'x'`, "UPPER", longest, "a%sb\\c"]) {
        await making(name, "CREATE TABLE t AS SELECT 1 AS i");
        const made = await spec({ server: server.url("boss", "b"), from: name });
        const { values } = await world.driver.ensure(made, world.call());
        expect(await world.query(values.url ?? "", "SELECT i FROM t")).toEqual([{ i: 1 }]);
        await world.driver.remove(made);
        await dropping(name);
      }
      const made = await spec({ server: server.url("boss", "b"), from: `${longest}y` });
      expect((await failure(world.driver.ensure(made, world.call()))).message).toBe(
        `resources.db.from: there is no database ${longest}y on that server.`,
      );
    });

    test("a template with sessions is told at once, with who they are", async () => {
      await making("busy");
      const client = new SQL({ url: `${server.url("boss", "b", "busy")}?application_name=an%20IDE`, max: 1 });
      await client`SELECT 1`;
      const error = await failure(world.driver.ensure(await spec({ server: server.url("boss", "b"), from: "busy" }), world.call()));
      expect(error.message).toBe("resources.db.from: the database busy has 1 open session(s) (an IDE), so it cannot be copied.");
      expect(await left()).toEqual([]);
      await client.close({ timeout: 0 });
      await dropping("busy");
    });

    test("two creates at once from one template, and one that is deleted under its clients", async () => {
      await making("both", "CREATE TABLE t AS SELECT generate_series(1, 5000) AS i");
      const specs = await Promise.all([1, 2, 3].map(() => spec({ server: server.url("boss", "b"), from: "both" })));
      const made = await Promise.all(specs.map((each) => world.driver.ensure(each, world.call())));
      for (const { values } of made) {
        expect(await world.query(values.url ?? "", "SELECT count(*)::int AS n FROM t")).toEqual([{ n: 5000 }]);
      }
      const clients = made.map(({ values }) => new SQL({ url: values.url ?? "", max: 2 }));
      await Promise.all(clients.map((client) => client`SELECT pg_backend_pid()`));
      const sleeping = clients[0]?.unsafe("SELECT pg_sleep(60)").catch((error: Error) => error);
      for (const each of specs) await world.driver.remove(each);
      expect(await sleeping).toBeInstanceOf(Error);
      for (const client of clients) await client.close({ timeout: 0 }).catch(() => undefined);
      expect(await left()).toEqual([]);
      await dropping("both");
    });

    test("who may only make databases and roles cannot be kept out by a superuser's session in one", async () => {
      const made = await spec({ server: server.url("helper", "h") });
      const { values } = await world.driver.ensure(made, world.call());
      const client = new SQL({ url: server.url("boss", "b", made.label), max: 1 });
      await client`SELECT 1`;
      const error = (await world.driver.remove(made).catch((thrown: unknown) => thrown)) as WtError;
      expect(error.message).toMatch(
        /^resources\.db\.server: the server could not drop the database \S+, which has 1 open session\(s\) \(.*\): .*\.$/,
      );
      // Nothing was lost by trying.
      expect(await world.query(values.url ?? "", "SELECT 1 AS one")).toEqual([{ one: 1 }]);
      await client.close({ timeout: 0 });
      await world.driver.remove(made);
      expect(await left()).toEqual([]);
    });

    test("PG* variables of the daemon's shell send nothing elsewhere", async () => {
      await making("elsewhere", "CREATE TABLE precious AS SELECT 1 AS i");
      const evil = { PGDATABASE: "elsewhere", PGUSER: "nobody", PGHOST: "192.0.2.1", PGPORT: "1", PGPASSWORD: "x", PGSSLMODE: "require" };
      const others = {
        PGOPTIONS: "-c default_transaction_read_only=on",
        PGCHANNELBINDING: "require",
        DATABASE_URL: "postgres://a:b@192.0.2.1/c",
      };
      const before = { ...process.env };
      Object.assign(process.env, evil, others);
      try {
        const made = await spec({ server: server.url("boss", "b"), from: "elsewhere" });
        await world.driver.ensure(made, world.call());
        await world.driver.reset(made, world.call());
        await world.driver.remove(made);
      } finally {
        for (const key of Object.keys({ ...evil, ...others })) delete process.env[key];
        Object.assign(process.env, before);
      }
      const owner = "SELECT tableowner AS name FROM pg_tables WHERE tablename = 'precious'";
      expect(await server.admin(owner, "elsewhere")).toEqual([{ name: "shop_owner" }]);
      expect(await left()).toEqual([]);
      await dropping("elsewhere");
    });

    test("a unix socket is reached, and so does the app", async () => {
      const url = serverUrlText({
        user: superuser,
        password: "",
        host: server.socketDirectory,
        port: server.port,
        database: "",
        parameters: [],
      });
      expect(url).toContain("host=%2F");
      for (const written of [url, `postgres:///postgres?host=${encode(server.socketDirectory)}&port=${server.port}&user=${superuser}`]) {
        const made = await spec({ server: written });
        const { values, variables } = await world.driver.ensure(made, world.call());
        expect(variables.PGHOST).toBe(server.socketDirectory);
        expect(await world.query(values.url ?? "", "SELECT current_user AS name")).toEqual([{ name: made.label }]);
        await world.driver.remove(made);
      }
    });

    test("passwords of every kind get an app in (property)", async () => {
      await server.admin("DROP ROLE IF EXISTS odd; CREATE ROLE odd LOGIN CREATEDB CREATEROLE");
      const text = fc.string({
        unit: fc.oneof(
          fc.constantFrom(..."@:/?#[]%&'\"\\ $=+;<>|~^`{}!*(),"),
          fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 1 }),
          fc.constantFrom("ü", "漢", "💥"),
        ),
        minLength: 1,
        maxLength: 16,
      });
      await fc.assert(
        fc.asyncProperty(text, async (password) => {
          await server.admin(`ALTER ROLE odd PASSWORD ${quoteLiteral(password)}`);
          const url = server.url("odd", password);
          const shared = await world.spec(`p${++count}`, { branch: "shared", url });
          const { values } = await world.driver.ensure(shared, world.call());
          expect(values.password).toBe(password);
          expect(await world.query(values.url ?? "", "SELECT 1 AS one")).toEqual([{ one: 1 }]);
        }),
        { numRuns: 25 },
      );
    });
  });
}

describe("a server that lets in by TLS alone", () => {
  const able = installed15 && openssl;
  (able ? test : test.skip)(
    `is used with and without sslmode${able ? "" : " (skipped: PostgreSQL 15 or openssl is missing)"}`,
    async () => {
      const server = await startTestServer({ major: 15, tls: true, hba: "hostssl all all 127.0.0.1/32 scram-sha-256" });
      try {
        await server.admin("CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'b'");
        for (const query of ["", "?sslmode=require", "?sslmode=require&options=-c%20geqo%3Doff&application_name=shop"]) {
          const made = await spec({ server: server.url("boss", "b") + query });
          const { values } = await world.driver.ensure(made, world.call());
          expect(values.url?.endsWith(query)).toBe(true);
          const url = query ? (values.url ?? "") : `${values.url}?sslmode=require`;
          expect(await world.query(url, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).toEqual([{ ssl: true }]);
          await world.driver.remove(made);
        }
        const error = await failure(
          world.driver.ensure(await spec({ server: `${server.url("boss", "b")}?sslmode=disable` }), world.call()),
        );
        expect(error.message).toMatch(/does not answer: no pg_hba\.conf entry for host .*no encryption\.$/);
        const unverified = await failure(
          world.driver.ensure(await spec({ server: `${server.url("boss", "b")}?sslmode=verify-full` }), world.call()),
        );
        expect(unverified.message).toMatch(/certificate/i);
      } finally {
        await server.dispose();
      }
    },
  );
});

describe("what is no server", () => {
  test("nobody listens: one sentence, at once", async () => {
    const error = await failure(world.driver.ensure(await spec({ server: "postgres://u:secret@127.0.0.1:1/d" }), world.call()));
    expect(error.message).toMatch(/^resources\.db\.server: the database d on 127\.0\.0\.1:1 does not answer: .*\.$/);
    expect(error.message).not.toContain("secret");
  });

  test("something that speaks otherwise: one sentence", async () => {
    const other = createServer((socket) =>
      socket.on("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")).on("error", () => undefined),
    );
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as { port: number };
    try {
      const error = await failure(world.driver.ensure(await spec({ server: `postgres://u:secret@127.0.0.1:${port}/d` }), world.call()));
      expect(error.message).not.toContain("secret");
    } finally {
      other.close();
    }
  });

  test("a pooler that knows only its own databases: everything is taken back, and the sentence says why", async () => {
    const server = await startTestServer({ major: 18 });
    await server.admin("CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'b'");
    // As PgBouncer does without `*`: databases it was not told of do not exist.
    const pooler = createServer((client) => {
      client.on("error", () => undefined);
      client.once("data", (first: Buffer) => {
        if (first.readInt32BE(4) === 80_877_103) {
          client.write("N");
          return void client.once("data", (second: Buffer) => pass(client, second));
        }
        pass(client, first);
      });
    });
    const pass = (client: import("node:net").Socket, first: Buffer) => {
      if (!first.includes("database\0postgres\0")) {
        const body = Buffer.from("SFATAL\0C08P01\0Mno such database\0\0");
        const head = Buffer.from([0x45, 0, 0, 0, body.length + 4]);
        return void client.end(Buffer.concat([head, body]));
      }
      const upstream = dial({ host: "127.0.0.1", port: server.port });
      upstream.on("error", () => client.destroy());
      upstream.on("close", () => client.destroy());
      client.on("close", () => upstream.destroy());
      upstream.write(first);
      client.pipe(upstream).pipe(client);
    };
    await new Promise<void>((resolve) => pooler.listen(0, "127.0.0.1", resolve));
    const { port } = pooler.address() as { port: number };
    try {
      const made = await spec({ server: `postgres://boss:b@127.0.0.1:${port}/postgres` });
      const error = await failure(world.driver.ensure(made, world.call()));
      expect(error.message).toMatch(/no such database\.$/);
      expect(error.hints.join()).toContain("PgBouncer");
      expect(existsSync(made.directory)).toBe(false);
      expect(await server.admin("SELECT datname FROM pg_database WHERE datname LIKE 'wt%'")).toEqual([]);
      expect(await server.admin("SELECT rolname FROM pg_roles WHERE rolname LIKE 'wt%'")).toEqual([]);
    } finally {
      pooler.close();
      await server.dispose();
    }
  });
});
