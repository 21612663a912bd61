import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDockerEngine } from "./docker-engine.ts";

/** An engine that can be made to hang: it takes connections, and says nothing. */
function fakeEngine() {
  const directory = mkdtempSync(join(tmpdir(), "wt-engine-"));
  const unix = join(directory, "engine.sock");
  const state = { hangs: (_path: string) => false, asked: [] as string[] };
  const server = Bun.listen({
    unix,
    socket: {
      data(socket, data) {
        const path = data.toString().split(" ")[1] ?? "";
        state.asked.push(path);
        if (!state.hangs(path)) socket.end(`HTTP/1.0 200 OK\r\n\r\n${path === "/_ping" ? "OK" : "[]"}`);
      },
    },
  });
  const dispose = () => {
    server.stop(true);
    rmSync(directory, { recursive: true, force: true });
  };
  return Object.assign(state, { unix, [Symbol.dispose]: dispose });
}

const patience = { actMs: 60_000, readMs: 150, pingMs: 150, againMs: 150, freshMs: 60_000, restMs: 60_000 };
const silent = { kind: "machine", code: "engine_silent" };
const outcome = (work: Promise<unknown>) => work.catch((error: unknown) => error);

test("an engine that hangs is told as such, and not waited for again by those who come after", async () => {
  using engine = fakeEngine();
  engine.hangs = () => true;
  const docker = createDockerEngine(engine.unix, patience);
  expect(await outcome(docker.containers({}))).toMatchObject(silent);
  expect(engine.asked).toEqual(["/_ping"]);
  expect(await outcome(docker.start("web"))).toMatchObject(silent);
  expect(await outcome(docker.networks({}))).toMatchObject(silent);
  expect(engine.asked).toEqual(["/_ping"]);
});

test("one that hangs in the middle is asked again after a rest, and all is well once it answers", async () => {
  using engine = fakeEngine();
  const docker = createDockerEngine(engine.unix, { ...patience, restMs: 0 });
  expect(await docker.networks({})).toEqual([]);
  expect(await docker.networks({})).toEqual([]);
  // Who heard of it a moment ago asks no more than he wants to know.
  expect(engine.asked.filter((path) => path === "/_ping")).toHaveLength(1);
  engine.hangs = (path) => path !== "/_ping";
  expect(await outcome(docker.networks({}))).toMatchObject(silent);
  engine.hangs = () => false;
  expect(await docker.networks({})).toEqual([]);
  expect(engine.asked.filter((path) => path === "/_ping")).toHaveLength(2);
});

test("whoever gives up hears his own reason", async () => {
  using engine = fakeEngine();
  const docker = createDockerEngine(engine.unix, patience);
  await docker.networks({});
  engine.hangs = () => true;
  const abort = new AbortController();
  const asking = outcome(docker.networks({}, abort.signal));
  const reason = new Error("enough");
  abort.abort(reason);
  expect(await asking).toBe(reason);
});
