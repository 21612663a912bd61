import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { gitRepository } from "../../test/support/git-repository.ts";
import { copyFiles } from "./fill-files.ts";

/** A main worktree and a new one beside it, with these untracked files in the first. */
async function place(untracked: Record<string, string>, tracked: Record<string, string> = {}) {
  const repository = await gitRepository({ files: { ".gitignore": "*.local\n.env*\nsecrets/\nnode_modules/\nstorage/\n", ...tracked } });
  const [from, to, outside] = [repository.root, join(repository.base, "new"), join(repository.base, "outside")];
  repository.run(["worktree", "add", "-q", "-b", "new", to]);
  mkdirSync(outside);
  for (const [path, text] of Object.entries(untracked)) repository.write(path, text);
  const notes: string[] = [];
  const fill = {
    git: repository.git,
    from,
    to,
    abort: new AbortController().signal,
    note: (message: string) => void notes.push(message),
    include: "",
  };
  return {
    repository,
    fill,
    notes,
    outside,
    copy: (patterns: string[], include = "") => copyFiles({ ...fill, patterns, include }),
    /** What git did not bring. */
    copied: () => repository.run(["ls-files", "--others"], to).split("\n").filter(Boolean),
    [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
  };
}

describe("copy", () => {
  test("takes what matches, and leaves what is there", async () => {
    await using at = await place({ ".env": "A=1\n", "deep/secret.json.local": "{}\n", other: "", "kept.local": "main\n" });
    at.repository.write("kept.local", "own\n", at.fill.to);
    await at.copy([".env", "deep/*.local", "kept.local", "missing/*"]);
    expect(at.copied().sort()).toEqual([".env", "deep/secret.json.local", "kept.local"]);
    expect(readFileSync(join(at.fill.to, "kept.local"), "utf8")).toBe("own\n");
    expect(at.notes).toEqual([]);
  });

  test("a second time changes nothing: no line is added to a file again (`>> .env` gave duplicates)", async () => {
    await using at = await place({ ".env": "A=1\n" });
    await at.copy([".env"]);
    at.repository.write(".env", "A=2\n", at.fill.to);
    await at.copy([".env"]);
    expect(readFileSync(join(at.fill.to, ".env"), "utf8")).toBe("A=2\n");
  });

  test("exec bits and modes of files are kept", async () => {
    await using at = await place({ "run.local": "#!/bin/sh\n", ".env": "A=1\n" });
    chmodSync(join(at.fill.from, "run.local"), 0o755);
    chmodSync(join(at.fill.from, ".env"), 0o600);
    utimesSync(join(at.fill.from, ".env"), 1000, 2000);
    await at.copy(["*.local", ".env"]);
    expect(statSync(join(at.fill.to, "run.local")).mode & 0o777).toBe(0o755);
    expect(statSync(join(at.fill.to, ".env")).mode & 0o777).toBe(0o600);
    expect(statSync(join(at.fill.to, ".env")).mtimeMs).toBe(2_000_000);
  });

  test("the mode 0700 of a directory is kept, also of one above the file", async () => {
    await using at = await place({ "secrets/keys/a.pem": "a\n", "storage/b/c": "c\n" });
    for (const path of ["secrets", "secrets/keys", "storage"]) chmodSync(join(at.fill.from, path), 0o700);
    chmodSync(join(at.fill.from, "storage/b"), 0o750);
    await at.copy(["secrets/keys/a.pem"], "storage/\n");
    for (const path of ["secrets", "secrets/keys", "storage"]) expect(statSync(join(at.fill.to, path)).mode & 0o777).toBe(0o700);
    expect(statSync(join(at.fill.to, "storage/b")).mode & 0o777).toBe(0o750);
  });

  test("what git tracks in the main worktree is not brought to a commit that has it not", async () => {
    await using at = await place({}, { "settings.json": "{}\n" });
    at.repository.run(["rm", "-q", "settings.json"], at.fill.to);
    at.repository.run(["commit", "-q", "-m", "without"], at.fill.to);
    await at.copy(["settings.json", "*.json"]);
    expect(at.copied()).toEqual([]);
  });

  test("a name that is not there is said, and so is a copy that git would take for work", async () => {
    await using at = await place({ "notes.txt": "x\n" });
    await at.copy([".env", "notes.txt"]);
    expect(at.copied()).toEqual(["notes.txt"]);
    expect(at.notes).toEqual([
      "copy: the main worktree has no .env.",
      "notes.txt is not ignored by git, so the copy counts as work that is not saved. Name it in .gitignore.",
    ]);
  });

  test("of the variants of .env that there may be, those that are not there are told only where there is none", async () => {
    await using at = await place({ "backend/.env": "A=1\n" });
    await at.copy([".env", ".env.local", "other.txt"]);
    await at.copy([".env", ".env.local", "backend/.env", "other.txt"]);
    expect(at.copied()).toEqual(["backend/.env"]);
    expect(at.notes.filter((note) => note.startsWith("copy:"))).toEqual([
      "copy: the main worktree has no .env, .env.local, other.txt.",
      "copy: the main worktree has no other.txt.",
    ]);
  });

  test("a directory by its name means all that is in it, and what the commit has of it stays", async () => {
    await using at = await place({ "config/a.local": "a\n", "config/sub/b.local": "b\n" }, { "config/tracked": "t\n" });
    await at.copy(["config"]);
    expect(at.copied()).toEqual(["config/a.local", "config/sub/b.local"]);
  });

  test("a wildcard does not look through node_modules, a pattern that names the way into it does", async () => {
    await using at = await place({ "node_modules/a/.env": "x\n", "node_modules/.cache/b.local": "x\n", "apps/web/.env": "y\n" });
    at.repository.commit({ "apps/web/index.js": "" });
    await at.copy(["**/.env", "*"]);
    expect(at.copied()).toEqual(["apps/web/.env"]);
    await at.copy(["node_modules/.cache/*.local"]);
    expect(at.copied()).toEqual(["apps/web/.env", "node_modules/.cache/b.local"]);
  });

  test("never takes git's own files", async () => {
    await using at = await place({ "sub.local/.git/hooks/post-checkout": "x\n" });
    await at.copy(["**", ".git/config", "sub.local/.git/hooks/*"]);
    expect(at.copied()).toEqual([]);
    expect(existsSync(join(at.fill.to, "sub.local"))).toBe(false);
  });

  test("links stay links; those that name the main worktree name the new one; those that leave the repository are left out and named", async () => {
    await using at = await place({ ".env": "A=1\n", "apps/x.local": "x\n" });
    symlinkSync(".env", join(at.fill.from, ".env.same"));
    symlinkSync("../.env", join(at.fill.from, "apps/up.local"));
    symlinkSync(join(at.fill.from, ".env"), join(at.fill.from, ".env.absolute"));
    symlinkSync("../outside/key", join(at.fill.from, ".env.out"));
    symlinkSync("/etc/passwd", join(at.fill.from, "secrets"));
    await at.copy([".env.*", "apps/*.local", "secrets"]);
    expect(readlinkSync(join(at.fill.to, ".env.same"))).toBe(".env");
    expect(readlinkSync(join(at.fill.to, "apps/up.local"))).toBe("../.env");
    expect(readlinkSync(join(at.fill.to, ".env.absolute"))).toBe(join(at.fill.to, ".env"));
    expect(at.copied().includes(".env.out")).toBe(false);
    expect(at.notes).toEqual(
      [".env.out", "secrets"].map((name) => `${name} was left out: it is no file, or a link that leads out of the repository.`),
    );
  });

  test("writes through no link that leads out of the worktree", async () => {
    await using at = await place({ "settings/local.local": "{}\n" });
    symlinkSync(at.outside, join(at.fill.to, "settings"));
    const refused = { kind: "refused", code: "path_leaves_worktree", details: { path: "settings/local.local" } };
    await expect(at.copy(["settings/*"])).rejects.toMatchObject(refused);
    expect(readdirSync(at.outside)).toEqual([]);
  });

  test("follows a link that stays inside, and leaves alone a link that leads nowhere or a file in the way", async () => {
    await using at = await place({ "a/x.local": "x\n", "b.local": "b\n", "c/d.local": "d\n" });
    at.repository.write("real/y", "y\n", at.fill.to);
    at.repository.write("c", "a file\n", at.fill.to);
    symlinkSync("real", join(at.fill.to, "a"));
    symlinkSync(join(at.outside, "b"), join(at.fill.to, "b.local"));
    await at.copy(["a/*", "b.local", "c/*"]);
    expect(readFileSync(join(at.fill.to, "real/x.local"), "utf8")).toBe("x\n");
    expect(lstatSync(join(at.fill.to, "b.local")).isSymbolicLink()).toBe(true);
    expect(readdirSync(at.outside)).toEqual([]);
  });

  test("takes nothing through a link of the main worktree that leads out of the repository", async () => {
    await using at = await place({});
    at.repository.write("outside/key", "k\n", at.repository.base);
    symlinkSync("../outside", join(at.fill.from, "secrets"));
    await at.copy(["secrets/key"]);
    expect(at.copied()).toEqual([]);
    expect(at.notes).toEqual(["secrets/key was left out: in the main worktree a link in its path leads out of the repository."]);
  });

  test("ends with the reason of the signal", async () => {
    await using at = await place({ ".env": "a\n" });
    const copying = copyFiles({ ...at.fill, abort: AbortSignal.abort(new Error("enough")), patterns: [".env"] });
    await expect(copying).rejects.toThrow("enough");
    expect(at.copied()).toEqual([]);
  });

  test("a bare repository has nothing to copy from", async () => {
    await using bare = await gitRepository({ files: { a: "" }, bare: true });
    await copyFiles({
      git: bare.git,
      from: bare.root,
      to: bare.base,
      abort: new AbortController().signal,
      note: () => undefined,
      patterns: ["*"],
      include: "*",
    });
    expect(existsSync(join(bare.base, "HEAD"))).toBe(false);
  });
});

describe(".worktreeinclude", () => {
  test("takes files that match and that git ignores, in the syntax of .gitignore, and nothing else", async () => {
    const include = "# secrets\n.env*\n!.env.example\nnotes.txt\nstorage/keys/*.pem\n";
    await using at = await place(
      {
        ".env": "",
        ".env.example": "",
        "apps/.env.local": "",
        "notes.txt": "",
        "storage/keys/a.pem": "",
        "storage/big": "",
        "node_modules/a/.env": "",
      },
      { "apps/index.js": "" },
    );
    await at.copy([], include);
    expect(at.copied().sort()).toEqual([".env", "apps/.env.local", "storage/keys/a.pem"]);
    expect(at.notes).toEqual([]);
  });

  test("a directory that it names comes whole", async () => {
    await using at = await place({ "storage/a": "a", "storage/deep/b": "b" });
    await at.copy([], "storage/\n");
    expect(at.copied().sort()).toEqual(["storage/a", "storage/deep/b"]);
  });
});
