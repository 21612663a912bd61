// The real program as a process, against a daemon that answers what a test says.
import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { version } from "../../package.json";
import { fakeEnvironment, fakeService, hermeticEnvironment, startFakeDaemon } from "./testing/fake-daemon.ts";
import { runCli, startCli } from "./testing/run-cli.ts";

const none = hermeticEnvironment("/nonexistent");
const one = fakeEnvironment({ services: [fakeService({ routes: ["/"] })] });
const main = fakeEnvironment({ slug: "main", branch: "main", path: "/", main: true });
const list = { schema: 1, environments: [main, one] };
const document = { schema: 1, environment: one };

describe("without a daemon", () => {
  test("version and help", async () => {
    expect(await runCli(["--version"], { env: none })).toEqual({ code: 0, stdout: `wt ${version}\n`, stderr: "" });
    const help = await runCli([], { env: none });
    expect([help.code, help.stdout.includes("Exit codes:")]).toEqual([0, true]);
    for (const words of [
      ["create", "--help"],
      ["help", "create"],
      ["--help", "create"],
      ["create", "x", "y", "-h"],
    ]) {
      expect((await runCli(words, { env: none })).stdout).toContain("Usage: wt create [options] <branch…>");
    }
  });

  test("mistakes have exit code 2 and say what was meant", async () => {
    const { code, stdout, stderr } = await runCli(["lsit"], { env: none });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toStartWith('wt: There is no command "wt lsit".\n  → Did you mean wt list?');
    const json = await runCli(["lsit", "--json"], { env: none });
    expect([json.code, json.stderr]).toEqual([2, ""]);
    expect(JSON.parse(json.stdout)).toMatchObject({ schema: 1, error: { kind: "usage", code: "command_unknown" } });
    expect((await runCli(["-C", "/nonexistent-directory", "list"], { env: none })).stderr).toContain("given with -C does not exist");
  });
});

describe("list", () => {
  const watched = (events: object[], rest?: Promise<object[]>) => () =>
    new Response(
      new ReadableStream({
        async start(controller) {
          const send = (some: object[]) => controller.enqueue(some.map((event) => `${JSON.stringify(event)}\n`).join(""));
          send(events);
          send((await rest) ?? []);
          controller.close();
        },
      }),
    );

  test("in a pipe: one table with git in it, no colours", async () => {
    const events = [{ type: "list", environments: list.environments }, { type: "settled" }];
    await using daemon = await startFakeDaemon({ "/v1/environments/watch": watched(events) });
    const { code, stdout, stderr } = await runCli(["ls"], { env: daemon.env });
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.replace(/\d+\w\n/g, "AGE\n")).toBe(
      [
        "NAME    STATUS   WEB      GIT       AGE",
        "main *  Ready    -                  AGE",
        "one     Healthy  Running            AGE",
        "",
      ].join("\n"),
    );
    expect(daemon.requests).toEqual([
      { path: "/v1/environments/watch", body: { cwd: "/", all: false, git: "wait", follow: false }, client: `cli/${version}` },
    ]);
  });

  test("in a pipe the header does not wait for git, and no line stands before its git is known", async () => {
    const unknown = list.environments.map((environment) => ({ ...environment, git: null }));
    const { promise: answers, resolve: answer } = Promise.withResolvers<object[]>();
    await using daemon = await startFakeDaemon({
      "/v1/environments/watch": watched([{ type: "list", environments: unknown }], answers),
    });
    const { printed, result } = startCli(["ls"], { env: daemon.env });
    await printed(/^NAME +STATUS +WEB +GIT +AGE\n$/);
    const dirty = { ...one.git, dirty: 3 };
    answer([
      { type: "git", project: "demo", slug: "one", git: dirty },
      { type: "git", project: "demo", slug: "main", git: one.git },
      { type: "settled" },
    ]);
    const { stdout } = await result;
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => line.split(" ")[0])).toEqual(["NAME", "main", "one"]);
    expect(lines[2]).toMatch(/Running +~3 /);
  });

  test("as JSON: exactly the document", async () => {
    await using daemon = await startFakeDaemon({ "/v1/environments/list": list });
    const { stdout } = await runCli(["--json", "list", "--all"], { env: daemon.env });
    expect(JSON.parse(stdout)).toEqual(list);
  });

  test("--watch in a pipe prints a whole table for each change until it is interrupted", async () => {
    const events = [
      { type: "list", environments: [{ ...one, git: null }] },
      { type: "git", project: "demo", slug: "one", git: one.git },
      { type: "settled" },
      { type: "list", environments: [{ ...one, git: null, status: "Stopped" }] },
    ];
    const body = () =>
      new Response(
        new ReadableStream({ start: (controller) => controller.enqueue(events.map((event) => `${JSON.stringify(event)}\n`).join("")) }),
      );
    await using daemon = await startFakeDaemon({ "/v1/environments/watch": body });
    const { child, printed, result } = startCli(["list", "--watch", "--json"], { env: daemon.env });
    await printed(/\n.*\n/);
    child.kill("SIGINT");
    const { code, stdout } = await result;
    expect(code).toBe(130);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).environments[0].status),
    ).toEqual(["Healthy", "Stopped"]);
  });
});

