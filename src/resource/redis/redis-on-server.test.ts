// A real redis-server is started once; every case is a slice of it.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { describeResourceDriver } from "../resource-driver.conformance.ts";
import type { ResourceCall, ResourceConnection, ResourceDriver, ResourceOptions, ResourceSpec } from "../resource-driver.ts";
import { eventually, type ResourceCases, type ResourceHarness } from "../resource-harness.conformance.ts";
import { databasesKey } from "./redis-claims.ts";
import { openRedisLink, type RedisLink, type RedisReply } from "./redis-link.ts";
import { createRedisOnServer } from "./redis-on-server.ts";
import { parseRedisOptions, redisVariableNames } from "./redis-options.ts";
import { createRedisResource } from "./redis-resource.ts";

const program = Bun.which("redis-server");
const describeWithRedis = program ? describe : (name: string, run: () => void) => describe.skip(`${name} (no redis-server here)`, run);

const password = "s3cret@/:#";
const server = { port: 0, child: null as Bun.Subprocess | null, root: "" };
const adminUrl = () => `redis://:${encodeURIComponent(password)}@127.0.0.1:${server.port}`;

async function freePort(): Promise<number> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

async function startServer(): Promise<void> {
  server.child = Bun.spawn(
    [
      program ?? "",
      ...["--port", String(server.port), "--bind", "127.0.0.1", "--requirepass", password, "--save", "", "--dir", server.root],
    ],
    { stdio: ["ignore", "ignore", "ignore"] },
  );
  await eventually(async () => expect(await admin("PING")).toBe("PONG"));
}

async function stopServer(): Promise<void> {
  server.child?.kill("SIGKILL");
  await server.child?.exited;
  server.child = null;
}

async function withLink<T>(link: Promise<RedisLink>, work: (link: RedisLink) => Promise<T>): Promise<T> {
  const opened = await link;
  try {
    return await work(opened);
  } finally {
    opened.close();
  }
}

const admin = (...words: string[]): Promise<RedisReply> =>
  withLink(openRedisLink({ host: "127.0.0.1", port: server.port }, password), (link) => link.send(...words));

/** As an app connects: by what the URL says. */
async function open({ values }: ResourceConnection): Promise<RedisLink> {
  const url = new URL(values.url!);
  const link = await openRedisLink(
    { host: url.hostname, port: Number(url.port) },
    decodeURIComponent(url.password),
    decodeURIComponent(url.username),
  );
  if (url.pathname.length > 1) await link.send("SELECT", url.pathname.slice(1));
  await link.send("CLIENT", "SETNAME", "app");
  return link;
}

const ask = (connection: ResourceConnection, ...words: string[]) => withLink(open(connection), (link) => link.send(...words));
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => "nothing was thrown",
    (error: unknown) => error as Error,
  );

interface Place {
  root: string;
  spec(options?: ResourceOptions, label?: string): ResourceSpec;
  dispose(): Promise<void>;
}

