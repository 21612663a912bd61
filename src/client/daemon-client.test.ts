import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { clientHeader } from "../api/endpoints.ts";
import { WtError } from "../errors/wt-error.ts";
import { createDaemonClient, type DaemonClient, type ProgressEvent } from "./daemon-client.ts";

const directory = mkdtempSync("/tmp/wt-client-");
const unix = join(directory, "d.sock");
const seen: { path: string; client: string | null; body: unknown }[] = [];
let gone = Promise.withResolvers<void>();
let server: ReturnType<typeof Bun.serve>;
let client: DaemonClient;
let answer: (request: Request) => Response | Promise<Response>;

beforeAll(() => {
  server = Bun.serve({
    unix,
    async fetch(request) {
      request.signal.addEventListener("abort", () => gone.resolve());
      seen.push({ path: new URL(request.url).pathname, client: request.headers.get(clientHeader), body: await request.json() });
      return await answer(request);
    },
  });
  client = createDaemonClient({ name: "test/1", fetch: (path, init) => fetch(`http://wt${path}`, { ...init, unix }) });
});
afterAll(async () => {
  await server.stop(true);
  rmSync(directory, { recursive: true });
});

const lines = (...items: unknown[]) => new Response(items.map((item) => `${JSON.stringify(item)}\n`).join(""));
const endless = (first: unknown) =>
  new Response(new ReadableStream({ start: (controller) => controller.enqueue(`${JSON.stringify(first)}\n`) }));
const target = { cwd: "/repo" };
const up = { target, services: [], env: {} };

async function failure(work: Promise<unknown>): Promise<WtError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof WtError) return error;
  throw new Error(`Expected a WtError, got ${String(error)}.`);
}

describe("call", () => {
  test("sends the arguments in the body and says who asks", async () => {
    answer = () => Response.json({ schema: 1, environments: [] });
    const request = { cwd: "/repo", all: false, git: "skip" } as const;
    expect(await client.call("/v1/environments/list", request)).toEqual({ schema: 1, environments: [] });
    expect(seen.at(-1)).toEqual({ path: "/v1/environments/list", client: "test/1", body: request });
  });

  test("throws the daemon's error with everything in it", async () => {
    const error = { kind: "not_found", code: "environment_unknown", message: "No.", hints: ["wt list"], details: { name: "x" } };
    answer = () => Response.json({ error }, { status: 404 });
    expect((await failure(client.call("/v1/environments/status", { target }))).toWire()).toEqual(error as never);
  });

  test.each([
    ["<html>", 502],
    ['{"error":"text"}', 500],
    ["not json", 200],
  ])("an answer that is not ours (%s) is one clear error", async (body, status) => {
    answer = () => new Response(body, { status });
    expect(await failure(client.call("/v1/gateway", {}))).toMatchObject({ kind: "machine", code: "daemon_answer_unreadable" });
  });
});

describe("operate", () => {
  test("hands on each event and resolves with the result", async () => {
    const step = { type: "step", step: "worktree", label: "Create" };
    answer = () => lines(step, { type: "step_done", step: "worktree", ms: 3 }, { type: "result", result: { schema: 1 } });
    const events: ProgressEvent[] = [];
    const result = await client.operate("/v1/environments/up", up, { onEvent: (event) => void events.push(event) });
    expect(events.map(({ type }) => type)).toEqual(["step", "step_done"]);
    expect(result as unknown).toEqual({ schema: 1 });
  });

  test("throws the error that ends it", async () => {
    answer = () => lines({ type: "error", error: { kind: "unhealthy", code: "services_unhealthy", message: "web.", hints: [] } });
    expect((await failure(client.operate("/v1/environments/up", up, { onEvent: () => undefined }))).kind).toBe("unhealthy");
  });

  test("a stream without an end means that the daemon is gone", async () => {
    answer = () => lines({ type: "note", message: "so far" });
    expect((await failure(client.operate("/v1/environments/up", up, { onEvent: () => undefined }))).code).toBe("daemon_lost");
  });

  test("aborting closes the connection, which is how the daemon learns of it", async () => {
    gone = Promise.withResolvers();
    answer = () => endless({ type: "note", message: "begun" });
    const controller = new AbortController();
    const work = client.operate("/v1/environments/up", up, { onEvent: () => controller.abort(), abort: controller.signal });
    expect((await failure(work)).kind).toBe("cancelled");
    await gone.promise;
  });

  test("what the progress view throws is passed on as it is", async () => {
    answer = () => lines({ type: "note", message: "x" });
    const broken = Object.assign(new Error("closed"), { code: "EPIPE" });
    const work = client.operate("/v1/environments/up", up, {
      onEvent: () => {
        throw broken;
      },
    });
    expect(await work.catch((error: unknown) => error)).toBe(broken);
  });
});

describe("stream", () => {
  const logs = { target, services: [], follow: true, tail: null, sinceMs: null };

  test("gives the items until the daemon ends it", async () => {
    answer = () => lines({ line: "a" }, { line: "b" });
    const items = await Array.fromAsync(client.stream("/v1/logs", logs));
    expect(items.map(({ line }) => line)).toEqual(["a", "b"]);
  });

  test("throws the daemon's error, also when it comes after items", async () => {
    const error = new WtError({ kind: "not_found", code: "not_a_repository", message: "/x is not inside a git repository." });
    answer = () => lines({ line: "a" }, { error: error.toWire() });
    const seenLines: string[] = [];
    const work = (async () => {
      for await (const { line } of client.stream("/v1/logs", logs)) seenLines.push(line);
    })();
    expect((await failure(work)).code).toBe("not_a_repository");
    expect(seenLines).toEqual(["a"]);
  });

  test("ends quietly when aborted, and closes the connection when the loop is left", async () => {
    answer = () => endless({ line: "a" });
    const controller = new AbortController();
    for await (const _item of client.stream("/v1/logs", logs, controller.signal)) controller.abort();
    gone = Promise.withResolvers();
    for await (const _item of client.stream("/v1/logs", logs)) break;
    await gone.promise;
  });
});
