import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { ServiceSpec } from "../runtime-driver.ts";
import { createProcessHarness, type ProcessHarness } from "./process-driver.conformance.ts";

let harness: ProcessHarness;
beforeEach(async () => {
  harness = await createProcessHarness();
});
afterEach(async () => {
  await harness.dispose();
});

async function failure(spec: ServiceSpec): Promise<WtError> {
  const thrown = await harness.driver.start(spec).then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(WtError);
  const error = thrown as WtError;
  expect(error.kind).toBe("machine");
  expect(error.message).toEndWith(".");
  expect(error.hints.length).toBeGreaterThan(0);
  expect(await harness.driver.find(spec)).toEqual([]);
  return error;
}

async function run(command: string, overrides: Partial<ServiceSpec> = {}): Promise<{ spec: ServiceSpec; output: string }> {
  const spec = harness.command(command, overrides);
  const instance = await harness.driver.start(spec);
  await harness.driver.waitForEnd(instance, AbortSignal.timeout(10_000));
  return { spec, output: readFileSync(spec.logPath, "utf8") };
}

describe("a service runs", () => {
  test("with exactly the variables given, and its mark", async () => {
    const { output } = await run("exec env", { env: { PATH: process.env.PATH ?? "", EMPTY: "", TEXT: "two\nlines ü" }, generation: 4 });
    const variables = output.split("\n").filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line));
    expect(variables.sort()).toEqual([
      "",
      "EMPTY=",
      `PATH=${process.env.PATH}`,
      "TEXT=two",
      `WT_INSTANCE=env/web/4/${harness.nonce}`,
      "lines ü",
    ]);
  });

  test("leading a session and a group of its own, with nothing to read and no foreign descriptor", async () => {
    const { output } = await run(`exec '${process.execPath}' -e '
      const fs = require("node:fs");
      const stat = fs.readFileSync("/proc/self/stat", "utf8").split(" ");
      console.log(stat[0] === stat[4] && stat[0] === stat[5]);
      console.log(fs.readFileSync(0).length);
      console.log(fs.readlinkSync("/proc/self/fd/0"), fs.readlinkSync("/proc/self/fd/1") === fs.readlinkSync("/proc/self/fd/2"));'`);
    expect(output).toBe("true\n0\n/dev/null true\n");
    const descriptors = await run("exec ls /proc/self/fd");
    expect(descriptors.output).toBe("0\n1\n2\n3\n");
  });

  test("in its directory, its output in order in one private file", async () => {
    const { spec, output } = await run("pwd; echo out; echo err >&2; echo out");
    expect(output).toBe(`${harness.directory}\nout\nerr\nout\n`);
    expect(statSync(spec.logPath).mode & 0o777).toBe(0o600);
    expect(statSync(join(spec.logPath, "..")).mode & 0o777).toBe(0o700);
  });

  test("on a new line of the log when the one before ended in the middle of one", async () => {
    const first = await run("printf unfinished");
    const second = await run("echo next", { logPath: first.spec.logPath });
    expect(second.output).toBe("unfinished\nnext\n");
  });
});

describe("a service that cannot start says why and leaves nothing", () => {
  test("a missing directory, or one that is none", async () => {
    const missing = harness.command("true", { directory: join(harness.directory, "missing") });
    expect(await failure(missing)).toMatchObject({
      code: "directory_missing",
      message: `Service web cannot start: its directory ${missing.directory} does not exist.`,
    });
    writeFileSync(join(harness.directory, "file"), "");
    const file = harness.command("true", { directory: join(harness.directory, "file") });
    expect((await failure(file)).message).toBe(`Service web cannot start: its directory ${file.directory} is not a directory.`);
    expect(readdirSync(harness.directory)).toEqual(["file"]);
  });

  test("a log whose path is a directory, or leads through a file", async () => {
    mkdirSync(join(harness.directory, "taken"));
    expect(await failure(harness.command("true", { logPath: join(harness.directory, "taken") }))).toMatchObject({ code: "log_unwritable" });
    writeFileSync(join(harness.directory, "file"), "");
    expect(await failure(harness.command("true", { logPath: join(harness.directory, "file", "a", "web.log") }))).toMatchObject({
      code: "log_unwritable",
    });
    symlinkSync("/dev/full", join(harness.directory, "full.log"));
    expect((await failure(harness.command("true", { logPath: join(harness.directory, "full.log") }))).message).toContain(
      "not a regular file",
    );
    expect(readdirSync(harness.directory).sort()).toEqual(["file", "full.log", "taken"]);
  });

  test("variables longer than the system takes: the directories made for the log are gone again", async () => {
    const spec = harness.command("true", { env: { LONG: "x".repeat(4_000_000) }, logPath: join(harness.directory, "a", "b", "web.log") });
    expect(await failure(spec)).toMatchObject({ code: "start_failed" });
    expect(existsSync(join(harness.directory, "a"))).toBe(false);
  });

  test.skipIf(process.getuid?.() === 0)("no permission (root has every permission)", async () => {
    const closed = join(harness.directory, "closed");
    mkdirSync(closed, { mode: 0o000 });
    expect(await failure(harness.command("true", { directory: closed }))).toMatchObject({ code: "directory_denied" });
    expect(await failure(harness.command("true", { logPath: join(closed, "web.log") }))).toMatchObject({ code: "log_unwritable" });
    chmodSync(closed, 0o700);
  });

  test.skipIf(process.getuid?.() !== 0 || process.platform !== "linux")("a full disk (only root can mount one)", async () => {
    const disk = join(harness.directory, "disk");
    mkdirSync(disk);
    const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk]).exitCode === 0;
    if (!mounted) return;
    try {
      const full = Bun.spawnSync(["dd", "if=/dev/zero", `of=${disk}/filler`, "bs=4k"]);
      expect(full.exitCode).not.toBe(0);
      const spec = harness.command("true", { logPath: join(disk, "logs", "web.log") });
      const error = await failure(spec);
      expect(error).toMatchObject({ code: "disk_full" });
      expect(error.message).toContain("no space is left");
      expect(readdirSync(disk)).toEqual(["filler"]);
    } finally {
      Bun.spawnSync(["umount", disk]);
    }
  });
});
