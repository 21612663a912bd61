// Rule 6: a repository runs nothing that a person has not approved, and nobody but a person approves.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { hermeticWorld } from "../support/hermetic-world.ts";
import { expectRefusal, leavesNothing } from "../support/refusal.ts";

const minute = 60_000;
/** Every command of this repository leaves a mark outside of it when it runs. */
const marking = (mark: string) => `touch "$HOME/${mark}"`;
const untrusted = { kind: "untrusted" as const, code: "trust_missing", hint: "wt trust" };

describe("an untrusted repository", () => {
  test(
    "runs nothing, whatever is asked of it",
    async () => {
      const yaml = `setup: ['${marking("setup")}']
env: { PATH: /nowhere }
services: { web: { run: '${marking("service")}; exec sleep 100', ready: { command: '${marking("probe")}' } } }
`;
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml, "package.json": '{"scripts":{"dev":"vite"}}' }, trust: false });
      await leavesNothing(world, async () => {
        for (const args of [
          ["create", "a"],
          ["create", "a", "--no-up"],
          ["up", "main"],
          ["up"],
          ["restart", "main"],
          ["restart", "main", "web"],
        ]) {
          await expectRefusal(world, args, { ...untrusted, names: ["small", "setup[0]"].slice(1) });
        }
        // Its variables would decide what the user's own command runs.
        await expectRefusal(world, ["env"], { ...untrusted, names: ["env.PATH"] });
        const ran = await world.wt(["run", "--", "sh", "-c", 'touch "$HOME/ran"']);
        expect(ran.code).toBe(6);
        for (const args of [["list"], ["status"], ["here"], ["down", "main"], ["doctor"], ["trust", "--show"], ["logs"]]) {
          expect({ args, code: (await world.wt(args)).code }).toEqual({ args, code: 0 });
        }
      });
      expect(readdirSync(`${world.directory}/home`)).toEqual([]);
    },
    minute,
  );

  test(
    "lets the user's own commands run, and a worktree be made in which nothing runs",
    async () => {
      const files = { "wt.yaml": `services: { web: { run: '${marking("service")}; exec sleep 100', port: none } }\n` };
      await using world = await hermeticWorld({ files, trust: false });
      await world.ok(["create", "a", "--no-up"]);
      expect((await world.ok(["run", "-e", "a", "--", "sh", "-c", "echo $WT_ENVIRONMENT"])).trim()).toBe("a");
      await leavesNothing(world, () => expectRefusal(world, ["create", "a"], { ...untrusted, names: ["services.web.run"] }));
      expect(readdirSync(`${world.directory}/home`)).toEqual([]);
    },
    minute,
  );

  test(
    "without wt.yaml runs nothing of what detection finds either",
    async () => {
      const files = { "package.json": JSON.stringify({ scripts: { dev: `vite # ${marking("dev")}` }, devDependencies: { vite: "6" } }) };
      await using world = await hermeticWorld({ files, trust: false });
      await leavesNothing(world, () => expectRefusal(world, ["create", "a"], { ...untrusted, names: [/./] }));
      expect(readdirSync(`${world.directory}/home`)).toEqual([]);
    },
    minute,
  );

  test(
    "writes nowhere but into its worktree",
    async () => {
      await using world = await hermeticWorld({
        files: { "wt.yaml": "copy: ['settings/*']\nclone: [cache]\n", ".gitignore": "settings\ncache\n" },
      });
      await world.write({ "settings/local.json": "{}\n", "cache/deep/file": "1\n" });
      await world.ok(["create", "honest"]);
      const { path } = await world.status("honest");
      expect(readFileSync(`${path}/settings/local.json`, "utf8")).toBe("{}\n");
      expect(readFileSync(`${path}/cache/deep/file`, "utf8")).toBe("1\n");
      // Branches in which what is to be filled is a link that leads out of the worktree.
      const home = `${world.directory}/home`;
      for (const [branch, link, target] of [
        ["link", "settings", home],
        ["dangling", "cache", `${home}/cache`],
        ["file", "settings/local.json", `${home}/local.json`],
      ] as const) {
        await world.git(["checkout", "--quiet", "-b", branch, "main"], path);
        await world.git(["rm", "-r", "--quiet", "--cached", "--ignore-unmatch", "settings", "cache"], path);
        await world.ok(["run", "-e", "honest", "--", "rm", "-rf", "settings", "cache"]);
        if (link.includes("/")) mkdirSync(`${path}/settings`);
        symlinkSync(target, `${path}/${link}`);
        await world.git(["add", "--force", link], path);
        await world.git(["commit", "--quiet", "--message", branch], path);
        await world.git(["checkout", "--quiet", "honest"], path);
        const ran = await world.wt(["create", branch, "--no-up"]);
        expect({ branch, code: ran.code, stderr: ran.stderr }).toEqual({ branch, code: branch === "link" ? 5 : 0, stderr: ran.stderr });
        if (branch === "link") expect(ran.stderr).toContain("symbolic link");
      }
      expect(readdirSync(home)).toEqual([]);
      for (const worktrees of [`${home}/.config`, "../.config", "../../elsewhere", "~/x"]) {
        await world.write({ "wt.yaml": `worktrees: ${worktrees}\n` });
        await world.commit("worktrees elsewhere");
        await leavesNothing(world, () =>
          expectRefusal(world, ["create", "autostart", "--no-up"], { kind: "untrusted", code: "trust_missing", names: ["worktrees"] }),
        );
      }
      expect(readdirSync(home)).toEqual([]);
    },
    minute,
  );
});

