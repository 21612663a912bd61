// One command for everything that must hold before a commit: format, lint, types, imports, sizes, generated files, fast tests.

import { resolve } from "node:path";
import { Glob } from "bun";

const root = resolve(import.meta.dir, "..");
const bun = process.execPath;
const bin = (name: string) => resolve(root, "node_modules/.bin", name);

interface Step {
  name: string;
  command: string[];
}

/** Real servers, real trees of processes, crashes at every instant, thousands of random histories. */
const slowTests = [
  "src/resource/postgres/**",
  "src/resource/mysql/**",
  "src/resource/redis/**",
  "src/runtime/process/**",
  "src/runtime/compose/*.test.ts",
  "src/runtime/compose/transform/transform-model.properties.test.ts",
  "src/runtime/compose/transform/compose-round-trip.test.ts",
  "src/state/ledger-{recovery,crash,model}.test.ts",
  "src/git/undo-add-worktree.test.ts",
  "src/gateway/memory.test.ts",
  "src/os/change-watch.test.ts",
  "src/daemon/git-status-cache.test.ts",
];

const fastTests = (places: string[], others: string[]) => [
  // A test that hangs is found all the same; one on a machine that others use too gets the time it needs.
  ...[bun, "test", "--retry=1", "--timeout=30000", ...places],
  ...[...slowTests, ...others].flatMap((pattern) => ["--path-ignore-patterns", pattern]),
];

const steps: Step[] = [
  { name: "format and lint", command: [bin("biome"), "ci", "--colors=off", "--error-on-warnings", "."] },
  { name: "types", command: [bin("tsc"), "-p", "."] },
  { name: "imports", command: [bun, "scripts/check-imports.ts"] },
  { name: "generated files", command: [bun, "scripts/generate.ts", "--check"] },
  { name: "docs", command: [bun, "scripts/check-docs.ts"] },
  // `npm test` runs the rest too.
  { name: "fast tests of the daemon", command: fastTests(["./src/daemon"], []) },
  { name: "fast tests", command: fastTests(["src"], ["src/daemon/**"]) },
];

async function longFiles(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of ["src", "scripts", "bench", "test"]) {
    for await (const name of new Glob("**/*.ts").scan({ cwd: resolve(root, folder) })) {
      if (name.startsWith("fixtures/")) continue;
      const lines = (await Bun.file(resolve(root, folder, name)).text()).split("\n").length;
      if (lines > 500) found.push(`${folder}/${name}: ${lines} lines; 300 is the rule, 500 the limit`);
    }
  }
  return found;
}

const long = await longFiles();
if (long.length > 0) {
  console.error(long.join("\n"));
  process.exit(1);
}

const running = new Set<Bun.Subprocess>();

async function run(step: Step): Promise<void> {
  const started = performance.now();
  const child = Bun.spawn(step.command, { cwd: root, stdout: "pipe", stderr: "pipe", env: { ...process.env, NO_COLOR: "1" } });
  running.add(child);
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  running.delete(child);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${code === 0 ? "ok  " : "FAIL"} ${step.name} (${seconds}s)`);
  if (code !== 0) {
    console.log(out + err);
    // The other step would run on without anybody who waits for it.
    for (const other of running) other.kill();
    process.exit(1);
  }
}

// Tests wait more than they work, so two at once cost little; the longest begin.
const waiting = steps.reverse();
const worker = async () => {
  for (let step = waiting.shift(); step; step = waiting.shift()) await run(step);
};
await Promise.all([worker(), worker()]);
