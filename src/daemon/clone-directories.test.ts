import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { mountLoopImage, whyNoImage } from "../os/loop-image.conformance.ts";
import { prepareClone, whyNotCloned } from "./clone-directories.ts";

function place(files: Record<string, string>, parent = tmpdir()) {
  const base = realpathSync(mkdtempSync(join(parent, "wt-clone-")));
  for (const name of ["from", "to", "outside"]) mkdirSync(join(base, name));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(base, name)), { recursive: true });
    writeFileSync(join(base, name), text);
  }
  const [from, to, outside] = [join(base, "from"), join(base, "to"), join(base, "outside")];
  const notes: string[] = [];
  const note = (message: string) => void notes.push(message.replace(/\d+ ms/, "N ms"));
  const underWay = new Set<string>();
  const journal = (unfinished: string) => {
    underWay.add(unfinished);
    return () => void underWay.delete(unfinished);
  };
  const fill = { from, to, note, path: process.env.PATH ?? "", now: () => performance.now(), journal };
  const clone = async (directories: string[], abort = new AbortController().signal) => {
    for (const name of directories) {
      const reason = whyNotCloned(fill, name);
      if (reason !== null) note(reason);
      else if (!existsSync(join(to, name))) await (await prepareClone({ ...fill, abort }, name))?.complete();
    }
  };
  return {
    base,
    from,
    to,
    outside,
    notes,
    underWay,
    fill,
    clone,
    [Symbol.dispose]: () => rmSync(base, { recursive: true, force: true }),
  };
}