describe("trust", () => {
  test(
    "is for exactly this content: any change asks again and names what changed; changing it back needs no new answer",
    async () => {
      const files = {
        "wt.yaml": "setup: [./prepare.sh, npm run --silent build]\nservices: { web: { run: exec sleep 1000, port: none } }\n",
        "prepare.sh": "#!/bin/sh\n. ./lib.sh\n",
        "lib.sh": "echo lib\n",
        "package.json": '{"scripts":{"build":"echo build","other":"echo other"}}\n',
        "README.md": "1\n",
      };
      await using world = await hermeticWorld({ files });
      await world.git(["update-index", "--chmod=+x", "prepare.sh"]);
      await world.git(["commit", "--quiet", "--message", "executable"]);
      await world.ok(["create", "a"]);
      const changes: [string, string, string][] = [
        ["wt.yaml", files["wt.yaml"].replace("1000", "1001"), "services.web.run"],
        ["wt.yaml", `${files["wt.yaml"]}env: { NODE_OPTIONS: --require=./evil.js }\n`, "env.NODE_OPTIONS"],
        ["prepare.sh", "#!/bin/sh\necho other\n", "prepare.sh"],
        ["lib.sh", "echo evil\n", "lib.sh"],
        ["package.json", '{"scripts":{"build":"echo evil","other":"echo other"}}\n', "build"],
        ["package.json", '{"scripts":{"prebuild":"echo evil","build":"echo build","other":"echo other"}}\n', "prebuild"],
      ];
      const path = (await world.status("a")).path;
      for (const [name, content, source] of changes) {
        await world.write({ [name]: content }, path);
        await expectRefusal(world, ["up", "a"], { kind: "untrusted", code: "trust_changed", names: [source], hint: "wt trust" });
        await world.write({ [name]: files[name as keyof typeof files] }, path);
        await world.ok(["up", "a"]);
      }
      rmSync(`${path}/lib.sh`);
      const hint = "wt trust";
      await expectRefusal(world, ["up", "a"], {
        kind: "untrusted",
        code: "trust_changed",
        names: ["A command", "lib.sh (which is gone)"],
        hint,
      });
      await world.write({ "lib.sh": files["lib.sh"] }, path);
      // What no command reaches may change.
      await world.write({ "README.md": "2\n", "package.json": '{"scripts":{"build":"echo build","other":"echo changed"}}\n' }, path);
      await world.ok(["up", "a"]);
    },
    2 * minute,
  );

  test(
    "is kept outside of the repository and does not come with a copy of it",
    async () => {
      const files = { "wt.yaml": "services: { web: { run: exec sleep 1000, port: none } }\n" };
      await using world = await hermeticWorld({ files });
      expect(await world.git(["status", "--porcelain"])).toBe("");
      const copy = `${world.directory}/copy`;
      await world.git(["clone", "--quiet", world.repository, copy]);
      await expectRefusal(world, ["up"], { ...untrusted, cwd: copy, names: ["services.web.run"] });
      await world.ok(["up"]);
    },
    minute,
  );

  test(
    "cannot be given by an agent or by nobody",
    async () => {
      await using world = await hermeticWorld({ files: { "wt.yaml": `setup: ['${marking("setup")}']\n` }, trust: false });
      for (const mark of ["CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CODEX_SANDBOX", "GEMINI_CLI", "CURSOR_AGENT", "OPENCODE", "AI_AGENT"]) {
        await expectRefusal(world, ["trust", "--yes"], {
          env: { [mark]: "1" },
          kind: "untrusted",
          code: "agent_cannot_trust",
          names: [/agent|Claude|Codex|Gemini|Cursor|opencode/],
          hint: "wt trust",
        });
      }
      await expectRefusal(world, ["trust"], { kind: "untrusted", code: "trust_needs_terminal", names: ["1 command"], hint: "wt trust" });
      await world.wt(["trust"], { stdin: "y\ny\n" });
      await expectRefusal(world, ["create", "a"], { ...untrusted, names: ["setup[0]"] });
      expect(existsSync(`${world.directory}/home/setup`)).toBe(false);
      await world.ok(["trust", "--yes"]);
      await world.ok(["create", "a"], { env: { CLAUDECODE: "1" } });
      expect(existsSync(`${world.directory}/home/setup`)).toBe(true);
    },
    minute,
  );
});