describe("create", () => {
  const events = [
    { type: "step", step: "worktree", label: "Create the worktree" },
    { type: "step_done", step: "worktree", ms: 5 },
    { type: "result", result: { ...document, created: true } },
  ];

  test("progress goes to stderr, the URLs to stdout; the whole environment is sent", async () => {
    await using daemon = await startFakeDaemon({ "/v1/environments/create": events });
    const { code, stdout, stderr } = await runCli(["create", "feature/one", "--from", "v1"], { env: { ...daemon.env, MINE: "1" } });
    expect([code, stderr]).toEqual([0, "Create the worktree ...\nCreate the worktree: done in 5 ms\n"]);
    expect(stdout).toContain("http://one.localhost:7080/     web\n");
    const sent = daemon.requests.at(-1)?.body as { env: Record<string, string> };
    expect(sent).toMatchObject({ branch: "feature/one", from: "v1", up: true, cwd: "/", env: { MINE: "1" } });
  });

  test("with --json there is nothing but the document", async () => {
    await using daemon = await startFakeDaemon({ "/v1/environments/create": events });
    const { stdout, stderr } = await runCli(["create", "x", "--no-up", "--json"], { env: daemon.env });
    expect([JSON.parse(stdout), stderr]).toEqual([{ ...document, created: true }, ""]);
    expect(daemon.requests.at(-1)?.body).toMatchObject({ up: false });
  });

  test.each([
    ["unhealthy", 8],
    ["untrusted", 6],
    ["refused", 5],
    ["config", 3],
  ])("an error of kind %s is exit code %i", async (kind, code) => {
    const error = { kind, code: "x", message: "It did not work.", hints: ["Do that."] };
    await using daemon = await startFakeDaemon({ "/v1/environments/create": [{ type: "error", error }] });
    const result = await runCli(["create", "x"], { env: daemon.env });
    expect([result.code, result.stdout, result.stderr]).toEqual([code, "", "wt: It did not work.\n  → Do that.\n"]);
  });

  test("Ctrl-C closes the request, waits until it is undone and ends with 130", async () => {
    let asked = 0;
    const outcome = () => ({ outcome: ++asked < 3 ? "running" : "undone" });
    await using daemon = await startFakeDaemon({ "/v1/environments/create": () => "hang", "/v1/operations/outcome": outcome });
    const { child, result } = startCli(["create", "one"], { env: daemon.env });
    await until(() => daemon.requests.some(({ path }) => path.endsWith("create")));
    child.kill("SIGINT");
    const { code, stderr } = await result;
    expect(code).toBe(130);
    expect(stderr).toContain("wt: interrupted, undoing");
    expect(daemon.aborted).toContain("/v1/environments/create");
    expect([asked, stderr.includes("wt: Interrupted.\n")]).toEqual([3, true]);
  });

  test("Ctrl-C that comes too late says so", async () => {
    const handlers = { "/v1/environments/up": () => "hang", "/v1/operations/outcome": () => ({ outcome: "done" }) };
    await using daemon = await startFakeDaemon(handlers);
    const { child, result } = startCli(["up", "one"], { env: daemon.env });
    await until(() => daemon.requests.some(({ path }) => path.endsWith("up")));
    child.kill("SIGINT");
    const { code, stderr } = await result;
    expect([code, stderr]).toEqual([130, expect.stringContaining("wt: Interrupted too late: it was done.\n")]);
  });
});