describe("clone", () => {
  test("takes whole directories with modes, times, links and hard links, and leaves what is there", async () => {
    using at = place({ "from/node_modules/a/index.js": "1\n", "from/cache/x": "from\n", "to/cache/x": "to\n" });
    symlinkSync("../a/index.js", join(at.from, "node_modules/link"));
    linkSync(join(at.from, "node_modules/a/index.js"), join(at.from, "node_modules/a/same.js"));
    chmodSync(join(at.from, "node_modules/a/index.js"), 0o755);
    chmodSync(join(at.from, "node_modules/a"), 0o700);
    // Builds such as Rust's `target/` compare times: without them everything is built again.
    utimesSync(join(at.from, "node_modules/a/index.js"), 1000, 2000);
    await at.clone(["node_modules", "cache", "missing"]);
    const file = statSync(join(at.to, "node_modules/a/index.js"));
    expect(file.mode & 0o777).toBe(0o755);
    expect(file.mtimeMs).toBe(2_000_000);
    expect(file.nlink).toBe(2);
    expect(statSync(join(at.to, "node_modules/a")).mode & 0o777).toBe(0o700);
    expect(readlinkSync(join(at.to, "node_modules/link"))).toBe("../a/index.js");
    expect(readFileSync(join(at.to, "cache/x"), "utf8")).toBe("to\n");
    expect(at.notes.at(-1)).toBe("clone: the main worktree has no missing.");
    expect(readdirSync(at.to).sort()).toEqual(["cache", "node_modules"]);
  });

  test("the copy is one of its own: what an installation writes does not reach the main worktree", async () => {
    using at = place({ "from/node_modules/a.js": "main\n" });
    await at.clone(["node_modules"]);
    writeFileSync(join(at.to, "node_modules/a.js"), "new\n");
    expect(readFileSync(join(at.from, "node_modules/a.js"), "utf8")).toBe("main\n");
  });

  test("a symlinked node_modules is left out: through it installations once wrote into the main worktree", async () => {
    using at = place({ "outside/a.js": "1\n" });
    symlinkSync("../outside", join(at.from, "node_modules"));
    await at.clone(["node_modules"]);
    expect(existsSync(join(at.to, "node_modules"))).toBe(false);
    expect(at.notes).toEqual([
      "clone: node_modules was left out: in the main worktree it is a symbolic link, and two worktrees would share what it leads to.",
    ]);
  });

  test("a Python environment is left out: its programs name the main worktree's interpreter", async () => {
    using at = place({ "from/.venv/pyvenv.cfg": "home = /usr\n", "from/.venv/bin/pip": "#!/main/.venv/bin/python\n" });
    await at.clone([".venv"]);
    expect(existsSync(join(at.to, ".venv"))).toBe(false);
    expect(at.notes[0]).toContain("Let a setup command make it.");
  });

  test("absolute links and scripts of node_modules/.bin that name the main worktree name the new one", async () => {
    using at = place({ "from/node_modules/tool/cli.js": "", "from/node_modules/.bin/binary": "a\0b" });
    const shim = `#!/bin/sh\nexport NODE_PATH="${at.from}/node_modules/.pnpm/x:${at.from}-other"\n`;
    writeFileSync(join(at.from, "node_modules/.bin/shim"), shim, { mode: 0o755 });
    mkdirSync(join(at.from, "node_modules/@scope"));
    symlinkSync(join(at.from, "packages/lib"), join(at.from, "node_modules/@scope/lib"));
    symlinkSync("../tool/cli.js", join(at.from, "node_modules/.bin/tool"));
    await at.clone(["node_modules"]);
    expect(readlinkSync(join(at.to, "node_modules/@scope/lib"))).toBe(join(at.to, "packages/lib"));
    expect(readlinkSync(join(at.to, "node_modules/.bin/tool"))).toBe("../tool/cli.js");
    const written = readFileSync(join(at.to, "node_modules/.bin/shim"), "utf8");
    expect(written).toBe(`#!/bin/sh\nexport NODE_PATH="${at.to}/node_modules/.pnpm/x:${at.from}-other"\n`);
    expect(statSync(join(at.to, "node_modules/.bin/shim")).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(at.from, "node_modules/.bin/shim"), "utf8")).toBe(shim);
  });

  test("a directory below another keeps the mode of what is above it", async () => {
    using at = place({ "from/packages/web/node_modules/x": "x\n" });
    chmodSync(join(at.from, "packages"), 0o700);
    await at.clone(["packages/web/node_modules"]);
    expect(statSync(join(at.to, "packages")).mode & 0o777).toBe(0o700);
  });

  test("writes through no link that leads out of the worktree", async () => {
    using at = place({ "from/packages/web/node_modules/x": "x\n" });
    symlinkSync(at.outside, join(at.to, "packages"));
    const refused = { kind: "refused", code: "path_leaves_worktree" };
    await expect(at.clone(["packages/web/node_modules"])).rejects.toMatchObject(refused);
    expect(readdirSync(at.outside)).toEqual([]);
  });

  test("a file where the directory is to be is left alone", async () => {
    using at = place({ "from/cache/x": "x\n", "to/cache": "a file\n" });
    await at.clone(["cache"]);
    expect(lstatSync(join(at.to, "cache")).isFile()).toBe(true);
  });

  test("an interruption and a failure leave nothing, and what a crash left is no obstacle", async () => {
    using at = place({ "from/big/x": "x\n", "to/.wt-clone-big/half": "" });
    const interrupted = at.clone(["big"], AbortSignal.abort(new Error("enough")));
    await expect(interrupted).rejects.toThrow("enough");
    expect(at.underWay.size).toBe(0);
    await at.clone(["big"]);
    expect(readdirSync(at.to)).toEqual(["big"]);
    expect(readdirSync(join(at.to, "big"))).toEqual(["x"]);
  });

  test("a cp that is killed in the middle is a failure, not a directory that happens to be smaller", async () => {
    using at = place({ "from/big/x": "x\n", "from/big/y": "y\n", "bin/cp": "" });
    const script = '#!/bin/sh\nfor target; do :; done\nmkdir "$target" && echo x >"$target/x" && kill -9 $$\n';
    writeFileSync(join(at.base, "bin/cp"), script);
    chmodSync(join(at.base, "bin/cp"), 0o755);
    const clone = await prepareClone({ ...at.fill, path: `${at.base}/bin:${at.fill.path}`, abort: new AbortController().signal }, "big");
    await expect(clone?.complete()).rejects.toMatchObject({ code: "clone_failed" });
    expect(readdirSync(at.to)).toEqual([]);
  });

  test("until it is whole it has another name, which is noted before and which git ignores; given up, nothing of it is left", async () => {
    using at = place({ "from/big/x": "x\n" });
    const clone = await prepareClone({ ...at.fill, abort: new AbortController().signal }, "big");
    expect(readdirSync(at.to)).toEqual([".wt-clone-big"]);
    expect(at.underWay).toEqual(new Set([join(at.to, ".wt-clone-big")]));
    expect(readFileSync(join(at.to, ".wt-clone-big/.gitignore"), "utf8")).toBe("*\n");
    await clone?.discard();
    expect(readdirSync(at.to)).toEqual([]);
    expect(at.underWay.size).toBe(0);
  });

  test("a directory that is written to while it is cloned comes without what vanished", async () => {
    const files = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`from/cache/${index}/x`, "x"]));
    using at = place(files);
    const stop = new AbortController();
    const churn = (async () => {
      for (let index = 0; !stop.signal.aborted; index++) {
        const file = join(at.from, "cache", String(index % 100), "temporary");
        writeFileSync(file, "");
        if (index % 5 === 0) await Bun.sleep(0);
        rmSync(file);
      }
    })();
    await at.clone(["cache"]);
    stop.abort();
    await churn;
    for (let index = 0; index < 100; index++) expect(existsSync(join(at.to, "cache", String(index), "x"))).toBe(true);
  }, 30_000);
});

for (const kind of ["btrfs", "xfs"] as const) {
  const reason = whyNoImage(kind);
  test.skipIf(reason !== null)(
    `on ${kind} blocks are shared${reason === null ? "" : ` (${reason})`}`,
    async () => {
      using image = mountLoopImage(kind, 400);
      const megabyte = "x".repeat(1 << 20);
      const files = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`from/target/${index}`, megabyte]));
      using at = place(files, image.place);
      const free = () => {
        Bun.spawnSync(["sync", "-f", image.place]);
        const { bfree, bsize } = statfsSync(image.place);
        return bfree * bsize;
      };
      const before = free();
      await at.clone(["target"]);
      expect(before - free()).toBeLessThan(30 << 20);
      expect(at.notes).toEqual(["target: cloned, sharing its blocks, N ms."]);
      expect(readdirSync(join(at.to, "target"))).toHaveLength(150);
    },
    60_000,
  );
}
