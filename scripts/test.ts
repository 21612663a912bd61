// `npm test [-- <part of a file name>… <bun test options>]`: the tests of src in one run, those with real servers and the end-to-end ones file by
// file, two at a time (`WT_TEST_JOBS`).
// `--ordinary-user` (or WT_TEST_USER=<name>) runs only the end-to-end part and, where we are root, as that user.

import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Glob } from "bun";
import { failedTests } from "./failed-tests.ts";
import { findLeaks } from "./leak-check.ts";

interface Plan {
  /** Each entry is one `bun test`. */
  runs: string[][];
  options: string[];
  user: User | null;
  /** Runs at once; with more than one, the output of each is shown when it ends. */
  jobs: number;
}

interface User {
  name: string;
  uid: number;
  gid: number;
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
  /** Of each failed test the lines to show again at the end. */
  failures: string[][];
}

const root = resolve(import.meta.dir, "..");
/** `bun test` options that take the next argument as their value. */
const valued = new Set(["-t", "--test-name-pattern", "--timeout", "--rerun-each", "--retry", "--seed", "--max-concurrency", "--preload"]);
/** Of a test, or a hook, that asks for no other: a busy machine is no failure, and a hook that is too late is not tried again. */
const testTimeoutMs = 60_000;
/** One end-to-end file may hang; the whole run may not. */
const fileTimeoutMs = 15 * 60_000;

process.exit(await main(process.argv.slice(2)));

async function main(args: string[]): Promise<number> {
  const plan = planRuns(args);
  if (plan.runs.length === 0) {
    console.error("No test file matches.");
    return 1;
  }
  const directory = makeDirectory(plan.user);
  if (plan.runs.some((files) => files[0]?.startsWith("test/e2e/"))) buildProgram();
  const total: Counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
  const waiting = [...plan.runs];
  const worker = async () => {
    for (let files = waiting.shift(); files; files = waiting.shift()) {
      const counts = await runFiles(files, plan, directory);
      total.passed += counts.passed;
      total.failed += counts.failed;
      total.skipped += counts.skipped;
      total.failures.push(...counts.failures);
    }
  };
  await Promise.all(Array.from({ length: plan.jobs }, worker));
  const leaks = await findLeaks(directory);
  if (total.failures.length > 0) console.log(`\n── what failed\n\n${total.failures.map((lines) => lines.join("\n")).join("\n\n")}\n`);
  for (const leak of leaks) console.error(`Left behind: ${leak}`);
  if (total.passed + total.failed === 0) console.error("Nothing ran.");
  console.log(`\n${total.passed} passed, ${total.failed + leaks.length} failed, ${total.skipped} skipped`);
  return total.failed + leaks.length > 0 || total.passed === 0 ? 1 : 0;
}