test("delete takes several names, names what was kept, and tells of each that failed", async () => {
  const deleted = (name: string) => ({
    slug: name,
    branch: name,
    branchOutcome: "deleted",
    rescueRefs: [`refs/wt/rescue/${name}/1`],
    undeleteUntil: null,
    abandoned: [],
  });
  const answer = ({ target }: { target: { name: string } }) =>
    target.name === "dirty"
      ? [{ type: "error", error: { kind: "refused", code: "dirty", message: "dirty has work.", hints: ["Use --force."] } }]
      : [{ type: "result", result: deleted(target.name) }];
  await using daemon = await startFakeDaemon({ "/v1/environments/list": list, "/v1/environments/delete": answer });
  const both = await runCli(["rm", "a", "dirty", "b"], { env: daemon.env });
  expect(both.code).toBe(5);
  expect(both.stdout).toContain("git worktree add --detach <directory> refs/wt/rescue/a/1");
  expect(both.stderr).toStartWith("wt: dirty was not deleted: dirty has work.\n");
  const json = await runCli(["delete", "a", "-fb", "--json"], { env: daemon.env });
  expect(JSON.parse(json.stdout)).toEqual({ schema: 1, deleted: [deleted("a")] });
  expect(daemon.requests.at(-1)?.body).toMatchObject({ target: { cwd: "/", name: "a" }, force: true, branch: true, agents: false });
  expect((await runCli(["delete"], { env: daemon.env })).code).toBe(2);
});

test("run passes variables, directory, input, signals and the exit code on", async () => {
  const path = mkdtempSync("/tmp/wt-run-");
  mkdirSync(join(path, "sub"));
  const variables = [{ key: "API_URL", value: "http://x y", origin: "" }];
  await using daemon = await startFakeDaemon({ "/v1/variables": { slug: "one", path, variables, unset: ["STALE"] } });
  const env = { ...daemon.env, STALE: "1", MINE: "kept" };
  try {
    const script = 'echo "$PWD|$API_URL|$MINE|${STALE-unset}|$1"; exit 42';
    const outside = await runCli(["run", "--", "sh", "-c", script, "sh", "--json"], { env });
    expect([outside.code, outside.stdout]).toEqual([42, `${path}|http://x y|kept|unset|--json\n`]);
    const inside = await runCli(["run", "pwd"], { env, cwd: join(path, "sub") });
    expect(inside.stdout).toBe(`${join(path, "sub")}\n`);
    const waiting = "trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    const { child, printed, result } = startCli(["run", "--", "sh", "-c", waiting], { env });
    await printed(/ready/);
    child.kill("SIGTERM");
    expect(await result).toMatchObject({ code: 3, stdout: "ready\ngot it\n" });
    expect((await runCli(["run", "sh", "-c", "kill -9 $$"], { env })).code).toBe(137);
    const missing = await runCli(["run", "no-such-program"], { env });
    expect([missing.code, missing.stderr.split("\n")[0]]).toEqual([7, "wt: The program no-such-program was not found on the PATH."]);
  } finally {
    rmSync(path, { recursive: true });
  }
});

test("logs end quietly when the reader goes away", async () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => ({ time: "2026-01-01T00:00:00Z", service: "web", line: `line ${index}` }));
  await using daemon = await startFakeDaemon({ "/v1/logs": lines });
  const cli = `${process.execPath} --no-env-file ${join(import.meta.dir, "../main.ts")}`;
  const child = Bun.spawn(["bash", "-c", `${cli} logs -n all | head -2; echo "\${PIPESTATUS[0]}"`], {
    env: daemon.env,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect([out.split("\n").slice(-2)[0], err]).toEqual(["0", ""]);
  expect(daemon.requests[0]?.body).toMatchObject({ tail: null, follow: false, services: [] });
});

describe("trust", () => {
  const view = {
    project: "demo",
    root: "/repo",
    state: "untrusted",
    hash: "h1",
    commands: [{ source: "setup[0]", text: "make", change: null }],
  };

  test("needs a person, and --yes needs one that is no agent", async () => {
    await using daemon = await startFakeDaemon({ "/v1/trust": view, "/v1/trust/grant": { ...view, state: "trusted" } });
    expect((await runCli(["trust"], { env: daemon.env })).code).toBe(6);
    const agent = await runCli(["trust", "--yes"], { env: { ...daemon.env, CLAUDECODE: "1" } });
    expect([agent.code, agent.stderr]).toEqual([6, expect.stringContaining("runs under Claude Code")]);
    expect(daemon.requests.some(({ path }) => path.endsWith("grant"))).toBe(false);
    const person = await runCli(["trust", "--yes"], { env: daemon.env });
    expect([person.code, person.stdout]).toEqual([0, "Trusted 1 command of demo.\n"]);
    expect(daemon.requests.at(-1)?.body).toEqual({ target: { cwd: "/" }, hash: "h1" });
  });
});

