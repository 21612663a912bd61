import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import type { EnvironmentOverview, Overview } from "../../api/overview.ts";
import { worldPaths } from "../../os/paths.ts";
import { createPaint } from "../paint.ts";
import { hermeticEnvironment } from "../testing/fake-daemon.ts";
import { runCli } from "../testing/run-cli.ts";
import { parseSession, type StatuslineOptions, statuslineText } from "./statusline.ts";

const environment = (path: string, more: Partial<EnvironmentOverview> = {}): EnvironmentOverview => ({
  slug: "earl-fib",
  branch: "earl/fib",
  path,
  main: false,
  status: "Degraded",
  url: "http://earl-fib.localhost:7080",
  agent: "waiting",
  services: [],
  resources: [],
  checkpoints: [],
  ...more,
});

let home: string;
let worktree: string;
let env: Record<string, string>;

beforeAll(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "wt-prompt-")));
  worktree = join(home, "earl-fib");
  env = { ...hermeticEnvironment(home), LC_ALL: "C.UTF-8" };
  for (const path of [
    join(worktree, "src/deep"),
    join(worktree, "vendor/other/.git"),
    join(home, "elsewhere"),
    dirname(worldPaths(env).overview),
  ])
    mkdirSync(path, { recursive: true });
  writeFileSync(join(worktree, ".git"), "gitdir: ../x\n");
  const overview: Overview = { schema: 1, projects: [{ name: "shop", environments: [environment(worktree)], deleted: [] }], templates: [] };
  writeFileSync(worldPaths(env).overview, JSON.stringify(overview));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

describe("wt prompt", () => {
  const run = async (args: string[], cwd: string, more: Record<string, string> = {}) =>
    await runCli(["prompt", ...args], { env: { ...env, ...more }, cwd });

  test("the environment, how it is, and what its agent does", async () => {
    expect(await run([], join(worktree, "src/deep"))).toEqual({ code: 0, stdout: "earl-fib ▲ waiting\n", stderr: "" });
    expect((await run([], worktree, { LC_ALL: "C.ISO-8859-1" })).stdout).toBe("earl-fib ! waiting\n");
  });

  test.each(["elsewhere", "earl-fib/vendor/other"])("nothing in %s, and never an error", async (directory) => {
    expect(await run([], join(home, directory))).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await run(["--json"], join(home, directory))).toEqual({ code: 0, stdout: '{"schema":1,"environment":null}\n', stderr: "" });
  });

  test("nothing where the state cannot be read, and nothing is started or made", async () => {
    const nowhere = join(home, "no-state");
    expect(await run([], worktree, { XDG_STATE_HOME: nowhere, XDG_RUNTIME_DIR: nowhere })).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await Bun.file(nowhere).exists()).toBe(false);
  });

  test("colours are marked as each shell wants them", async () => {
    const shown = async (shell: string, more = {}) => (await run(["--shell", shell], worktree, { NO_COLOR: "", ...more })).stdout;
    expect(await shown("zsh")).toBe(
      "%{\u001b[1m%}earl-fib%{\u001b[22m%} %{\u001b[31m%}▲%{\u001b[39m%} %{\u001b[33m%}waiting%{\u001b[39m%}\n",
    );
    expect(await shown("bash")).toStartWith("\u0001\u001b[1m\u0002earl-fib");
    expect(await shown("fish")).toStartWith("\u001b[1mearl-fib");
    expect(await shown("zsh", { NO_COLOR: "1" })).toBe("earl-fib ▲ waiting\n");
    expect((await run(["--shell", "tcsh"], worktree)).code).toBe(2);
  });

  test("--json says the same to machines", async () => {
    expect(JSON.parse((await run(["--json"], worktree)).stdout)).toEqual({
      schema: 1,
      environment: { project: "shop", slug: "earl-fib", branch: "earl/fib", status: "Degraded", agent: "waiting" },
    });
  });
});

