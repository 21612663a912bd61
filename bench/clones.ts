// A directory that git ignores, brought into a new worktree: by shared blocks, by copying, by installing it anew; and what `wt create` makes of that.
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { beginClone } from "../src/os/clone-tree.ts";
import { readTreeSize } from "../src/os/tree-size.ts";
import { type BenchWorld, makeWorld, sourceFiles } from "./bench-world.ts";
import { type Place, placeKinds } from "./database-places.ts";
import type { BenchRow } from "./gateway.ts";
import { type Contestant, compared, formatted, skipped, takeTurns } from "./measure.ts";
import type { SuiteResult } from "./table.ts";

const { signal } = new AbortController();
const npmCi = ["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund"];
const project = resolve(import.meta.dir, "..");

interface Tree {
  name: string;
  /** A repository on the place, with `node_modules` in it. */
  repository: string;
  installs: boolean;
}

export async function benchClones(world: BenchWorld, rounds: number): Promise<SuiteResult> {
  const result: SuiteResult = { rows: [], tables: [] };
  const lines: string[][] = [];
  if (!Bun.which("npm")) skipped("installing instead of copying", "npm is not installed");
  for (const kind of placeKinds({ small: true, what: "clones" })) {
    const place = kind.open();
    const removePlace = world.atEnd(() => place.remove());
    const inner = makeWorld(place.directory);
    const removeInner = world.atEnd(inner.remove);
    await inner.adopt(world.program);
    for (const tree of await makeTrees(inner)) {
      console.log(`${kind.name}: ${tree.name}`);
      lines.push(await benchTree(inner, { place, tree }, rounds));
      if (tree.installs) result.rows.push(...(await benchCreates(inner, { fileSystem: kind.name, tree }, rounds)));
      rmSync(tree.repository, { recursive: true, force: true });
    }
    await inner.stop();
    await removeInner();
    await removePlace();
  }
  const header = ["file system", "directory", "wt's clone", "how", "disk", "cp -a, every byte", "npm ci, warm cache", "faster"];
  result.tables.push({ title: "A directory that git ignores, in a new worktree", header, lines });
  return result;
}

async function makeTrees(world: BenchWorld): Promise<Tree[]> {
  const trees: Tree[] = [];
  if (Bun.which("npm")) {
    const example = join(project, "examples/fibonacci");
    trees.push(
      await installed(world, { name: "node_modules of the example (Vite)", from: example, files: ["package.json", "package-lock.json"] }),
    );
    trees.push(await installed(world, { name: "node_modules of wt itself", from: project, files: ["package.json", "package-lock.json"] }));
  }
  const repository = await world.repository("many", { "readme.txt": "many\n", ".gitignore": "node_modules\n" });
  const many = Object.entries(sourceFiles(20_000)).map(([name, text]) => [join(repository, "node_modules", name), text] as const);
  for (const [path, text] of many) await Bun.write(path, text);
  return [...trees, { name: "20,000 source files", repository, installs: false }];
}

async function installed(world: BenchWorld, tree: { name: string; from: string; files: string[] }): Promise<Tree> {
  const repository = join(world.directory, basename(tree.from));
  mkdirSync(repository);
  for (const file of tree.files) cpSync(join(tree.from, file), join(repository, file));
  const yaml = `setup: [{ run: ${npmCi.join(" ")}, inputs: [package-lock.json], makes: node_modules }]\n`;
  await world.repository(basename(tree.from), { "wt.yaml": yaml, ".gitignore": "node_modules\n" });
  await world.run(npmCi, { cwd: repository });
  return { name: tree.name, repository, installs: true };
}

