import { afterEach, describe, expect, test } from "bun:test";
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
import { dirname, join } from "node:path";
import { cloneDirectories, copyFiles } from "./fill-files.ts";

const made: string[] = [];
afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function place(files: Record<string, string>) {
  const base = mkdtempSync(join(tmpdir(), "wt-fill-"));
  made.push(base);
  for (const name of ["from", "to", "outside"]) mkdirSync(join(base, name));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(base, name)), { recursive: true });
    writeFileSync(join(base, name), text);
  }
  return { base, from: join(base, "from"), to: join(base, "to"), outside: join(base, "outside"), abort: new AbortController().signal };
}

describe("copy", () => {
  test("takes what matches, with its mode, and leaves what is there", async () => {
    const fill = place({
      "from/.env": "A=1\n",
      "from/deep/secret.json": "{}\n",
      "from/other.txt": "other\n",
      "from/kept": "from\n",
      "to/kept": "to\n",
    });
    chmodSync(join(fill.from, ".env"), 0o600);
    await copyFiles({ ...fill, patterns: [".env", "deep/*.json", "kept", "missing/*"] });
    expect(readFileSync(join(fill.to, ".env"), "utf8")).toBe("A=1\n");
    expect(statSync(join(fill.to, ".env")).mode & 0o777).toBe(0o600);
    expect(readdirSync(fill.to).sort()).toEqual([".env", "deep", "kept"]);
    expect(readFileSync(join(fill.to, "kept"), "utf8")).toBe("to\n");
  });

  test("never takes git's own files", async () => {
    const fill = place({ "from/.git/config": "x\n", "from/sub/.git/hooks/post-checkout": "x\n" });
    await copyFiles({ ...fill, patterns: ["**"] });
    expect(readdirSync(fill.to)).toEqual([]);
  });

  test("writes through no link that leads out of the worktree", async () => {
    const fill = place({ "from/settings/local.json": "{}\n" });
    symlinkSync(fill.outside, join(fill.to, "settings"));
    const copying = copyFiles({ ...fill, patterns: ["settings/*"] });
    await expect(copying).rejects.toMatchObject({
      kind: "refused",
      code: "path_leaves_worktree",
      details: { path: "settings/local.json" },
    });
    expect(readdirSync(fill.outside)).toEqual([]);
  });

  test("follows a link that stays inside, and leaves alone a link that leads nowhere or a file in the way", async () => {
    const fill = place({ "from/a/x": "x\n", "from/b": "b\n", "from/c/d": "d\n", "to/real/y": "y\n", "to/c": "a file\n" });
    symlinkSync("real", join(fill.to, "a"));
    symlinkSync(join(fill.outside, "b"), join(fill.to, "b"));
    await copyFiles({ ...fill, patterns: ["a/*", "b", "c/*"] });
    expect(readFileSync(join(fill.to, "real/x"), "utf8")).toBe("x\n");
    expect(lstatSync(join(fill.to, "b")).isSymbolicLink()).toBe(true);
    expect(readdirSync(fill.outside)).toEqual([]);
  });

  test("ends with the reason of the signal", async () => {
    const fill = place({ "from/a": "a\n" });
    const abort = AbortSignal.abort(new Error("enough"));
    await expect(copyFiles({ ...fill, abort, patterns: ["a"] })).rejects.toThrow("enough");
    expect(existsSync(join(fill.to, "a"))).toBe(false);
  });
});

describe("clone", () => {
  test("takes whole directories, links as links, and leaves what is there", async () => {
    const fill = place({ "from/node_modules/a/index.js": "1\n", "from/cache/x": "from\n", "to/cache/x": "to\n" });
    symlinkSync("../a/index.js", join(fill.from, "node_modules/link"));
    await cloneDirectories({ ...fill, directories: ["node_modules", "cache", "missing"] });
    expect(readFileSync(join(fill.to, "node_modules/a/index.js"), "utf8")).toBe("1\n");
    expect(lstatSync(join(fill.to, "node_modules/link")).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(fill.to, "cache/x"), "utf8")).toBe("to\n");
  });

  test("writes through no link that leads out of the worktree", async () => {
    const fill = place({ "from/packages/web/node_modules/x": "x\n" });
    symlinkSync(fill.outside, join(fill.to, "packages"));
    const cloning = cloneDirectories({ ...fill, directories: ["packages/web/node_modules"] });
    await expect(cloning).rejects.toMatchObject({ kind: "refused", code: "path_leaves_worktree" });
    expect(readdirSync(fill.outside)).toEqual([]);
  });
});
