// The scripts in the real shells, against the real program, what a daemon wrote down, and a real repository.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { EnvironmentOverview, Overview } from "../../api/overview.ts";
import { worldPaths } from "../../os/paths.ts";
import { type FakeDaemon, fakeEnvironment, startFakeDaemon } from "../testing/fake-daemon.ts";
import { runCli } from "../testing/run-cli.ts";
import { completionScript } from "./completion-script.ts";
import { shellInitScript } from "./shell-init-script.ts";
import type { Shell } from "./shells.ts";

const environment = (slug: string, more: Partial<EnvironmentOverview> = {}): EnvironmentOverview => ({
  slug,
  branch: slug,
  path: `/nowhere/${slug}`,
  main: false,
  status: "Healthy",
  url: null,
  agent: null,
  services: ["web", "worker"],
  resources: ["db", "cache"],
  checkpoints: ["before-import"],
  ...more,
});
const overview = (repository: string): Overview => ({
  schema: 1,
  projects: [
    {
      name: "shop",
      environments: [
        environment("main", { path: repository, main: true }),
        environment("earl-fib", { branch: "earl/fib" }),
        environment("earl-two", { checkpoints: ["before-import", "later"] }),
      ],
      deleted: ["given-up"],
    },
    { name: "stock", environments: [environment("elsewhere")], deleted: [] },
  ],
  templates: ["3fa91c0e7b120a6c5d44"],
});

let daemon: FakeDaemon;
let env: Record<string, string>;
let target: string;
let repository: string;

beforeAll(async () => {
  target = "";
  const list = () => ({ schema: 1, environments: [fakeEnvironment({ project: "shop", slug: "earl-fib", path: target })] });
  daemon = await startFakeDaemon({ "/v1/environments/list": list });
  const home = daemon.env.HOME ?? "";
  repository = join(home, "shop");
  mkdirSync(repository);
  const git = (...args: string[]) => Bun.spawnSync(["git", "-c", "user.name=A", "-c", "user.email=a@b", ...args], { cwd: repository });
  git("init", "-q", "-b", "main");
  git("commit", "-q", "--allow-empty", "-m", "first");
  git("branch", "feature/x");
  git("branch", "größe");
  for (const ref of ["origin/fresh", "origin/HEAD", "origin/main", "pull-requests/origin/7"])
    git("update-ref", `refs/remotes/${ref}`, "HEAD");
  mkdirSync(dirname(worldPaths(daemon.env).overview), { recursive: true });
  writeFileSync(worldPaths(daemon.env).overview, JSON.stringify(overview(repository)));
  target = join(home, "it's a $dir\n");
  mkdirSync(join(home, "bin"));
  mkdirSync(target);
  const wt = join(home, "bin/wt");
  writeFileSync(wt, `#!/bin/sh\nexec '${process.execPath}' --no-env-file '${join(import.meta.dir, "../../main.ts")}' "$@"\n`);
  chmodSync(wt, 0o755);
  env = { ...daemon.env, PATH: `${join(home, "bin")}:${daemon.env.PATH}`, TERM: "dumb" };
});
afterAll(() => daemon[Symbol.asyncDispose]());

async function candidates(...words: string[]): Promise<string[]> {
  const { stdout } = await runCli(["__complete", "--", ...words], { env, cwd: repository });
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split("\t")[0] ?? "");
}

