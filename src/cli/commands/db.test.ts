// The commands as a process, against a daemon that answers what a test says.
import { describe, expect, test } from "bun:test";
import type { ResourceConnectionView, ResourceDocument } from "../../api/resources.ts";
import { fakeEnvironment, startFakeDaemon } from "../testing/fake-daemon.ts";
import { runCli } from "../testing/run-cli.ts";

const connection: ResourceConnectionView = {
  schema: 1,
  environment: "one",
  resource: "db",
  type: "postgres",
  state: "Ready",
  url: "postgres://app:secret@127.0.0.1:1/app",
  variables: { DATABASE_URL: "postgres://app:secret@127.0.0.1:1/app" },
  values: {},
};
const done: ResourceDocument = { schema: 1, environment: fakeEnvironment(), resources: ["db"], runningServices: ["web", "api"] };
const result = [{ type: "result", result: done }];

describe("reset and restore", () => {
  test("without a terminal they need --yes, and nothing is asked of the daemon before", async () => {
    const checkpoints = { schema: 1, environment: "one", checkpoints: [{ id: "x", createdAt: "2026-01-01T00:00:00Z", resources: ["db"] }] };
    await using daemon = await startFakeDaemon({ "/v1/resources/connection": connection, "/v1/checkpoints/list": checkpoints });
    for (const [words, command] of [
      [["db", "reset"], "wt db reset --yes"],
      [["db", "restore", "x"], "wt db restore x --yes"],
    ] as const) {
      const { code, stderr } = await runCli(words, { env: daemon.env });
      expect([code, stderr]).toEqual([2, expect.stringContaining(command)]);
    }
    expect(daemon.requests.some(({ path }) => path === "/v1/resources/reset" || path === "/v1/checkpoints/restore")).toBe(false);
  });

  test("with --yes: the resource that was chosen, and the services that ran on are named", async () => {
    await using daemon = await startFakeDaemon({ "/v1/resources/connection": connection, "/v1/resources/reset": result });
    const { code, stdout } = await runCli(["db", "reset", "-e", "one", "--yes"], { env: daemon.env });
    expect([code, stdout]).toEqual([0, "Reset db of one.\nweb, api were not restarted and may hold old data or connections: wt restart\n"]);
    const { body } = daemon.requests.find(({ path }) => path === "/v1/resources/reset") ?? { body: null };
    expect(body).toMatchObject({ target: { name: "one" }, resource: "db", restart: false });
    const json = await runCli(["db", "reset", "--yes", "--json"], { env: daemon.env });
    expect(JSON.parse(json.stdout)).toEqual(done);
  });
});

test("url prints the secret, and says what there is where there is no URL", async () => {
  const noUrl = { ...connection, url: null, variables: { UPLOADS_PATH: "/x" } };
  await using daemon = await startFakeDaemon({
    "/v1/resources/connection": ({ resource }: { resource: string | null }) => (resource === "up" ? noUrl : connection),
  });
  expect(await runCli(["db", "url"], { env: daemon.env })).toEqual({ code: 0, stdout: `${connection.url}\n`, stderr: "" });
  const none = await runCli(["db", "url", "up"], { env: daemon.env });
  expect([none.code, none.stderr]).toEqual([4, expect.stringContaining("UPLOADS_PATH")]);
});

describe("psql", () => {
  test("what is passed on needs the client", async () => {
    await using daemon = await startFakeDaemon({ "/v1/resources/connection": connection });
    const { code, stderr } = await runCli(["db", "psql", "db", "--csv"], { env: { ...daemon.env, PATH: "/nonexistent" } });
    expect([code, stderr]).toEqual([7, expect.stringContaining('The program psql, which "--csv" is meant for, was not found')]);
    expect(daemon.requests.find(({ path }) => path === "/v1/resources/connection")?.body).toMatchObject({ resource: "db" });
  });

  test("a database that does not answer, and a thing that is none", async () => {
    const answers = ({ resource }: { resource: string | null }) =>
      resource === "cache" ? { ...connection, resource, type: "redis", url: "redis://x" } : connection;
    await using daemon = await startFakeDaemon({ "/v1/resources/connection": answers });
    const silent = await runCli(["db", "psql", "-c", "select 1"], { env: daemon.env });
    expect([silent.code, silent.stderr.includes("The database does not answer"), silent.stderr.includes("secret")]).toEqual([
      7,
      true,
      false,
    ]);
    const redis = await runCli(["db", "psql", "-c", "select 1", "cache"], { env: daemon.env });
    expect([redis.code, redis.stderr]).toEqual([2, expect.stringContaining("cache of one is of type redis, to which no SQL is spoken.")]);
  });
});
