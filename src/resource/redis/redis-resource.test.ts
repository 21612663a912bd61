import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resourceKinds } from "../../config/resource-kinds.ts";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { readProcess, readProcessTable } from "../../os/process-table.ts";
import { describeResourceDriver } from "../resource-driver.conformance.ts";
import type { ResourceCall, ResourceConnection, ResourceDriver, ResourceOptions, ResourceSpec } from "../resource-driver.ts";
import { eventually, type ResourceCases, type ResourceHarness } from "../resource-harness.conformance.ts";
import { quoted } from "./redis-files.ts";
import { openRedisLink, type RedisLink } from "./redis-link.ts";
import { redisOptions } from "./redis-options.ts";
import { parseRedisVersion } from "./redis-program.ts";
import { createRedisResource } from "./redis-resource.ts";

const installed = ["redis-server", "valkey-server"].some((name) => Bun.which(name) !== null);
const describeWithRedis = installed ? describe : (name: string, run: () => void) => describe.skip(`${name} (no redis-server here)`, run);

interface Place {
  root: string;
  spec(options?: ResourceOptions): Promise<ResourceSpec>;
  driver(env?: Record<string, string | undefined>): ResourceDriver;
  /** Ends what runs in the place; fails when a server is left whose directory is gone or that no driver knows. */
  dispose(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Pids of servers that work below a directory. */
async function serversBelow(root: string): Promise<number[]> {
  const table = await readProcessTable();
  return table
    .filter(({ pid, name, alive }) => alive && /^(redis|valkey)-server/.test(name) && cwdOf(pid).startsWith(root))
    .map(({ pid }) => pid);
}

async function killServers(root: string): Promise<void> {
  const pids = await serversBelow(root);
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await eventually(async () => {
    const infos = await Promise.all(pids.map(readProcess));
    expect(infos.some((info) => typeof info === "object" && info.alive)).toBe(false);
  });
}

function cwdOf(pid: number): string {
  try {
    return realpathSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

function createPlace(deep = ""): Place {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "wt-redis-")));
  mkdirSync(join(root, "main"));
  let count = 0;
  const specs: ResourceSpec[] = [];
  const drivers: ResourceDriver[] = [];
  return {
    root,
    async spec(options = {}) {
      const number = ++count;
      const worktree = join(root, `worktree${number}`);
      mkdirSync(worktree);
      const spec: ResourceSpec = {
        environmentId: `env${number}`,
        nonce: `nonce${number}`,
        name: "cache",
        label: `wt_shop_env${number}_cache`,
        options,
        directory: join(root, "state", deep, `env${number}/cache`),
        worktree,
        mainWorktree: join(root, "main"),
        main: false,
        port: await freePort(),
      };
      specs.push(spec);
      return spec;
    },
    driver(env = process.env) {
      const driver = createRedisResource({ env });
      drivers.push(driver);
      return driver;
    },
    async dispose() {
      for (const driver of drivers) await driver.close();
      const last = createRedisResource({ env: process.env });
      for (const spec of specs) {
        if ((await last.observe(spec)).state !== "foreign") await last.remove(spec);
      }
      const left = await serversBelow(root);
      for (const pid of left) process.kill(pid, "SIGKILL");
      rmSync(root, { recursive: true, force: true });
      expect(left).toEqual([]);
    },
  };
}

/** Runs commands for real, as the daemon does. */
function call(spec: { worktree: string }, abort: AbortSignal = new AbortController().signal): ResourceCall {
  return {
    abort,
    report: () => undefined,
    async run(command, variables) {
      const env = { PATH: process.env.PATH ?? "", ...variables };
      const { code, stderr } = await exec(["/bin/sh", "-c", command], { cwd: spec.worktree, env, abort });
      if (code !== 0) throw new WtError({ kind: "machine", code: "command_failed", message: `\`${command}\` failed: ${stderr.trim()}.` });
    },
  };
}

/** As an app connects: by what the URL says. */
function open(connection: ResourceConnection): Promise<RedisLink> {
  const url = new URL(connection.values.url!);
  // CLIENT SETNAME comes with it; a client must not be called as the daemon's own.
  return openRedisLink({ host: url.hostname, port: Number(url.port) }, url.password).then(async (link) => {
    await link.send("CLIENT", "SETNAME", "app");
    return link;
  });
}

async function ask(connection: ResourceConnection, ...words: string[]) {
  const link = await open(connection);
  try {
    return await link.send(...words);
  } finally {
    await link.send("QUIT").catch(() => undefined);
    link.close();
  }
}

async function createHarness(options: ResourceOptions, deep = ""): Promise<ResourceHarness> {
  const place = createPlace(deep);
  const strangers: Server[] = [];
  return {
    driver: place.driver(),
    reopen: () => place.driver(),
    spec: () => place.spec(options),
    async brokenSpec() {
      const spec = await place.spec(options);
      const stranger = createServer();
      await new Promise<void>((resolve) => stranger.listen(spec.port ?? 0, "127.0.0.1", resolve));
      strangers.push(stranger);
      return spec;
    },
    call: (abort) => call({ worktree: place.root }, abort),
    write: async (connection, text) => void (await ask(connection, "SET", "text", text)),
    read: async (connection) => (await ask(connection, "GET", "text")) as string | null,
    async holdClient(connection) {
      const link = await open(connection);
      return async () => link.close();
    },
    async makeForeign(spec) {
      mkdirSync(spec.directory, { recursive: true });
      writeFileSync(join(spec.directory, "mine"), "mine");
      return async () => readFileSync(join(spec.directory, "mine"), "utf8") === "mine";
    },
    async makeHalf(spec) {
      // The daemon died while the seed ran, before it had written down which process it started.
      const driver = place.driver();
      await driver.ensure(spec, call(spec));
      const record = join(spec.directory, "server.json");
      writeFileSync(record, readFileSync(record, "utf8").replace('"made":true', '"made":false'));
      rmSync(join(spec.directory, "process.json"));
    },
    async dispose() {
      for (const stranger of strangers) stranger.close();
      await place.dispose();
    },
  };
}

const cases: ResourceCases = {
  features: { checkpoints: true, sleep: true, port: true },
  clients: true,
  forks: true,
  valid: [{}, { persist: "append", max_memory: "256mb", from: "~/dump.rdb", seed: "npm run seed", variable: "QUEUE_REDIS_URL" }],
  invalid: [
    { options: { persist: "always" }, key: "persist" },
    { options: { max_memory: "much" }, key: "max_memory" },
    { options: { variable: "REDIS" }, key: "variable" },
    { options: { migrate: "x" }, key: "migrate" },
  ],
};

test("the documented options are those the driver reads", () => {
  expect(Object.keys(resourceKinds.redis.entries).sort()).toEqual(["type", ...Object.keys(redisOptions)].sort());
});

test("texts in the configuration", () => {
  expect(quoted('a "b" \\ ü\n')).toBe('"a \\"b\\" \\\\ \\xc3\\xbc\\x0a"');
});

test("versions", () => {
  expect(parseRedisVersion("Redis server v=7.0.15 sha=00000000:0")).toEqual({ version: "7.0.15", movesPort: true });
  expect(parseRedisVersion("Valkey server v=8.1.0 sha=0")).toEqual({ version: "8.1.0", movesPort: true });
  expect(parseRedisVersion("Redis server v=6.2.1 sha=0")).toEqual({ version: "6.2.1", movesPort: false });
  expect(parseRedisVersion("hello")).toBeNull();
});

test("without a server program it says what to install, and makes nothing", async () => {
  const place = createPlace();
  const spec = await place.spec();
  const thrown = await place
    .driver({ PATH: "/nowhere" })
    .ensure(spec, call(spec))
    .catch((error: unknown) => error);
  expect((thrown as WtError).code).toBe("program_missing");
  expect(existsSync(spec.directory)).toBe(false);
  await place.dispose();
});

describeWithRedis("with a server", () => {
  describeResourceDriver("the Redis driver", () => createHarness({}), cases);
  describeResourceDriver("the Redis driver with an append-only file", () => createHarness({ persist: "append" }), cases);
  // Too long for a socket: it is asked over its port, and starts on it.
  describeResourceDriver(
    "the Redis driver in a deep directory",
    () => createHarness({ persist: "none" }, "very-long-name/".repeat(8)),
    cases,
  );

  describe("the Redis driver", () => {
    let place: Place;
    let driver: ResourceDriver;
    beforeEach(() => {
      place = createPlace();
      driver = place.driver();
    });
    afterEach(() => place.dispose());

    const failure = async (promise: Promise<unknown>): Promise<WtError> => {
      const thrown = await promise.then(
        () => null,
        (error: unknown) => error,
      );
      expect(thrown).toBeInstanceOf(WtError);
      return thrown as WtError;
    };

    test("names its variables after the URL's, and lets nobody in without the password", async () => {
      const spec = await place.spec({ variable: "QUEUE_URL" });
      const { variables } = await driver.ensure(spec, call(spec));
      const password = variables.QUEUE_PASSWORD!;
      expect(variables).toEqual({
        QUEUE_URL: `redis://default:${password}@127.0.0.1:${spec.port}`,
        QUEUE_HOST: "127.0.0.1",
        QUEUE_PORT: String(spec.port),
        QUEUE_PASSWORD: password,
      });
      expect(password).toMatch(/^[0-9a-f]{48}$/);
      await expect(openRedisLink({ host: "127.0.0.1", port: spec.port! }, "other")).rejects.toThrow("WRONGPASS");
      for (const name of ["server.json", "redis.conf"]) expect(statSync(join(spec.directory, name)).mode & 0o077).toBe(0);
      const other = await place.spec();
      expect((await driver.ensure(other, call(other))).values.password).not.toBe(password);
    });

    test("listens on loopback alone", async () => {
      const spec = await place.spec();
      await driver.ensure(spec, call(spec));
      const outside = Object.values((await import("node:os")).networkInterfaces())
        .flat()
        .find((one) => one && !one.internal && one.family === "IPv4");
      if (!outside) return;
      const refused = await new Promise((resolve) => {
        const socket = connect({ host: outside.address, port: spec.port! });
        socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
        socket.once("connect", () => resolve("connected"));
      });
      expect(refused).toBe("ECONNREFUSED");
    });

    test("asleep it costs no process; looking at the port wakes nobody, a word does", async () => {
      const spec = await place.spec();
      const connection = await driver.ensure(spec, call(spec));
      expect(await serversBelow(place.root)).toHaveLength(1);
      expect(await driver.sleep(spec)).toBe(true);
      expect(await serversBelow(place.root)).toEqual([]);
      const looking = connect({ host: "127.0.0.1", port: spec.port! });
      await new Promise<void>((resolve) => looking.once("connect", resolve));
      expect((await driver.observe(spec)).state).toBe("asleep");
      expect(await ask(connection, "PING")).toBe("PONG");
      expect(await serversBelow(place.root)).toHaveLength(1);
      looking.destroy();
    });

    test("a client that stays is handed over: it never notices", async () => {
      const spec = await place.spec();
      const connection = await driver.ensure(spec, call(spec));
      await ask(connection, "SET", "text", "kept");
      await driver.sleep(spec);
      const link = await open(connection);
      for (let round = 0; round < 5; round++) expect(await link.send("GET", "text")).toBe("kept");
      expect(await driver.sleep(spec)).toBe(false);
      link.close();
      await eventually(async () => expect(await driver.sleep(spec)).toBe(true));
    });

    test("clients that come and go while it falls asleep and wakes lose nothing", async () => {
      const spec = await place.spec();
      const connection = await driver.ensure(spec, call(spec));
      let stop = false;
      let served = 0;
      const lost: string[] = [];
      const clients = Array.from({ length: 4 }, async () => {
        while (!stop) {
          await ask(connection, "INCR", "count").then(
            () => served++,
            (error) => lost.push(String(error)),
          );
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      });
      for (let slept = 0; slept < 8; ) if (await driver.sleep(spec)) slept++;
      stop = true;
      await Promise.all(clients);
      // The port changes its owner in about a millisecond; a client that comes just then may be refused, as by any restart. None hangs.
      for (const reason of lost) expect(reason).toMatch(/ECONNRE|EPIPE|closed/);
      expect(lost.length).toBeLessThan(served);
      expect(Number(await ask(connection, "GET", "count"))).toBeGreaterThanOrEqual(served);
    }, 30_000);

    test("a killed server is broken, wakes when told to, and keeps what was saved", async () => {
      const spec = await place.spec({ persist: "append" });
      const connection = await driver.ensure(spec, call(spec));
      await ask(connection, "SET", "text", "kept");
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await killServers(place.root);
      expect((await driver.observe(spec)).state).toBe("broken");
      await driver.wake(spec);
      expect(await ask(connection, "GET", "text")).toBe("kept");
    });

    test("after a reboot the next daemon answers for it, and the first connection wakes it", async () => {
      const spec = await place.spec();
      const connection = await driver.ensure(spec, call(spec));
      await ask(connection, "SET", "text", "kept");
      await ask(connection, "SAVE");
      await driver.close();
      await killServers(place.root);
      driver = place.driver();
      await driver.adopt(spec);
      expect((await driver.observe(spec)).state).toBe("asleep");
      expect(await ask(connection, "GET", "text")).toBe("kept");
    });

    test("a server whose record was lost is found by the directory it works in", async () => {
      const spec = await place.spec();
      await driver.ensure(spec, call(spec));
      rmSync(join(spec.directory, "process.json"));
      expect((await driver.observe(spec)).state).toBe("ready");
      rmSync(join(spec.directory, "process.json"));
      await driver.remove(spec);
      expect(await serversBelow(place.root)).toEqual([]);
    });

    test("a pid that belongs to another process now is not touched", async () => {
      const spec = await place.spec();
      await driver.ensure(spec, call(spec));
      await killServers(place.root);
      const stranger = Bun.spawn(["sleep", "60"]);
      writeFileSync(join(spec.directory, "process.json"), JSON.stringify({ pid: stranger.pid, startTime: 1, bootId: "x" }));
      expect((await driver.observe(spec)).state).toBe("broken");
      await driver.remove(spec);
      expect(stranger.exitCode).toBeNull();
      stranger.kill();
      await stranger.exited;
    });

    test("seeded once, and again by a reset; a failed seed leaves nothing, or what was there before", async () => {
      const spec = await place.spec({ seed: 'redis-cli -u "$REDIS_URL" INCR seeded' });
      const connection = await driver.ensure(spec, call(spec));
      await driver.ensure(spec, call(spec));
      expect(await ask(connection, "GET", "seeded")).toBe("1");
      await ask(connection, "SET", "text", "mine");
      const broken = { ...spec, options: { seed: "echo no such file >&2; exit 1" } };
      expect((await failure(driver.reset(broken, call(spec)))).message).toContain("no such file");
      expect(await ask(connection, "GET", "text")).toBe("mine");
      await driver.reset(spec, call(spec));
      expect(await ask(connection, "GET", "text")).toBeNull();
      expect(await ask(connection, "GET", "seeded")).toBe("1");
      const never = await place.spec(broken.options);
      await failure(driver.ensure(never, call(never)));
      expect(existsSync(never.directory)).toBe(false);
      expect(await serversBelow(never.directory)).toEqual([]);
    });

    test("begins with an RDB file; what is none is refused", async () => {
      const source = await place.spec();
      const connection = await driver.ensure(source, call(source));
      await ask(connection, "SET", "text", "from a dump");
      await driver.sleep(source);
      const dump = join(source.directory, "data/dump.rdb");
      for (const persist of ["snapshot", "append"]) {
        const spec = await place.spec({ from: dump, persist });
        expect(await ask(await driver.ensure(spec, call(spec)), "GET", "text")).toBe("from a dump");
      }
      writeFileSync(join(place.root, "main/text.rdb"), "SET a b");
      symlinkSync(dump, join(place.root, "main/link.rdb"));
      for (const from of ["text.rdb", "nowhere.rdb", "link.rdb"]) {
        const spec = await place.spec({ from });
        const error = await failure(driver.ensure(spec, call(spec)));
        expect(error.code).toBe("resource_source");
        expect(error.message).toContain(join(place.root, "main", from));
        expect(existsSync(spec.directory)).toBe(false);
      }
    });

    test("a damaged dump says what the server said", async () => {
      const from = join(place.root, "main/damaged.rdb");
      writeFileSync(from, `REDIS0010${"x".repeat(100)}`);
      const spec = await place.spec({ from });
      const error = await failure(driver.ensure(spec, call(spec)));
      expect(error.code).toBe("redis_start");
      expect(error.hints.join("\n")).toMatch(/RDB/i);
    });

    test("the limit of memory holds", async () => {
      const spec = await place.spec({ max_memory: "3mb" });
      const connection = await driver.ensure(spec, call(spec));
      expect(await ask(connection, "CONFIG", "GET", "maxmemory")).toEqual(["maxmemory", String(3 * 1024 * 1024)]);
      expect(await ask(connection, "CONFIG", "GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "allkeys-lru"]);
    });

    test("under another port than before it moves, with its data", async () => {
      const spec = await place.spec();
      await ask(await driver.ensure(spec, call(spec)), "SET", "text", "kept");
      const moved = { ...spec, port: await freePort() };
      expect(await ask(await driver.ensure(moved, call(spec)), "GET", "text")).toBe("kept");
      expect(await serversBelow(place.root)).toHaveLength(1);
    });

    test("a crash in the middle of a reset leaves the old content", async () => {
      const spec = await place.spec();
      const connection = await driver.ensure(spec, call(spec));
      await ask(connection, "SET", "text", "old");
      await driver.sleep(spec);
      await driver.close();
      const { renameSync } = await import("node:fs");
      renameSync(join(spec.directory, "data"), join(spec.directory, "data.old"));
      driver = place.driver();
      await driver.adopt(spec);
      expect(await ask(connection, "GET", "text")).toBe("old");
    });

    test("a wake that fails tells the client why, and the next one is tried again", async () => {
      const spec = await place.spec();
      const connection = await driver.ensure(spec, call(spec));
      await ask(connection, "SET", "text", "kept");
      await driver.sleep(spec);
      const dump = join(spec.directory, "data/dump.rdb");
      const bytes = readFileSync(dump);
      writeFileSync(dump, "REDIS0010 torn");
      await expect(ask(connection, "GET", "text")).rejects.toThrow("did not start");
      writeFileSync(dump, bytes);
      await eventually(async () => expect(await ask(connection, "GET", "text")).toBe("kept"));
    });
  });
});