/** The end-to-end part is about the program that people get. */
function buildProgram(): void {
  if (process.env.WT_TEST_BINARY) return;
  const built = Bun.spawnSync([process.execPath, join(root, "scripts/build.ts")], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (built.exitCode !== 0) throw new Error("dist/wt could not be built, so there is nothing to test end to end.");
  process.env.WT_TEST_BINARY = join(root, "dist/wt");
}

function planRuns(args: string[]): Plan {
  const options: string[] = [];
  const wanted: string[] = [];
  let ordinary = process.env.WT_TEST_USER !== undefined;
  const left = [...args];
  for (let argument = left.shift(); argument !== undefined; argument = left.shift()) {
    if (argument === "--ordinary-user") ordinary = true;
    else if (!argument.startsWith("-")) wanted.push(argument.replace(/^\.\//, ""));
    else options.push(argument, ...(valued.has(argument) ? left.splice(0, 1) : []));
  }
  const matches = (name: string) => wanted.length === 0 || wanted.some((part) => name.includes(part));
  const find = (pattern: string) => [...new Glob(pattern).scanSync(root)].filter(matches).sort();
  const fast = ordinary ? [] : [...find("src/**/*.test.ts"), ...find("test/support/**/*.test.ts")];
  const serving = fast.filter((name) =>
    /^src\/(resource\/(postgres|mysql|redis)\/|runtime\/compose\/(compose-driver|container-log|container-states|docker-compose-stack)\.)/.test(
      name,
    ),
  );
  const rest = fast.filter((name) => !serving.includes(name));
  const histories = ordinary ? [] : find("test/histories/**/*.test.ts");
  const slow = [...histories, ...find("test/e2e/**/*.test.ts")];
  const runs = [...(rest.length > 0 ? [rest] : []), ...[...serving, ...slow].map((name) => [name])];
  const jobs = Math.min(runs.length, Number(process.env.WT_TEST_JOBS) || Math.min(2, availableParallelism()));
  return { runs, options, user: ordinary ? ordinaryUser() : null, jobs };
}

/** null where we are an ordinary user already. */
function ordinaryUser(): User | null {
  if (process.getuid?.() !== 0) return null;
  const name = process.env.WT_TEST_USER || "nobody";
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((each) => each.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  if (uid === undefined || gid === undefined) throw new Error(`There is no user ${name}.`);
  const user = { name, uid: Number(uid), gid: Number(gid) };
  const reads = Bun.spawnSync([...as(user), "test", "-r", join(root, "bin/wt")], { env: { PATH: process.env.PATH ?? "" } });
  if (reads.exitCode !== 0) throw new Error(`The user ${name} cannot read ${root}; copy the clone to a place that everyone may read.`);
  return user;
}

function as(user: User | null): string[] {
  return user ? ["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`, "--init-groups", "--"] : [];
}

/** The one place this run may leave traces in: it is HOME, TMPDIR and the default of every XDG directory. Short, for the sake of sockets. */
function makeDirectory(user: User | null): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "wtt-")));
  chmodSync(directory, 0o755);
  for (const name of ["home", "tmp", "state", "config", "run"]) {
    // Servers that a test runs as another user reach what they are given below it.
    mkdirSync(join(directory, name), { mode: name === "tmp" ? 0o711 : 0o700 });
    if (user) chownSync(join(directory, name), user.uid, user.gid);
  }
  writeNpmSettings(join(directory, "home/.npmrc"), user);
  return directory;
}

/** Registry and cache are the machine's, not the world's; without them every npm in a test would start cold, or not at all. */
function writeNpmSettings(path: string, user: User | null): void {
  const asked = Bun.spawnSync(["npm", "config", "get", "registry", "cache"], { cwd: root, stdout: "pipe", stderr: "ignore" });
  const lines = asked.stdout
    .toString()
    .split("\n")
    .filter((line) => line.startsWith("registry=") || (line.startsWith("cache=") && !user));
  writeFileSync(path, [...lines, "update-notifier=false", ""].join("\n"));
  if (user) chownSync(path, user.uid, user.gid);
}

async function runFiles(files: string[], plan: Plan, directory: string): Promise<Counts> {
  const single = files.length === 1 ? files[0] : `${files.length} files of src`;
  const who = plan.user ? ` as ${plan.user.name}` : "";
  const title = `\n── ${single}${who}`;
  const [report, output] = ["xml", "txt"].map((ending) => join(directory, "home", `report-${crypto.randomUUID()}.${ending}`)) as [
    string,
    string,
  ];
  if (plan.jobs === 1) console.log(title);
  const command = [
    // Real servers, ports and browsers on a machine that others use too: one more try, which the output marks with "attempt 2".
    ...[
      ...as(plan.user),
      process.execPath,
      "test",
      "--retry=1",
      `--timeout=${testTimeoutMs}`,
      ...plan.options,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
    ],
    ...files.map((name) => `./${name}`),
  ];
  const log = plan.jobs === 1 ? null : openSync(output, "a", 0o600);
  const out = log ?? "inherit";
  const child = Bun.spawn(command, { cwd: root, env: testEnvironment(directory, plan.user), stdio: ["ignore", out, out] });
  const timer = setTimeout(() => child.kill("SIGKILL"), files.length > 1 ? 2 * fileTimeoutMs : fileTimeoutMs);
  const code = await child.exited;
  clearTimeout(timer);
  const text = log === null ? "" : readFileSync(output, "utf8");
  if (log !== null) {
    closeSync(log);
    console.log(title);
    process.stdout.write(text);
  }
  if (child.signalCode) console.error(`${single} was ended by ${child.signalCode}.`);
  const counts = existsSync(report) ? readReport(readFileSync(report, "utf8")) : { passed: 0, failed: 0, skipped: 0, failures: [] };
  // A crash, or an error outside any test, is a failure that no report counts. That a name filter left nothing to run is none.
  const filtered = plan.options.some((option) => /^(-t|--test-name-pattern)/.test(option));
  if (code !== 0 && counts.failed === 0 && !(filtered && counts.passed === 0 && child.signalCode === null)) counts.failed = 1;
  if (counts.failed > 0 && text !== "") counts.failures = failedTests(text).map((lines) => [`${single}${who}:`, ...lines]);
  return counts;
}

/** The totals in the head of a JUnit report. */
function readReport(text: string): Counts {
  const head = /<testsuites[^>]*>/.exec(text)?.[0] ?? "";
  const number = (key: string) => Number(new RegExp(` ${key}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const [failed, skipped] = [number("failures"), number("skipped")];
  return { passed: number("tests") - failed - skipped, failed, skipped, failures: [] };
}

function testEnvironment(directory: string, user: User | null): Record<string, string> {
  const inherited = Object.entries(process.env).filter(([key]) => !/^(WT_|GIT_|XDG_|npm_)/.test(key)) as [string, string][];
  return {
    ...Object.fromEntries(inherited),
    ...(process.env.WT_TEST_BINARY ? { WT_TEST_BINARY: process.env.WT_TEST_BINARY } : {}),
    HOME: join(directory, "home"),
    TMPDIR: join(directory, "tmp"),
    XDG_STATE_HOME: join(directory, "state"),
    XDG_CONFIG_HOME: join(directory, "config"),
    XDG_RUNTIME_DIR: join(directory, "run"),
    ...(user ? { USER: user.name, LOGNAME: user.name } : {}),
    ...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}),
  };
}
