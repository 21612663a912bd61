import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { WtError } from "../errors/wt-error.ts";
import { worldPaths } from "../os/paths.ts";
import { connectDaemon, type DaemonConnection, request } from "./daemon-connection.ts";
import { hermeticEnvironment } from "./testing/fake-daemon.ts";

// A daemon that does what the CLI relies on and nothing else: a lock, a socket, its build in every answer, a stop. It notes each start.
const program = `
import { appendFileSync, mkdirSync, openSync, rmSync } from "node:fs";
import { dirname } from "node:path";
const { FAKE_SOCKET: socket, FAKE_BUILD: build, FAKE_LOCK: lock, FAKE_MODE: mode } = process.env;
appendFileSync(lock + ".starts", build + "\\n");
if (mode === "broken") { console.error("cannot open the ledger"); process.exit(1); }
mkdirSync(dirname(socket), { recursive: true });
try { openSync(lock, "wx"); } catch { process.exit(0); }
rmSync(socket, { force: true });
let inFlight = mode === "busy" ? 1 : 0;
Bun.serve({ unix: socket, idleTimeout: 0, fetch(request) {
  const path = new URL(request.url).pathname;
  const headers = { "wt-build": build };
  if (path === "/v1/daemon/stop") {
    appendFileSync(lock + ".stops", build + " " + inFlight + "\\n");
    setTimeout(() => { rmSync(lock); process.exit(0); }, 5);
  }
  if (path === "/v1/gateway" && mode === "dies") process.kill(process.pid, "SIGKILL");
  if (inFlight > 0) setTimeout(() => { inFlight = 0; }, 30);
  return Response.json({ version: "1", build, pid: process.pid, operationsInFlight: inFlight }, { headers });
} });
`;

let home: string;
let env: Record<string, string>;
let script: string;
let lock: string;

beforeEach(() => {
  home = mkdtempSync("/tmp/wt-connect-");
  script = join(home, "daemon.ts");
  lock = join(home, "lock");
  env = hermeticEnvironment(home);
  writeFileSync(script, program);
});
afterEach(async () => {
  const response = await connect("any")
    .fetchIfRunning("/v1/daemon/stop", request({}))
    .catch(() => null);
  await response?.body?.cancel();
  rmSync(home, { recursive: true, force: true });
});

function connect(
  build: string,
  mode = "",
  { notices = [], version = "2" }: { notices?: string[]; version?: string } = {},
): DaemonConnection {
  const paths = worldPaths(env);
  return connectDaemon({
    paths,
    env: { ...env, FAKE_SOCKET: paths.socket, FAKE_BUILD: build, FAKE_LOCK: lock, FAKE_MODE: mode },
    version,
    build,
    onNotice: (text) => void notices.push(text),
    daemonCommand: [process.execPath, script],
  });
}

async function answeringBuild(connection: DaemonConnection, path = "/v1/environments/list"): Promise<string | null> {
  const response = await connection.fetch(path, request({}));
  await response.body?.cancel();
  return response.headers.get("wt-build");
}

const noted = (what: "starts" | "stops") => {
  try {
    return readFileSync(`${lock}.${what}`, "utf8").trim().split("\n");
  } catch {
    return [];
  }
};

describe("nobody listens", () => {
  test("the daemon is started, once, and answers", async () => {
    expect(await connect("a").observe()).toBeNull();
    expect(await answeringBuild(connect("a"))).toBe("a");
    expect(await answeringBuild(connect("a"))).toBe("a");
    expect(noted("starts")).toEqual(["a"]);
  });

  test("a socket that a dead daemon left behind is no obstacle", async () => {
    const { socket } = worldPaths(env);
    mkdirSync(dirname(socket), { recursive: true });
    const dead = Bun.spawnSync([
      process.execPath,
      "-e",
      `Bun.serve({ unix: ${JSON.stringify(socket)}, fetch: () => new Response() }); process.kill(process.pid, "SIGKILL")`,
    ]);
    expect(dead.exitCode).not.toBe(0);
    expect(await answeringBuild(connect("a"))).toBe("a");
  });

  test("many commands at once end with one daemon", async () => {
    const connections = Array.from({ length: 6 }, () => connect("a"));
    expect(await Promise.all(connections.map((connection) => answeringBuild(connection, "/v1/environments/create")))).toEqual(
      Array(6).fill("a"),
    );
    const view = await connect("a").observe();
    expect(await Promise.all(connections.map(async (connection) => (await connection.observe())?.pid))).toEqual(Array(6).fill(view?.pid));
  });

  test("a daemon that cannot start is one error with its last words", async () => {
    const error = await answeringBuild(connect("a", "broken")).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WtError);
    expect(error).toMatchObject({
      kind: "machine",
      code: "daemon_did_not_start",
      message: "The daemon did not start: it ended with code 1.",
    });
    expect((error as WtError).hints[0]).toBe("  cannot open the ledger");
  });

  test("asking whether it runs does not start it", async () => {
    expect(await connect("a").fetchIfRunning("/v1/daemon", request({}))).toBeNull();
    expect(noted("starts")).toEqual([]);
  });
});

describe("another build listens", () => {
  test("it is stopped, ours takes its place, and the person is told", async () => {
    await answeringBuild(connect("old"));
    const notices: string[] = [];
    expect(await answeringBuild(connect("new", "", { notices }), "/v1/environments/create")).toBe("new");
    expect(notices).toEqual(["wt: replacing the daemon of another version (1); services keep running."]);
    expect(await answeringBuild(connect("newer"))).toBe("newer");
    expect(noted("starts")).toEqual(["old", "new", "newer"]);
  });

  test("of the same version: that is no reason, and is not given as one", async () => {
    await answeringBuild(connect("old"));
    const notices: string[] = [];
    expect(await answeringBuild(connect("new", "", { notices, version: "1" }), "/v1/environments/create")).toBe("new");
    expect(notices).toEqual(["wt: replacing the daemon of another build; services keep running."]);
  });

  test("it may finish what it works on first", async () => {
    await answeringBuild(connect("old", "busy"));
    expect(await answeringBuild(connect("new"))).toBe("new");
    expect(noted("stops")).toEqual(["old 0"]);
  });

  test("several commands of the new build replace it together", async () => {
    await answeringBuild(connect("old"));
    const builds = await Promise.all(Array.from({ length: 5 }, () => answeringBuild(connect("new"))));
    expect(builds).toEqual(Array(5).fill("new"));
  });
});

test("a daemon that dies in the middle of a request is one clear error", async () => {
  const connection = connect("a", "dies");
  await answeringBuild(connection, "/v1/environments/create");
  const error = await connection.fetch("/v1/gateway", request({})).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ kind: "machine", code: "daemon_lost" });
  rmSync(lock, { force: true });
});
