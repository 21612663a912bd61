// A server that a connection woke: the port stays with the listener, so nobody is ever refused; everything gets through unchanged.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { SQL } from "bun";
import type { ResourceSpec } from "../resource-driver.ts";
import { createPostgresHarness, eventually, type PostgresHarness } from "./postgres-harness.conformance.ts";
import { asAdmin, findServer, isCarried, serverPlace } from "./postmaster.ts";

setDefaultTimeout(60_000);

const version = existsSync("/usr/lib/postgresql/15/bin/postgres") ? 15 : 18;
const psql = Bun.which("psql");

let world: PostgresHarness;
beforeEach(async () => {
  world = await createPostgresHarness();
});
afterEach(async () => {
  await world.dispose();
  expect(world.failures).toEqual([]);
});

async function asleep(options = {}): Promise<{ spec: ResourceSpec; url: string }> {
  const spec = await world.spec("one", { version, ...options });
  const { values } = await world.driver.ensure(spec, world.call());
  const url = values.url ?? "";
  await world.query(url, "CREATE TABLE t AS SELECT 42 AS i");
  await putToSleep(spec);
  return { spec, url };
}

async function putToSleep(spec: ResourceSpec): Promise<void> {
  await eventually(async () => expect(await world.driver.sleep(spec)).toBe(true));
  expect((await world.driver.observe(spec)).state).toBe("asleep");
}

const carried = (spec: ResourceSpec) => isCarried(serverPlace(spec.directory));

/** Connects, without a word; gives how that ended. */
function knock(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve("connected");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(String(error.code)));
  });
}

describe("fifty connections at once", () => {
  test("wake it and all get their answers, and so do those that come while it starts; twice", async () => {
    const { spec, url } = await asleep({ settings: { max_connections: 80 } });
    for (let round = 0; round < 2; round++) {
      const knocks = new Set<string>();
      let open = true;
      const knocking = (async () => {
        while (open) knocks.add(await knock(spec.port ?? 0));
      })();
      const answers = await Promise.all(Array.from({ length: 50 }, () => world.query(url, "SELECT i FROM t")));
      expect(answers).toEqual(Array(50).fill([{ i: 42 }]));
      open = false;
      await knocking;
      expect([...knocks]).toEqual(["connected"]);
      expect(await carried(spec)).toBe(true);
      await putToSleep(spec);
    }
  });

  test("told to start, it has its port to itself", async () => {
    const { spec, url } = await asleep();
    await world.driver.wake(spec);
    expect(await carried(spec)).toBe(false);
    expect(await world.query(url, "SELECT i FROM t")).toEqual([{ i: 42 }]);
  });

  test("woken by a connection, it stays so when it is told to start", async () => {
    const { spec, url } = await asleep();
    const pool = new SQL({ url, max: 1 });
    const [before] = await pool`SELECT pg_backend_pid() AS pid`;
    await world.driver.wake(spec);
    await world.driver.ensure(spec, world.call());
    expect(await pool`SELECT pg_backend_pid() AS pid`.then(([row]: { pid: number }[]) => row)).toEqual(before);
    expect(await carried(spec)).toBe(true);
    await pool.close();
  });
});

