// Named after what happened elsewhere: installers that emptied or cut the start files of their users' shells (worktrunk#3589, #3585).
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { armFaults, type FaultLayer } from "../../os/fault-layer.ts";
import { shells } from "../completion/shells.ts";
import { hermeticEnvironment } from "../testing/fake-daemon.ts";
import { runCli } from "../testing/run-cli.ts";
import { findBlock, withBlock, withoutBlock } from "./marked-block.ts";
import { installStartFile, startFileLines, startFileMarks, startFilePath, uninstallStartFile } from "./shell-start-file.ts";

let home: string;
let env: Record<string, string>;
let bashrc: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "wt-rc-"));
  env = hermeticEnvironment(home);
  bashrc = join(home, ".bashrc");
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const { begin, end } = startFileMarks;

describe("the block", () => {
  const marks = startFileMarks;
  const line = fc.oneof(
    fc.string({ unit: "binary" }).map((text) => text.replaceAll("\n", "")),
    fc.constantFrom("", "# a comment", "alias wt=x", "\r"),
  );
  const file = fc.array(line).map((lines) => lines.join("\n"));

  test("whatever the file holds, installing and uninstalling gives it back, but for a newline at its end", () => {
    fc.assert(
      fc.property(file, fc.string(), (text, lines) => {
        fc.pre(findBlock(text, marks).kind === "absent");
        const block = lines.replace(/[\n\r]/g, "");
        fc.pre(block.trim() !== begin && block.trim() !== end);
        const place = findBlock(text, marks);
        if (place.kind === "damaged") return;
        const installed = withBlock(text, place, { marks, lines: block });
        expect(installed.startsWith(text)).toBe(true);
        const again = findBlock(installed, marks);
        if (again.kind === "damaged") throw new Error("its own block is damaged");
        expect(withBlock(installed, again, { marks, lines: block })).toBe(installed);
        expect([text, `${text}\n`]).toContain(withoutBlock(installed, again));
      }),
    );
  });

  test("lines around it stay, whatever they are", () => {
    fc.assert(
      fc.property(file, file, (before, after) => {
        fc.pre([before, after].every((text) => findBlock(text, marks).kind === "absent"));
        const text = `${before}\n${begin}\nanything\n${end}\n${after}`;
        const place = findBlock(text, marks);
        if (place.kind !== "found") throw new Error("not found");
        expect(withoutBlock(text, place)).toBe(`${before}\n${after}`);
      }),
    );
  });

  test.each([
    [`a\n${begin}\nb\n`, 2, "the block does not end"],
    [`a\n${end}\nb\n`, 2, "it ends a block that does not begin"],
    [`${begin}\n${begin}\n${end}\n`, 2, "it begins again before the block of line 1 ends"],
    [`${begin}\n${end}\n${begin}\n${end}`, 3, "it is a second block"],
  ] as const)("%j is damaged", (text, ...[at, because]) => {
    expect(findBlock(text, marks)).toEqual({ kind: "damaged", line: at, because });
  });
});

describe("the start file", () => {
  test.each([...shells])("of %s: made when absent, changed when the wish changes, left empty when taken out", async (shell) => {
    const path = startFilePath(shell, env);
    expect(await installStartFile(shell, env, { aliases: false })).toEqual({ path, changed: true });
    expect(readFileSync(path, "utf8")).toBe(`${begin}\n${startFileLines(shell, false)}\n${end}\n`);
    expect((await installStartFile(shell, env, { aliases: false })).changed).toBe(false);
    expect((await installStartFile(shell, env, { aliases: true })).changed).toBe(true);
    expect(readFileSync(path, "utf8").match(/shell-init/g)).toHaveLength(1);
    await uninstallStartFile(shell, env);
    expect(readFileSync(path, "utf8")).toBe("");
    expect((await uninstallStartFile(shell, env)).changed).toBe(false);
  });

  test("uninstall takes out the block and nothing else: worktrunk#3589", async () => {
    const mine = Buffer.from("export PATH=~/bin:$PATH\r\nalias ll='ls -l' # gr\xfc\xdfe\n# wt shell integration\n\n", "latin1");
    writeFileSync(bashrc, mine);
    chmodSync(bashrc, 0o600);
    await installStartFile("bash", env, { aliases: true });
    writeFileSync(bashrc, Buffer.concat([readFileSync(bashrc), Buffer.from("eval other\n")]));
    await uninstallStartFile("bash", env);
    expect(readFileSync(bashrc)).toEqual(Buffer.concat([mine, Buffer.from("eval other\n")]));
    expect(statSync(bashrc).mode & 0o777).toBe(0o600);
  });

  test("with a full disk it is as it was, and no leftover lies beside it: worktrunk#3585", async () => {
    writeFileSync(bashrc, "precious\n");
    const full: FaultLayer = async ({ verb }, work) => {
      if (verb === "write") throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
      return await work();
    };
    armFaults(full);
    try {
      await expect(installStartFile("bash", env, { aliases: false })).rejects.toThrow(
        `${bashrc} cannot be changed (ENOSPC: no space left on device); it is as it was.`,
      );
    } finally {
      armFaults(null);
    }
    expect(readdirSync(home)).toEqual([".bashrc"]);
    expect(readFileSync(bashrc, "utf8")).toBe("precious\n");
  });

  test("readers never see half of it: it is replaced, not written into", async () => {
    writeFileSync(bashrc, "precious\n");
    const before = statSync(bashrc).ino;
    await installStartFile("bash", env, { aliases: false });
    expect(statSync(bashrc).ino).not.toBe(before);
  });

  test("a link stays a link, and the file it leads to is changed", async () => {
    mkdirSync(join(home, "dotfiles"));
    writeFileSync(join(home, "dotfiles/bashrc"), "mine\n");
    symlinkSync("dotfiles/bashrc", bashrc);
    await installStartFile("bash", env, { aliases: false });
    expect(lstatSync(bashrc).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(home, "dotfiles/bashrc"), "utf8")).toStartWith(`mine\n${begin}`);
    await uninstallStartFile("bash", env);
    expect(readFileSync(join(home, "dotfiles/bashrc"), "utf8")).toBe("mine\n");
  });

  test("damaged marks, a directory, a missing HOME: refused with the place, nothing changed", async () => {
    writeFileSync(bashrc, `mine\n${begin}\nalso mine\n`);
    const before = readFileSync(bashrc);
    const refused = await runCli(["shell-init", "bash", "--uninstall"], { env });
    expect([refused.code, refused.stderr]).toEqual([
      5,
      expect.stringContaining(`${bashrc}:2 has a mark of wt's block, but the block does not end; nothing was changed.`),
    ]);
    expect(readFileSync(bashrc)).toEqual(before);
    rmSync(bashrc);
    mkdirSync(bashrc);
    expect((await runCli(["shell-init", "bash", "--install"], { env })).code).toBe(7);
    expect((await runCli(["shell-init", "bash", "--install"], { env: { ...env, HOME: "" } })).code).toBe(7);
    expect((await runCli(["shell-init", "bash", "--install", "--uninstall"], { env })).code).toBe(2);
  });

  test("the line works in the real shells, also where wt is not installed", async () => {
    for (const shell of shells.filter((one) => Bun.which(one))) {
      await installStartFile(shell, env, { aliases: true });
      const path = startFilePath(shell, env);
      const ran = Bun.spawnSync([shell, "-c", `. ${path}; echo went on`], { env: { ...env, PATH: "/usr/bin:/bin" } });
      expect([ran.stdout.toString(), ran.stderr.toString()]).toEqual(["went on\n", ""]);
      expect(existsSync(path)).toBe(true);
    }
  });
});
