// `npm run build`: dist/wt, one executable that runs without Node, npm or this repository.

import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { Glob } from "bun";
import { version } from "../package.json";

const root = resolve(import.meta.dir, "..");
const target = join(root, "dist/wt");

/** Changes with the version and with every file that can end up in the program. */
async function contentId(): Promise<string> {
  const names = [...new Glob("src/**/*").scanSync({ cwd: root, onlyFiles: true }), "package.json", "package-lock.json"];
  const hasher = new Bun.CryptoHasher("sha256");
  for (const name of names.filter((each) => !/\.(test|conformance)\.ts$/.test(each)).sort()) {
    hasher.update(`${name}\0`).update(await Bun.file(join(root, name)).arrayBuffer());
  }
  return `${version}-${hasher.digest("hex").slice(0, 12)}`;
}

const build = await contentId();
// Made beside the target and moved over it: a daemon that runs from dist/wt keeps its own file, and nobody starts half a program.
const workshop = join(root, "dist", `.build-${process.pid}`);
mkdirSync(workshop, { recursive: true });
// Ctrl-C leaves nothing either.
process.on("exit", () => rmSync(workshop, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));
try {
  const made = join(workshop, "wt");
  const command = [
    ...[process.execPath, "build", "--compile", "--minify", "--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"],
    // Splitting loads only the chunks of the command that runs, bytecode skips parsing them: 4 ms for --version instead of 37.
    ...["--bytecode", "--format=esm", "--splitting"],
    ...["--define", `process.env.WT_BUILD_ID=${JSON.stringify(build)}`, `--outfile=${made}`, join(root, "src/main.ts")],
  ];
  const built = Bun.spawnSync(command, { cwd: workshop, stdout: "pipe", stderr: "inherit", stdin: "ignore" });
  if (built.exitCode !== 0) {
    console.error(built.stdout.toString());
    throw new Error(`bun build ended with code ${built.exitCode}.`);
  }
  const answer = Bun.spawnSync([made, "--version"], { cwd: "/", stdout: "pipe", stderr: "inherit", env: {} }).stdout.toString();
  if (answer !== `wt ${version}\n`) throw new Error(`The program says "${answer}" instead of "wt ${version}".`);
  renameSync(made, target);
} finally {
  rmSync(workshop, { recursive: true, force: true });
}
const megabytes = (Bun.file(target).size / 1e6).toFixed(0);
console.log(`dist/wt ${build}, ${megabytes} MB`);