async function benchTree(world: BenchWorld, { place, tree }: { place: Place; tree: Tree }, rounds: number): Promise<string[]> {
  const from = join(tree.repository, "node_modules");
  const { entries, bytes } = await readTreeSize(from, { abort: signal });
  const target = (name: string) => join(world.directory, `copies-${name}`);
  const path = world.env.PATH ?? "";
  let how = "";
  const timed = async (name: string, work: (to: string) => Promise<unknown>) => {
    mkdirSync(target(name), { recursive: true });
    // What another contestant wrote is not written to the disk at this one's expense.
    await world.run(["sync", "-f", world.directory]);
    const startMs = performance.now();
    await work(join(target(name), "node_modules"));
    const tookMs = performance.now() - startMs;
    rmSync(target(name), { recursive: true, force: true });
    return { [name]: tookMs };
  };
  const clone = async (to: string) => {
    how = (await (await beginClone({ from, to, path, abort: signal })).complete()).method;
  };
  const contestants: Contestant[] = [
    () => timed("clone", clone),
    () => timed("copy", (to) => world.run(["cp", "-a", "--reflink=never", "--", from, to])),
  ];
  if (tree.installs) contestants.push(() => timed("install", (to) => install(world, tree.repository, to)));
  const { clone: cloneMs = 0, copy: copyMs = 0, install: installMs = Number.NaN } = await takeTurns(contestants, rounds);
  const before = place.usedBytes();
  mkdirSync(target("disk"));
  await clone(join(target("disk"), "node_modules"));
  const disk = place.usedBytes() - before;
  rmSync(target("disk"), { recursive: true, force: true });
  const ms = (value: number) => (Number.isNaN(value) ? "" : formatted(value, "ms"));
  return [
    place.fileSystem,
    `${tree.name}: ${entries.toLocaleString("en")} entries, ${(bytes / 1e6).toFixed(0)} MB`,
    ms(cloneMs),
    how === "reflink" ? "blocks shared" : "every byte copied",
    Number.isNaN(disk) ? "" : `${(Math.max(0, disk) / 1e6).toFixed(0)} MB`,
    ms(copyMs),
    ms(installMs),
    Number.isNaN(installMs)
      ? ""
      : cloneMs <= installMs
        ? `clone, ${(installMs / cloneMs).toFixed(1)} ×`
        : `npm ci, ${(cloneMs / installMs).toFixed(1)} ×`,
  ];
}

async function install(world: BenchWorld, repository: string, to: string): Promise<void> {
  const cwd = join(to, "..");
  for (const file of ["package.json", "package-lock.json"]) cpSync(join(repository, file), join(cwd, file));
  await world.run(npmCi, { cwd });
}

/** Setup says what it makes, so the second environment and all that follow have it from the first, or install, whichever is faster. */
async function benchCreates(world: BenchWorld, of: { fileSystem: string; tree: Tree }, rounds: number): Promise<BenchRow[]> {
  const { repository } = of.tree;
  await world.wt(repository, ["trust", "--yes"]);
  await world.wt(repository, ["create", "first", "--no-up"]);
  const own: Contestant = async (round) => {
    const { totalMs } = await world.wt(repository, ["create", `own-${round}`, "--no-up"]);
    await world.wt(repository, ["delete", `own-${round}`, "--force", "--purge"]);
    return { own: totalMs };
  };
  const hand: Contestant = async (round) => {
    const path = `${repository}.bare/hand-${round}`;
    const add = await world.git(repository, ["worktree", "add", "-q", "-b", `hand-${round}`, path]);
    const { totalMs } = await world.run(npmCi, { cwd: path });
    await world.git(repository, ["worktree", "remove", "--force", path]);
    return { hand: add.totalMs + totalMs };
  };
  const { own: ownMs = 0, hand: handMs = 0 } = await takeTurns([own, hand], rounds);
  await world.wt(repository, ["delete", "first", "--force", "--purge"]);
  const what = `wt create --no-up, ${of.tree.name}, ${of.fileSystem}`;
  return [compared({ what, measure: "time, setup makes node_modules", value: ownMs, peer: ["git worktree add, npm ci, by hand", handMs] })];
}
