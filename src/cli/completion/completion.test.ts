// The scripts in the real shells, against the real program and a daemon that answers with names.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FakeDaemon, fakeEnvironment, startFakeDaemon } from "../testing/fake-daemon.ts";
import { runCli } from "../testing/run-cli.ts";
import { completionScript } from "./completion-script.ts";
import { shellInitScript } from "./shell-init-script.ts";
import type { Shell } from "./shells.ts";

const names = {
  environments: ["main", "earl-fib", "earl-two"],
  branches: ["main", "feature/x"],
  services: ["web", "worker"],
  resources: ["db", "cache"],
  checkpoints: ["before-import"],
  templates: ["3fa91c0e7b120a6c5d44"],
};
let daemon: FakeDaemon;
let env: Record<string, string>;
let target: string;

beforeAll(async () => {
  target = "";
  const list = () => ({ schema: 1, environments: [fakeEnvironment({ slug: "earl-fib", path: target })] });
  daemon = await startFakeDaemon({ "/v1/names": names, "/v1/environments/list": list });
  const home = daemon.env.HOME ?? "";
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
  const { stdout } = await runCli(["__complete", "--", ...words], { env });
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split("\t")[0] ?? "");
}

describe("candidates", () => {
  test.each([
    [["st"], ["status"]],
    [
      ["daemon", "st"],
      ["status", "stop"],
    ],
    [
      ["switch", "ea"],
      ["earl-fib", "earl-two"],
    ],
    [["--json", "switch", "m"], ["main"]],
    [["create", "f"], ["feature/x"]],
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

  test("without a daemon there are still commands, and none is started", async () => {
    const lonely = {
      ...env,
      XDG_RUNTIME_DIR: join(daemon.env.HOME ?? "", "nowhere"),
      XDG_STATE_HOME: join(daemon.env.HOME ?? "", "nowhere"),
    };
    expect((await runCli(["__complete", "--", "swi"], { env: lonely })).stdout).toStartWith("switch\t");
    expect(await runCli(["__complete", "--", "switch", ""], { env: lonely })).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await Bun.file(join(lonely.XDG_STATE_HOME, "worldtree/daemon.log")).exists()).toBe(false);
  });
});

/** Not spawnSync: the daemon answers in this very process. */
async function inShell(shell: Shell, script: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const flags: Record<Shell, string[]> = { bash: ["--norc", "--noprofile"], zsh: ["-f"], fish: ["--no-config"] };
  const child = Bun.spawn([shell, ...flags[shell], "-c", script], { env, cwd: "/", stdio: ["ignore", "pipe", "pipe"] });
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

    test("leaves nothing in the temporary directory", async () => {
      const temporary = join(daemon.env.HOME ?? "", `tmp-${shell}`);
      mkdirSync(temporary);
      const export_ = shell === "fish" ? `set -x TMPDIR ${temporary}` : `export TMPDIR=${temporary}`;
      await inShell(shell, `${export_}\n${shellInitScript(shell, { aliases: false })}\nwt switch earl-fib; wt switch nope`);
      expect([...new Bun.Glob("*").scanSync({ cwd: temporary, dot: true })]).toEqual([]);
    });
  });
}
