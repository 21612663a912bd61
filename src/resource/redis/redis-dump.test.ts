// A Redis' content as a file, out and in.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WtError } from "../../errors/wt-error.ts";
import type { ResourceCall, ResourceConnection, ResourceDriver, ResourceOptions, ResourceSpec } from "../resource-driver.ts";
import { openRedisLink } from "./redis-link.ts";
import { createRedisResource } from "./redis-resource.ts";

const installed = ["redis-server", "valkey-server"].some((name) => Bun.which(name) !== null);

let root: string;
let driver: ResourceDriver;
let specs: ResourceSpec[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wt-redis-dump-"));
  driver = createRedisResource({ env: process.env });
  specs = [];
});
afterEach(async () => {
  for (const spec of specs) await driver.remove(spec);
  await driver.close();
  rmSync(root, { recursive: true, force: true });
});

const call: ResourceCall = {
  abort: new AbortController().signal,
  report: () => undefined,
  run: () => Promise.reject(new Error("nothing is run")),
};
const wish = (path: string) => ({ path, format: null, schema: true, data: true });

async function made(name: string, options: ResourceOptions = {}): Promise<{ spec: ResourceSpec; connection: ResourceConnection }> {
  const worktree = join(root, name);
  mkdirSync(worktree);
  const port = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
  const place = { directory: join(root, "state", name), worktree, mainWorktree: root, main: false, port };
  const spec = { environmentId: name, nonce: name, name: "cache", label: `wt_${name}_cache`, options, ...place };
  specs.push(spec);
  return { spec, connection: await driver.ensure(spec, call) };
}

async function ask({ values }: ResourceConnection, ...words: string[]) {
  const url = new URL(values.url ?? "");
  const link = await openRedisLink({ host: url.hostname, port: Number(url.port) }, url.password);
  try {
    return await link.send(...words);
  } finally {
    link.close();
  }
}

describe.skipIf(!installed)("a Redis", () => {
  test.each(["snapshot", "append"])("comes back from its dump, awake or asleep (persist: %s)", async (persist) => {
    const one = await made("one", { persist });
    const two = await made("two", { persist });
    await ask(one.connection, "SET", "key", "kept");
    await ask(two.connection, "SET", "old", "1");
    const path = join(root, "cache.rdb");
    expect(await driver.dump?.(one.spec, wish(path), call)).toBe("rdb");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await driver.sleep(two.spec);
    await driver.load?.(two.spec, path, call);
    expect([await ask(two.connection, "GET", "key"), await ask(two.connection, "GET", "old")]).toEqual(["kept", null]);
    // Also after the next start.
    await driver.sleep(two.spec);
    expect(await ask(two.connection, "GET", "key")).toBe("kept");
  });

  test("keeps what it has when the file is no dump or a damaged one", async () => {
    const { spec, connection } = await made("one");
    await ask(connection, "SET", "key", "kept");
    const failure = async (content: string) => {
      writeFileSync(join(root, "bad.rdb"), content);
      return (await driver.load?.(spec, join(root, "bad.rdb"), call).catch((error) => error)) as WtError;
    };
    expect((await failure("no dump")).code).toBe("dump_unreadable");
    expect((await failure("REDIS0011 and then nonsense")).kind).toBe("machine");
    expect(await ask(connection, "GET", "key")).toBe("kept");
    const path = join(root, "cache.sql");
    const refused = (await driver.dump?.(spec, { ...wish(path), format: "plain" }, call).catch((error) => error)) as WtError;
    expect([refused.code, existsSync(path)]).toEqual(["dump_format", false]);
  });
});
