// Commands tell a person which environment they took a word for, and what it lacks.
import { expect, test } from "bun:test";
import { fakeEnvironment, startFakeDaemon } from "../testing/fake-daemon.ts";
import { runCli } from "../testing/run-cli.ts";

const one = fakeEnvironment();

test("open in an environment without services is one sentence", async () => {
  await using daemon = await startFakeDaemon({
    "/v1/environments/status": { schema: 1, environment: { ...one, url: null, services: [] } },
  });
  for (const args of [["open"], ["open", "web"]]) {
    const { code, stderr } = await runCli(args, { env: daemon.env });
    expect([code, stderr.split("\n")[0]]).toEqual([4, "wt: one has no services, so there is nothing to open."]);
  }
});

test("create names the branch of an environment that was found by its slug", async () => {
  const environment = { ...one, slug: "a-b", branch: "a/b" };
  const result = [{ type: "result", result: { schema: 1, environment, created: false } }];
  await using daemon = await startFakeDaemon({ "/v1/environments/create": result });
  expect((await runCli(["create", "a-b"], { env: daemon.env })).stderr).toBe(
    "The environment a-b (branch a/b) exists already and is up.\n",
  );
  expect((await runCli(["create", "a/b"], { env: daemon.env })).stderr).toBe("The environment a-b exists already and is up.\n");
});

test("env takes the name of an environment", async () => {
  await using daemon = await startFakeDaemon({ "/v1/variables": { slug: "one", path: "/", variables: [], unset: [] } });
  expect((await runCli(["env", "one"], { env: daemon.env })).code).toBe(0);
  expect(daemon.requests.at(-1)?.body).toMatchObject({ target: { cwd: "/", name: "one" } });
  const both = await runCli(["env", "one", "-e", "two"], { env: daemon.env });
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("Name one environment: one or -e two, not both.")]);
});
