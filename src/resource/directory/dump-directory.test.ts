import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WtError } from "../../errors/wt-error.ts";
import { dumpDirectory, loadDirectory } from "./dump-directory.ts";

const never = new AbortController().signal;
const wish = (path: string) => ({ path, format: null, schema: true, data: true });

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wt-tar-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string) => join(root, name);

test("files, modes, links and odd names come back; the dump is for its owner alone", async () => {
  mkdirSync(at("from/sub"), { recursive: true });
  writeFileSync(at("from/sub/-odd näme\n.txt"), "text");
  writeFileSync(at("from/run"), "#!/bin/sh\n");
  chmodSync(at("from/run"), 0o755);
  symlinkSync("run", at("from/link"));
  expect(await dumpDirectory(at("from"), wish(at("a.tar")), never)).toBe("tar");
  expect(statSync(at("a.tar")).mode & 0o777).toBe(0o600);
  await loadDirectory(at("a.tar"), at("to"), never);
  expect(readFileSync(at("to/sub/-odd näme\n.txt"), "utf8")).toBe("text");
  expect([statSync(at("to/run")).mode & 0o777, readlinkSync(at("to/link"))]).toEqual([0o755, "run"]);
});

test("what is no tar file, and an interrupted or impossible dump", async () => {
  writeFileSync(at("bad.tar"), "this is no tar file, and long enough to be seen as one by nobody");
  const failed = (await loadDirectory(at("bad.tar"), at("to"), never).catch((error) => error)) as WtError;
  expect([failed.code, failed.message]).toEqual(["dump_failed", expect.stringContaining(at("bad.tar"))]);
  mkdirSync(at("from"));
  await expect(dumpDirectory(at("from"), wish(at("a.tar")), AbortSignal.abort())).rejects.toThrow();
  const refused = (await dumpDirectory(at("from"), { ...wish(at("a.tar")), format: "plain" }, never).catch((error) => error)) as WtError;
  expect([refused.code, existsSync(at("a.tar"))]).toEqual(["dump_format", false]);
});

// Only GNU tar can write such a file.
test.skipIf(process.platform !== "linux")("a tar file writes nothing outside", async () => {
  mkdirSync(at("outside"));
  mkdirSync(at("evil/step"), { recursive: true });
  writeFileSync(at("evil/step/file"), "evil");
  // A link that leads out, then a file below it; and a name with `..`.
  symlinkSync(at("outside"), at("evil/door"));
  const run = (...words: string[]) => Bun.spawnSync(["tar", ...words], { cwd: at("evil") }).exitCode;
  expect(run("-cf", at("evil.tar"), "door")).toBe(0);
  expect(run("-rf", at("evil.tar"), "--transform=s,^step,door,", "step/file")).toBe(0);
  expect(run("-rPf", at("evil.tar"), "--transform=s,^step/file,../escaped,", "step/file")).toBe(0);
  await loadDirectory(at("evil.tar"), at("to"), never).catch(() => undefined);
  expect([readdirSync(at("outside")), existsSync(at("escaped"))]).toEqual([[], false]);
});