describe("switch", () => {
  test("writes the directive of the shell function, and goes back with a dash", async () => {
    await using daemon = await startFakeDaemon({ "/v1/environments/list": list });
    const file = join(daemon.env.HOME ?? "", "directive");
    await Bun.write(file, "");
    const env = { ...daemon.env, WT_DIRECTIVE_FILE: file, WT_SHELL_SESSION: "7" };
    expect(await runCli(["switch", "on"], { env })).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await Bun.file(file).text()).toBe(one.path);
    await runCli(["switch", "-"], { env });
    expect(await Bun.file(file).text()).toBe("/");
    expect((await runCli(["switch", "-"], { env: { ...env, WT_SHELL_SESSION: "8" } })).code).toBe(4);
  });

  test("without shell integration it prints the path; unknown names get suggestions", async () => {
    await using daemon = await startFakeDaemon({ "/v1/environments/list": list });
    expect((await runCli(["switch", "one"], { env: daemon.env })).stdout).toBe(`${one.path}\n`);
    const unknown = await runCli(["switch", "mian"], { env: daemon.env });
    expect([unknown.code, unknown.stderr]).toEqual([4, expect.stringContaining("Did you mean main?")]);
    expect((await runCli(["switch"], { env: daemon.env })).code).toBe(2);
  });
});

test("open prints the URL where there is no browser", async () => {
  await using daemon = await startFakeDaemon({ "/v1/environments/status": document });
  expect((await runCli(["open"], { env: daemon.env })).stdout).toBe("http://one.localhost:7080\n");
  expect((await runCli(["open", "web"], { env: daemon.env })).stdout).toBe("http://web.one.localhost:7080\n");
  expect((await runCli(["open", "wbe"], { env: daemon.env })).stderr).toContain("Did you mean web?");
});

test("env in all its forms", async () => {
  const variables = [{ key: "A", value: "it's $5", origin: "wt.yaml:3 env.A" }];
  await using daemon = await startFakeDaemon({ "/v1/variables": { slug: "one", path: "/", variables, unset: ["B"] } });
  expect((await runCli(["env"], { env: daemon.env })).stdout).toBe('A="it\'s \\$5"\n');
  expect((await runCli(["env", "--export"], { env: daemon.env })).stdout).toBe("unset B\nexport A='it'\\''s $5'\n");
  expect((await runCli(["env", "--explain", "A"], { env: daemon.env })).stdout).toContain("# A comes from wt.yaml:3 env.A");
  expect((await runCli(["env", "--explain", "AA"], { env: daemon.env })).code).toBe(4);
  expect(daemon.requests[0]?.body).toMatchObject({ callerNames: expect.arrayContaining(["PATH", "HOME"]) });
});

test("a daemon that goes away in the middle is one sentence", async () => {
  const answer = () => [{ type: "note", message: "begun" }];
  await using daemon = await startFakeDaemon({ "/v1/environments/up": answer });
  const { code, stderr } = await runCli(["up"], { env: daemon.env });
  expect([code, stderr]).toEqual([7, expect.stringContaining("wt: The daemon went away in the middle of the request.\n")]);
});

test("what the system refuses a command is one sentence with the path, and no bug", async () => {
  await using daemon = await startFakeDaemon({});
  const place = mkdtempSync(join(tmpdir(), "wt-loop-"));
  try {
    const loop = join(place, "state");
    symlinkSync(loop, loop);
    const { code, stderr } = await runCli(["db", "storage", "create", "--size", "600M"], { env: { ...daemon.env, XDG_STATE_HOME: loop } });
    expect([code, stderr]).toEqual([
      7,
      expect.stringMatching(/^wt: .*wt-loop-.* cannot be used: its links lead in a circle \(ELOOP\)\.\n/),
    ]);
  } finally {
    rmSync(place, { recursive: true });
  }
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("It did not happen within ten seconds.");
    await Bun.sleep(5);
  }
}