describe("candidates", () => {
  test.each([
    [["stat"], ["status"]],
    // Projects stand where commands do, and then their environments.
    [["sto"], ["stock"]],
    [["stock", ""], ["elsewhere"]],
    [["stock", "elsewhere", ""], []],
    [
      ["switch", "--project", "s"],
      ["shop", "stock"],
    ],
    [
      ["daemon", "st"],
      ["status", "stop"],
    ],
    [
      ["switch", "ea"],
      ["earl-fib", "earl-two"],
    ],
    // By slug, unless what is typed begins a branch.
    [["switch", "earl/"], ["earl/fib"]],
    [["--json", "switch", "m"], ["main"]],
    [
      ["create", "f"],
      ["feature/x", "fresh"],
    ],
    [["create", "gr"], ["größe"]],
    [["create", "m"], ["main"]],
    [["create", "7"], []],
    [["create", "--from", "fe"], ["feature/x"]],
    [["logs", "-e", "earl-t"], ["earl-two"]],
    [
      ["logs", "web", "w"],
      ["web", "worker"],
    ],
    [
      ["db", "u"],
      ["url", "usage"],
    ],
    [["db", "reset", "d"], ["db"]],
    [["db", "restore", "b"], ["before-import"]],
    [["db", "checkpoints", "--delete", "b"], ["before-import"]],
    [["db", "te"], ["template"]],
    [
      ["db", "template", "re"],
      ["refresh", "remove"],
    ],
    [["db", "template", "remove", "3"], ["3fa91c0e7b120a6c5d44"]],
    [["undelete", ""], ["given-up"]],
    [["restore", "l"], ["later"]],
    [["logs", "--fo"], ["--follow"]],
    [["status", "main", ""], []],
    [
      ["completion", ""],
      ["bash", "zsh", "fish"],
    ],
    [["-C", ""], [":directories"]],
    [["run", ""], [":commands"]],
    [["no-such", ""], []],
  ])("%j", async (words, expected) => {
    expect(await candidates(...words)).toEqual(expected);
  });

  test("neither the daemon nor anything else is waited for", async () => {
    daemon.requests.length = 0;
    for (const words of [["switch", ""], ["create", ""], ["logs", ""], ["sto"]]) await candidates(...words);
    expect(daemon.requests).toEqual([]);
  });

  test.each(["{", '{"schema":2,"projects":[],"templates":[]}', "null", ""])("an overview that says %j is as good as none", async (text) => {
    const state = join(daemon.env.HOME ?? "", "damaged");
    mkdirSync(join(state, "worldtree"), { recursive: true });
    writeFileSync(join(state, "worldtree/overview.json"), text);
    const damaged = { ...env, XDG_STATE_HOME: state };
    expect(await runCli(["__complete", "--", "logs", ""], { env: damaged, cwd: repository })).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("where no daemon ever ran there are commands, and the worktrees and branches that git knows; none is started", async () => {
    const lonely = {
      ...env,
      XDG_RUNTIME_DIR: join(daemon.env.HOME ?? "", "nowhere"),
      XDG_STATE_HOME: join(daemon.env.HOME ?? "", "nowhere"),
    };
    const run = (...words: string[]) => runCli(["__complete", "--", ...words], { env: lonely, cwd: repository });
    expect((await run("swi")).stdout).toStartWith("switch\t");
    expect(await run("switch", "")).toEqual({ code: 0, stdout: "main\tworktree\n", stderr: "" });
    expect((await run("create", "fe")).stdout).toBe("feature/x\tbranch\n");
    expect(await runCli(["__complete", "--", "switch", ""], { env: lonely })).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(
      await Bun.file(join(lonely.XDG_STATE_HOME, "worldtree"))
        .stat()
        .catch(() => null),
    ).toBeNull();
  });
});

/** Not spawnSync: the daemon answers in this very process. */
async function inShell(shell: Shell, script: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const flags: Record<Shell, string[]> = { bash: ["--norc", "--noprofile"], zsh: ["-f"], fish: ["--no-config"] };
  const child = Bun.spawn([shell, ...flags[shell], "-c", script], { env, cwd: repository, stdio: ["ignore", "pipe", "pipe"] });
  const [code, stdout, stderr] = await Promise.all([child.exited, new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code, stdout, stderr };
}

for (const shell of ["bash", "zsh", "fish"] as const) {
  const missing = Bun.which(shell) === null;
  describe.skipIf(missing)(`${shell}${missing ? " (not installed)" : ""}`, () => {
    test("completes through its own machinery", async () => {
      const script = completionScript(shell);
      const ask: Record<Shell, string> = {
        bash: `COMP_WORDS=(wt switch ea); COMP_CWORD=2; _wt_complete; printf '%s\\n' "\${COMPREPLY[@]}"`,
        zsh: `_describe() { printf '%s\\n' "\${candidates[@]%%:*}"; }; words=(wt switch ea); CURRENT=3; _wt_complete`,
        fish: `complete -C 'wt switch ea' | string replace -r '\\t.*' ''`,
      };
      expect(await inShell(shell, `${script}\n${ask[shell]}`)).toEqual({ code: 0, stdout: "earl-fib\nearl-two\n", stderr: "" });
    });

    test("switch changes its directory, even to one with a strange name; other commands pass through", async () => {
      const script = shellInitScript(shell, { aliases: true });
      const code = shell === "fish" ? "$status" : "$?";
      const result = await inShell(
        shell,
        `${script}\nwt switch earl-fib\necho "code ${code}"\nprintf '%s|' "$PWD"\nwt --version\nwt switch nope 2>/dev/null\necho "code ${code}"`,
      );
      expect(result.stderr).toBe("");
      expect(result.stdout).toMatch(/^code 0\n/);
      expect(result.stdout).toContain(`${target}|wt `);
      expect(result.stdout).toEndWith("code 4\n");
    });

    test("two words go there from anywhere", async () => {
      const result = await inShell(shell, `${shellInitScript(shell, { aliases: false })}\ncd /\nwt shop earl-fib\nprintf '%s|' "$PWD"`);
      expect(result).toEqual({ code: 0, stdout: `${target}|`, stderr: "" });
    });

    test("leaves nothing in the temporary directory", async () => {
      const temporary = join(daemon.env.HOME ?? "", `tmp-${shell}`);
      mkdirSync(temporary);
      const export_ = shell === "fish" ? `set -x TMPDIR ${temporary}` : `export TMPDIR=${temporary}`;
      await inShell(shell, `${export_}\n${shellInitScript(shell, { aliases: false })}\nwt switch earl-fib; wt switch nope`);
      expect([...new Bun.Glob("*").scanSync({ cwd: temporary, dot: true })]).toEqual([]);
    });
  });
}