describe("what is carried", () => {
  test("a wrong password, no password and the superuser are turned away by the server itself", async () => {
    const { url } = await asleep();
    await world.query(url, "SELECT 1");
    const wrong = url.replace(/:[^:@/]+@/, ":wrong@");
    for (const bad of [wrong, wrong.replace("//app:", "//worldtree:"), url.replace("//app:", "//worldtree:")]) {
      const answer = await world.query(bad, "SELECT 1").catch((error: Error) => error);
      expect(String(answer)).toContain("password authentication failed");
    }
  });

  test("the question for SSL is answered by the server", async () => {
    const { spec } = await asleep();
    const answer = await new Promise<string>((resolve) => {
      const socket = connect({ host: "127.0.0.1", port: spec.port ?? 0 }, () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
      socket.once("data", (bytes: Buffer) => {
        socket.destroy();
        resolve(bytes.toString("latin1"));
      });
    });
    expect(answer).toBe("N");
  });

  const cancelling = async () => {
    const { spec, url } = await asleep();
    const child = Bun.spawn([psql ?? "psql", url, "-c", "SELECT pg_sleep(50)"], {
      stdout: "pipe",
      stderr: "pipe",
      env: { PATH: process.env.PATH },
    });
    const running = () =>
      asAdmin(serverPlace(spec.directory), spec.port ?? 0, (session) =>
        session.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active' AND usename = 'app'"),
      );
    await eventually(async () => expect(await running()).toHaveLength(1));
    child.kill("SIGINT");
    expect(await new Response(child.stderr).text()).toContain("canceling statement due to user request");
    await child.exited;
  };
  if (psql) test("a request to cancel, which comes by a connection of its own", cancelling);
  else test.skip("a request to cancel (skipped: psql is not installed)", cancelling);

  test("much in both directions", async () => {
    const { url } = await asleep();
    const [row] = await world.query(url, "SELECT repeat('x', 5000000) AS text");
    expect(String(row?.text).length).toBe(5_000_000);
    const text = "y".repeat(3_000_000);
    expect(await world.query(url, `SELECT length('${text}') AS n`)).toEqual([{ n: 3_000_000 }]);
  });
});

describe("sleep of a server that a connection woke", () => {
  test("never with a listener, an open transaction or a long query; long-idle sessions are closed first", async () => {
    const { spec, url } = await asleep({ sleep: "1s" });
    for (const begin of ["BEGIN", "LISTEN news"]) {
      const client = new SQL({ url, max: 1 });
      const session = await client.reserve();
      await session.unsafe(begin);
      await Bun.sleep(1_300);
      expect([begin, await world.driver.sleep(spec)]).toEqual([begin, false]);
      session.release();
      await client.close({ timeout: 0 });
    }
    const busy = new SQL({ url, max: 1 });
    const session = await busy.reserve();
    const query = session.unsafe("SELECT pg_sleep(1.5), 7 AS seven");
    query.catch(() => undefined);
    await Bun.sleep(1_200);
    expect(await world.driver.sleep(spec)).toBe(false);
    expect((await query)[0]).toMatchObject({ seven: 7 });
    // The session stays, idle.
    await eventually(async () => expect((await world.driver.observe(spec)).state).toBe("asleep"));
    expect(await world.query(url, "SELECT i FROM t")).toEqual([{ i: 42 }]);
    await busy.close({ timeout: 0 }).catch(() => undefined);
  });

  test("kill -9 of the server: the next connection starts it again", async () => {
    const { spec, url } = await asleep();
    await world.query(url, "INSERT INTO t VALUES (43)");
    for (let round = 0; round < 3; round++) {
      const server = await findServer(serverPlace(spec.directory));
      process.kill(server?.pid ?? 0, "SIGKILL");
      expect(await world.query(url, "SELECT count(*)::int FROM t")).toEqual([{ count: 2 }]);
    }
    expect(await carried(spec)).toBe(true);
  });
});

test("kill -9 of the daemon: the next one carries connections to the same server, and lets it sleep", async () => {
  const { spec, url } = await asleep();
  await world.driver.close();
  const script = join(world.directory, "daemon.ts");
  writeFileSync(
    script,
    `import { createPostgresDriver } from ${JSON.stringify(join(import.meta.dir, "postgres-driver.ts"))};
     import { systemClock } from ${JSON.stringify(join(import.meta.dir, "../../os/clock.ts"))};
     const driver = createPostgresDriver({ stateDirectory: ${JSON.stringify(world.state)}, clock: systemClock });
     await driver.adopt(${JSON.stringify(spec)});
     console.log("adopted");
     setInterval(() => undefined, 1000);`,
  );
  const daemon = Bun.spawn([process.execPath, script], { stdout: "pipe", stderr: "inherit", env: { PATH: process.env.PATH } });
  await daemon.stdout.getReader().read();
  await world.query(url, "INSERT INTO t VALUES (43)");
  const before = await findServer(serverPlace(spec.directory));
  daemon.kill("SIGKILL");
  await daemon.exited;
  expect(await knock(spec.port ?? 0)).toBe("ECONNREFUSED");
  const next = world.next();
  await next.adopt(spec);
  expect((await next.observe(spec)).state).toBe("ready");
  expect(await world.query(url, "SELECT count(*)::int FROM t")).toEqual([{ count: 2 }]);
  expect(await findServer(serverPlace(spec.directory))).toEqual(before);
  await putToSleep(spec);
  expect(await world.query(url, "SELECT count(*)::int FROM t")).toEqual([{ count: 2 }]);
});