/** As Claude Code's documentation shows it, shortened. */
const session = {
  session_id: "abc123",
  transcript_path: "/tmp/transcript.jsonl",
  cwd: "/somewhere/else",
  model: { id: "claude-opus-4-8", display_name: "Opus" },
  workspace: { current_dir: "/somewhere", project_dir: "/somewhere", added_dirs: [] },
  version: "2.1.90",
  output_style: { name: "default" },
  cost: { total_cost_usd: 0.01234, total_duration_ms: 45000, total_lines_added: 156, total_lines_removed: 23 },
  context_window: {
    context_window_size: 200_000,
    used_percentage: 8,
    remaining_percentage: 92,
    current_usage: { input_tokens: 8500, output_tokens: 1200, cache_creation_input_tokens: 5000, cache_read_input_tokens: 2000 },
  },
  exceeds_200k_tokens: false,
  rate_limits: { five_hour: { used_percentage: 23.5, resets_at: 1738425600 }, seven_day: { used_percentage: 41.2, resets_at: 1738857600 } },
};

describe("wt prompt --statusline", () => {
  const options: StatuslineOptions = {
    place: environment("/somewhere"),
    session: parseSession(JSON.stringify(session)),
    width: 120,
    paint: createPaint(false),
    unicode: true,
  };

  test("what it takes from the session", () => {
    expect(options.session).toEqual({ directory: "/somewhere", model: "Opus", contextPercent: 8, limitPercent: 23.5, costUsd: 0.01234 });
    const { used_percentage: _, ...older } = session.context_window;
    expect(parseSession(JSON.stringify({ ...session, context_window: older })).contextPercent).toBe(7.75);
    const early = { ...session, context_window: { ...session.context_window, used_percentage: null, current_usage: null } };
    expect(parseSession(JSON.stringify(early)).contextPercent).toBeNull();
  });

  test("the least important goes first when it gets narrow", () => {
    const at = (width: number) => statuslineText({ ...options, width });
    expect([70, 60, 50, 45, 25, 17, 10, 6].map(at)).toEqual([
      "earl-fib ▲ · earl/fib · Opus · 8% · 5h 24% · $0.01 · earl-fib.localhost:7080".length > 70
        ? "earl-fib ▲ · Opus · 8% · 5h 24% · $0.01 · earl-fib.localhost:7080"
        : "",
      "earl-fib ▲ · Opus · 8% · 5h 24% · earl-fib.localhost:7080",
      "earl-fib ▲ · Opus · 8% · earl-fib.localhost:7080",
      "earl-fib ▲ · Opus · 8%",
      "earl-fib ▲ · Opus · 8%",
      "earl-fib ▲ · 8%",
      "earl-fib ▲",
      "earl-…",
    ]);
  });

  test("whatever comes in, one line goes out that fits", () => {
    const anything = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc
        .record({
          model: fc.record({ display_name: fc.string({ unit: "binary" }) }),
          context_window: fc.record({ used_percentage: fc.double() }),
        })
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(anything, fc.integer({ min: 10, max: 200 }), fc.boolean(), (text, width, colour) => {
        const line = statuslineText({ ...options, session: parseSession(text), width, paint: createPaint(colour) });
        expect(line).not.toMatch(/[\n\r]/);
        expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
        expect(line).toContain("earl-fib");
      }),
    );
  });

  test("the program reads standard input, and does not wait for one that never ends", async () => {
    const run = async (stdin: "pipe" | Blob, cwd: string) => {
      const child = Bun.spawn([process.execPath, join(import.meta.dir, "../../main.ts"), "prompt", "--statusline"], {
        cwd,
        env: { ...env, NO_COLOR: "1", COLUMNS: "50" },
        stdin,
        stdout: "pipe",
      });
      return { out: await new Response(child.stdout).text(), code: await child.exited };
    };
    const input = new Blob([JSON.stringify({ ...session, workspace: { current_dir: worktree } })]);
    expect(await run(input, home)).toEqual({ code: 0, out: "earl-fib ▲ · Opus · 8% · earl-fib.localhost:7080\n" });
    expect(await run(new Blob(["no json"]), join(home, "elsewhere"))).toEqual({ code: 0, out: "elsewhere\n" });
    expect(await run("pipe", worktree)).toEqual({ code: 0, out: "earl-fib ▲ · earl/fib · earl-fib.localhost:7080\n" });
  });
});
