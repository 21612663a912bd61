// What is asked on a terminal, and what is not: the real program on a pseudo-terminal, against a daemon that answers what a test says.
import { describe, expect, test } from "bun:test";
import type { GitView } from "../api/environment.ts";
import { fakeEnvironment, fakeService, startFakeDaemon } from "./testing/fake-daemon.ts";
import { runCliOnTerminal } from "./testing/run-cli.ts";

const one = fakeEnvironment({ path: "/", services: [fakeService()] });
const clean: GitView = { head: null, dirty: 0, untracked: 0, ahead: 0, behind: 0 };

describe("trust", () => {
  const view = {
    project: "demo",
    root: "/",
    state: "untrusted",
    hash: "h1",
    commands: [{ source: "setup[0]", text: "make", change: null }],
  };
  const error = { kind: "untrusted", code: "trust_missing", message: "Not trusted.", hints: ["Run `wt trust other`."] };

  test.each([
    ["up", "other"],
    ["restart", "other"],
  ])("wt %s %s asks about the environment that the daemon took the word for", async (command, name) => {
    let granted = false;
    const operate = () =>
      granted
        ? [{ type: "result", result: { schema: 1, environment: one } }]
        : [{ type: "error", error: { ...error, details: { hash: "h1", environment: name } } }];
    const grant = () => {
      granted = true;
      return { ...view, state: "trusted" };
    };
    await using daemon = await startFakeDaemon({
      [`/v1/environments/${command}`]: operate,
      "/v1/trust": view,
      "/v1/trust/grant": grant,
      "/v1/gateway": { state: "off", port: 0, urlSuffix: "", holder: null, routes: [], requests: 0 },
    });
    const { code, shown } = await runCliOnTerminal([command, name], { env: daemon.env, answer: "y" });
    expect({ code, shown }).toEqual({ code: 0, shown: expect.stringContaining("Let wt run these commands of demo? [y/N] ") });
    const asked = daemon.requests.filter(({ path }) => path.startsWith("/v1/trust")).map(({ body }) => body);
    expect(asked).toEqual([{ target: { cwd: "/", name } }, { target: { cwd: "/", name }, hash: "h1" }]);
    expect(daemon.requests.find(({ path }) => path.endsWith(command))?.body).toMatchObject({ target: { cwd: "/" }, services: [name] });
  });
});

describe("delete without a name", () => {
  const refusal = { kind: "refused", code: "main_environment", message: "one is the main worktree, which is never deleted.", hints: [] };
  const answers = (given: Partial<typeof one>) => {
    const environment = { ...one, ...given };
    return {
      "/v1/environments/list": { schema: 1, environments: [{ ...environment, git: null }] },
      "/v1/environments/status": { schema: 1, environment },
      "/v1/environments/delete": [{ type: "error", error: refusal }],
    };
  };

  test("refuses the main checkout without a question", async () => {
    await using daemon = await startFakeDaemon(answers({ main: true }));
    const { code, shown } = await runCliOnTerminal(["delete"], { env: daemon.env, answer: "y" });
    expect([code, shown.includes("[y/N]"), shown.includes("is the main worktree")]).toEqual([5, false, true]);
  });

  test("refuses uncommitted work without a question", async () => {
    await using daemon = await startFakeDaemon(answers({ git: { ...clean, dirty: 1, untracked: 2 } }));
    const { code, shown } = await runCliOnTerminal(["delete"], { env: daemon.env, answer: "y" });
    expect([code, shown.includes("[y/N]")]).toEqual([5, false]);
    expect(shown).toContain("wt: one has 1 uncommitted change, 2 untracked files.");
    expect(daemon.requests.some(({ path }) => path.endsWith("/delete"))).toBe(false);
  });

  test.each([
    [["delete"], { ...clean }, "Delete the current environment one (/)? [y/N] "],
    [
      ["delete", "--force"],
      { ...clean, dirty: 1, ahead: 2 },
      "Delete the current environment one (/) with 1 uncommitted change, 2 unpushed commits? [y/N] ",
    ],
  ])("%p asks what it is about, and a no keeps everything", async (args, git, question) => {
    await using daemon = await startFakeDaemon(answers({ git }));
    const { code, shown } = await runCliOnTerminal(args, { env: daemon.env, answer: "n" });
    expect([code, shown]).toEqual([130, expect.stringContaining(question)]);
    expect(daemon.requests.some(({ path }) => path.endsWith("/delete"))).toBe(false);
  });
});
