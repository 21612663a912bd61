import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tarFiles } from "./tar-files.ts";

test("tar itself reads it: contents of any length, modes, long paths", () => {
  const directory = mkdtempSync(join(tmpdir(), "wt-tar-"));
  try {
    const long = `${"d".repeat(80)}/${"e".repeat(80)}`;
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const files = [
      { path: "run/secrets/a", content: "sécret", mode: 0o400, ...owner },
      { path: "empty", content: "", mode: 0o644, ...owner },
      { path: "block", content: "x".repeat(512), mode: 0o644, ...owner },
      { path: long, content: "far", mode: 0o600, ...owner },
    ];
    const { exitCode, stderr } = Bun.spawnSync(["tar", "-xpf", "-", "-C", directory], { stdin: tarFiles(files) });
    expect([exitCode, stderr.toString()]).toEqual([0, ""]);
    for (const { path, content, mode } of files) {
      expect(readFileSync(join(directory, path), "utf8")).toBe(content);
      expect(statSync(join(directory, path)).mode & 0o777).toBe(mode);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("a path that the format cannot hold is not cut", () => {
  expect(() => tarFiles([{ path: "x".repeat(101), content: "", mode: 0o600, uid: 0, gid: 0 }])).toThrow("too long");
});