let made = 0;
function createPlace(): Place {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "wt-redis-shared-")));
  const specs: ResourceSpec[] = [];
  return {
    root,
    spec(options = {}, label = `wt_shop_env${++made}_cache`) {
      const spec: ResourceSpec = {
        environmentId: `env${++made}`,
        nonce: `nonce${made}`,
        name: "cache",
        label,
        options: { server: adminUrl(), ...options },
        directory: join(root, `env${made}/cache`),
        worktree: root,
        mainWorktree: root,
        main: false,
        port: null,
      };
      specs.push(spec);
      return spec;
    },
    async dispose() {
      for (const spec of specs)
        await createRedisOnServer()
          .remove(spec)
          .catch(() => undefined);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function call(root: string, abort: AbortSignal = new AbortController().signal): ResourceCall {
  return {
    abort,
    report: () => undefined,
    async run(command, variables) {
      const env = { PATH: process.env.PATH ?? "", ...variables };
      const { code, stderr } = await exec(["/bin/sh", "-c", command], { cwd: root, env, abort });
      if (code !== 0) throw new WtError({ kind: "machine", code: "command_failed", message: `\`${command}\` failed: ${stderr.trim()}.` });
    },
  };
}

/** Its verbs alone, with what they can: the driver's own features are those of a server of one's own. */
function sliceDriver(): ResourceDriver {
  return {
    ...createRedisOnServer(),
    type: "redis",
    features: { checkpoints: false, sleep: false, port: false },
    variableNames: redisVariableNames,
    parseOptions: parseRedisOptions,
    close: async () => undefined,
  };
}

async function createHarness(options: ResourceOptions): Promise<ResourceHarness> {
  const place = createPlace();
  const [before, users] = [await admin("DBSIZE"), await admin("ACL", "USERS")];
  return {
    driver: sliceDriver(),
    reopen: () => sliceDriver(),
    spec: async () => place.spec(options),
    brokenSpec: async () => place.spec({ ...options, seed: "exit 3" }),
    call: (abort) => call(place.root, abort),
    write: async (connection, text) => void (await ask(connection, "SET", `${connection.values.prefix}text`, text)),
    read: async (connection) => (await ask(connection, "GET", `${connection.values.prefix}text`)) as string | null,
    async holdClient(connection) {
      const link = await open(connection);
      return async () => link.close();
    },
    async makeForeign(spec) {
      if (options.database === "auto") {
        const path = join(spec.directory, "mine");
        await Bun.write(path, "mine");
        return async () => readFileSync(path, "utf8") === "mine";
      }
      await admin("ACL", "SETUSER", spec.label, "on", ">other", "~other:*");
      await admin("SET", `${spec.label}:theirs`, "1");
      return async () => {
        const same = (await admin("GET", `${spec.label}:theirs`)) === "1" && (await admin("ACL", "GETUSER", spec.label)) !== null;
        await admin("ACL", "DELUSER", spec.label);
        await admin("DEL", `${spec.label}:theirs`);
        return same;
      };
    },
    async makeHalf(spec) {
      await sliceDriver().ensure(spec, call(place.root));
      const path = join(spec.directory, "on-server.json");
      writeFileSync(path, readFileSync(path, "utf8").replace('"made":true', '"made":false'));
    },
    async dispose() {
      await place.dispose();
      expect([await admin("ACL", "USERS"), await admin("HLEN", databasesKey)]).toEqual([users, 0]);
      expect(await admin("DBSIZE")).toBe(before);
    },
  };
}

const cases: ResourceCases = {
  features: { checkpoints: false, sleep: false, port: false },
  clients: true,
  valid: [{ server: "redis://localhost" }, { server: "rediss://a:b@h:1/2", database: "auto", seed: "x", variable: "QUEUE_REDIS_URL" }],
  invalid: [
    { options: { server: "http://localhost" }, key: "server" },
    { options: { server: "localhost:6379" }, key: "server" },
    { options: { server: "redis://h", database: "3" }, key: "database" },
    { options: { server: "redis://h", persist: "none" }, key: "persist" },
    { options: { database: "auto" }, key: "database" },
  ],
};

describeWithRedis("on a Redis that is there", () => {
  beforeAll(async () => {
    server.root = realpathSync(mkdtempSync(join(tmpdir(), "wt-redis-server-")));
    server.port = await freePort();
    await startServer();
  });
  afterAll(async () => {
    await stopServer();
    rmSync(server.root, { recursive: true, force: true });
  });

  describeResourceDriver("a user with a key prefix", () => createHarness({}), cases);
  describeResourceDriver("a logical database", () => createHarness({ database: "auto" }), cases);

  describe("a slice", () => {
    let place: Place;
    const driver = createRedisResource({ env: process.env });
    beforeEach(() => {
      place = createPlace();
    });
    afterEach(async () => {
      await place.dispose();
      await admin("FLUSHALL");
    });
    const ensure = (spec: ResourceSpec) => driver.ensure(spec, call(place.root));

    test("reaches its own keys and channels, and nothing that others would feel", async () => {
      const [a, b] = await Promise.all([ensure(place.spec()), ensure(place.spec())]);
      const [mine, theirs] = [`${a.values.prefix}x`, `${b.values.prefix}x`];
      await withLink(open(a), async (link) => {
        for (const words of [
          ["SET", mine, "1"],
          ["GET", mine],
          ["INFO", "server"],
          ["PUBLISH", `${mine}`, "hi"],
          ["EVAL", "return 1", "0"],
          ["SCRIPT", "LOAD", "return 1"],
        ])
          expect(await failure(link.send(...words))).toBe("nothing was thrown");
        const denied = [
          ["SET", theirs, "1"],
          ["GET", theirs],
          ["RENAME", mine, theirs],
          ["PUBLISH", theirs, "hi"],
          ["EVAL", `return redis.call("GET", "${theirs}")`, "0"],
          ["EVAL", "return 1", "1", theirs],
          ["FLUSHALL"],
          ["FLUSHDB"],
          ["SWAPDB", "0", "1"],
          ["KEYS", "*"],
          ["CONFIG", "GET", "*"],
          ["ACL", "LIST"],
          ["CLIENT", "KILL", "USER", "default"],
          ["SCRIPT", "FLUSH"],
          ["FUNCTION", "FLUSH"],
          ["MONITOR"],
          ["SHUTDOWN"],
          ["DEBUG", "SLEEP", "0"],
        ];
        for (const words of denied) {
          const thrown = await failure(link.send(...words));
          expect([words.join(" "), thrown instanceof Error]).toEqual([words.join(" "), true]);
        }
      });
    });

    test("keys of others stay, however near their names are, in every database", async () => {
      const spec = place.spec({}, "wt_shop_near");
      const others = ["wt_shop_nea", "wt_shop_near", "wt_shop_near2:x", "wt_shop_nearx", "xwt_shop_near:x"];
      for (const key of others) await admin("SET", key, "theirs");
      const { values } = await ensure(spec);
      await withLink(open({ variables: {}, values }), async (link) => {
        for (let index = 0; index < 2500; index++) void link.send("SET", `${values.prefix}${index}`, "x");
        await link.send("SELECT", "5");
        await link.send("SET", `${values.prefix}elsewhere`, "x");
      });
      expect((await driver.usage(spec)).how).toContain("2501 keys");
      await driver.reset(spec, call(place.root));
      expect(await admin("DBSIZE")).toBe(others.length);
      await driver.remove(spec);
      for (const key of others) expect(await admin("GET", key)).toBe("theirs");
      expect(String(await admin("INFO", "keyspace"))).not.toContain("db5");
    });

    test("keys under its prefix that nobody has a record of are somebody's", async () => {
      const spec = place.spec();
      await admin("SET", `${spec.label}:precious`, "1");
      const thrown = await failure(ensure(spec));
      expect((thrown as WtError).code).toBe("redis_foreign");
      expect(await admin("GET", `${spec.label}:precious`)).toBe("1");
      expect(await admin("ACL", "GETUSER", spec.label)).toBeNull();
    });

    test("a server that was restarted and has forgotten its users learns them again", async () => {
      const spec = place.spec();
      const connection = await ensure(spec);
      await stopServer();
      expect(await driver.observe(spec)).toMatchObject({ state: "broken", reason: expect.stringContaining("does not answer") });
      await driver.adopt(spec);
      await startServer();
      expect(await driver.observe(spec)).toMatchObject({ state: "broken", reason: expect.stringContaining("wt up") });
      await driver.wake(spec);
      expect((await driver.observe(spec)).state).toBe("ready");
      expect(await ask(connection, "SET", `${connection.values.prefix}a`, "1")).toBe("OK");
      expect(await ensure(spec)).toEqual(connection);
    });

    test("the password is kept here readable by nobody else, and on the server not at all", async () => {
      const spec = place.spec();
      const { values } = await ensure(spec);
      expect(statSync(join(spec.directory, "on-server.json")).mode & 0o777).toBe(0o600);
      expect(JSON.stringify(await admin("ACL", "LIST"))).not.toContain(values.password!);
      expect(JSON.stringify(await driver.observe(spec))).not.toContain(values.password!);
    });

    test("a server that is down hinders removal of what was made there, and of nothing else", async () => {
      const spec = place.spec();
      await ensure(spec);
      const away = `redis://127.0.0.1:${await freePort()}`;
      expect(await failure(driver.remove({ ...spec, options: { server: away } }))).toMatchObject({
        code: "redis_unreachable",
        kind: "machine",
      });
      await driver.remove(place.spec({ server: away }));
      expect(await failure(ensure(place.spec({ server: away })))).toMatchObject({ code: "redis_unreachable" });
      expect(await failure(ensure(place.spec({ server: adminUrl().replace("%23", "") })))).toMatchObject({
        kind: "config",
        code: "redis_refused",
      });
    });

    test("a user that may not manage users is told so, and may take databases", async () => {
      await admin("ACL", "SETUSER", "app", "on", ">app", "~*", "&*", "+@all", "-acl");
      const limited = `redis://app:app@127.0.0.1:${server.port}`;
      const thrown = (await failure(ensure(place.spec({ server: limited })))) as WtError;
      expect([thrown.code, thrown.hints.join()]).toEqual(["redis_refused", expect.stringContaining("database: auto")]);
      const connection = await ensure(place.spec({ server: limited, database: "auto" }));
      expect(connection.values).toMatchObject({ user: "app", prefix: "" });
      await admin("ACL", "DELUSER", "app");
    });

    test("databases: each a number of its own; those with keys, and 0, are never taken; at the end it says so", async () => {
      await withLink(openRedisLink({ host: "127.0.0.1", port: server.port }, password), async (link) => {
        await link.send("SELECT", "2");
        await link.send("SET", "theirs", "1");
      });
      const specs = Array.from({ length: 14 }, () => place.spec({ database: "auto" }));
      const connections = await Promise.all(specs.map(ensure));
      const numbers = connections.map(({ values }) => Number(new URL(values.url!).pathname.slice(1))).toSorted((a, b) => a - b);
      expect(numbers).toEqual([1, ...Array.from({ length: 13 }, (_, index) => index + 3)]);
      const thrown = (await failure(ensure(place.spec({ database: "auto" })))) as WtError;
      expect([thrown.code, thrown.message]).toEqual(["redis_databases_taken", expect.stringContaining("16 databases")]);
      for (const spec of specs) await driver.remove(spec);
      expect(await admin("HLEN", databasesKey)).toBe(0);
      expect(String(await admin("INFO", "keyspace"))).toMatch(/^db2:keys=1,/m);
    });

    test("a database whose claim was flushed by somebody is claimed again", async () => {
      const spec = place.spec({ database: "auto" });
      const connection = await ensure(spec);
      await admin("FLUSHALL");
      expect((await driver.observe(spec)).state).toBe("broken");
      await driver.wake(spec);
      expect((await driver.observe(spec)).state).toBe("ready");
      expect(await ensure(spec)).toEqual(connection);
    });

    test("put aside, nobody gets in and a new daemon lets nobody in; it comes back with its keys, on a server that has forgotten it too", async () => {
      const spec = place.spec();
      const connection = await ensure(spec);
      await ask(connection, "SET", `${spec.label}:note`, "precious");
      const client = await open(connection);
      expect(await driver.retire?.(spec)).toBe(true);
      await expect(client.send("PING")).rejects.toThrow();
      client.close();
      for (const again of [() => driver.wake(spec), () => driver.adopt(spec), () => driver.retire?.(spec)]) {
        await again();
        await expect(ask(connection, "PING")).rejects.toThrow();
      }
      expect(await driver.observe(spec)).toEqual({ state: "broken", reason: "it was put aside; `wt up` brings it back." });
      await admin("ACL", "DELUSER", spec.label);
      expect(await driver.retire?.(spec)).toBe(true);
      expect(await admin("ACL", "LIST")).toContainEqual(expect.stringContaining(`user ${spec.label} off`));
      expect((await ensure(spec)).values).toEqual(connection.values);
      expect(await ask(connection, "GET", `${spec.label}:note`)).toBe("precious");
      expect((await driver.observe(spec)).state).toBe("ready");
    });

    test("is no checkpoint and no dump", async () => {
      const spec = place.spec();
      await ensure(spec);
      for (const refused of [
        driver.checkpoint(spec, "a"),
        driver.restore(spec, "a"),
        driver.dump!(spec, { path: join(place.root, "d"), format: "rdb" } as never, call(place.root)),
      ])
        expect(await failure(refused)).toMatchObject({ kind: "refused" });
    });

    test("says what it is without its password", () => {
      const identity = (options: ResourceOptions) => driver.identity!({ server: "redis://u:secret@cache.example.com/1", ...options });
      expect(identity({})).toBe("a key prefix on the Redis at cache.example.com:6379");
      expect(identity({ database: "auto" })).toBe("a database on the Redis at cache.example.com:6379");
      expect(driver.identity!({})).toBe("a Redis server of its own");
    });
  });
});
