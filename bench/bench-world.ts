// A world of its own for the measurements: the built executable, own HOME, state, ports, and their complete removal.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type CommandOptions, type Timed, timeCommand } from "./measure.ts";

const root = resolve(import.meta.dir, "..");
const roomBytes = 4e9;

export interface BenchWorld {
  directory: string;
  env: Record<string, string>;
  gatewayPort: number;
  /** The executable that is measured. */
  program: string;
  wt(cwd: string, args: readonly string[]): Promise<Timed>;
  git(cwd: string, args: readonly string[]): Promise<Timed>;
  run(command: readonly string[], options?: Partial<CommandOptions>): Promise<Timed>;
  /** A repository on `main` with these files, committed. */
  repository(name: string, files: Record<string, string>): Promise<string>;
  daemonPid(): Promise<number>;
  /** Stops this world's daemon and services; the next command starts a new one. */
  stop(): Promise<void>;
  /** Something to take away: when what is given back is called, and at the latest before the world goes, last first. */
  atEnd(step: () => Promise<void>): () => Promise<void>;
}

/** In memory where there is room, since the time of a disk belongs to nobody in particular; `BENCH_DIR` chooses another place. */
export function benchDirectory(): string {
  if (process.env.BENCH_DIR) return process.env.BENCH_DIR;
  const memory = "/dev/shm";
  if (!existsSync(memory)) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize > roomBytes ? memory : tmpdir();
}

export interface OwnedWorld extends BenchWorld {
  /** Builds the executable. */
  build(): Promise<void>;
  /** Takes another world's executable. */
  adopt(program: string): Promise<void>;
  remove(): Promise<void>;
}

/** Everything it makes is gone after `remove`. */
export function makeWorld(parent = benchDirectory()): OwnedWorld {
  const directory = realpathSync(mkdtempSync(join(parent, "wt-bench-")));
  for (const name of ["home", "state", "config", "run"]) mkdirSync(join(directory, name), { mode: 0o700 });
  const gatewayPort = freePort();
  const env = worldEnvironment(directory, gatewayPort);
  const program = join(directory, "wt");
  let closed = false;
  const run = async (command: readonly string[], options: Partial<CommandOptions> = {}) => {
    // After Ctrl-C a measurement goes on until it asks for something.
    if (closed) throw new Error("The world is being removed.");
    return timeCommand(command, { cwd: directory, env, ...options });
  };
  const wt = (cwd: string, args: readonly string[]) => run([program, ...args], { cwd });
  const git = (cwd: string, args: readonly string[]) => run(["git", ...args], { cwd });
  const stop = async () => {
    await timeCommand([program, "daemon", "stop", "--services"], { cwd: directory, env }).catch(() => undefined);
    for (let attempt = 0; attempt < 200 && processesOf(directory).length > 0; attempt++) await Bun.sleep(25);
  };
  const { atEnd, runSteps } = stepsAtEnd();
  const remove = async () => {
    closed = true;
    await runSteps();
    if (existsSync(program)) await stop();
    // Without its program an interrupted measurement cannot start another daemon.
    rmSync(program, { force: true });
    for (const pid of processesOf(directory)) endQuietly(pid);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  const adopt = async (executable: string) => {
    await writeNpmSettings(join(directory, "home/.npmrc"));
    copyFileSync(executable, program);
    // Where the executable looks for PostgreSQL from npm.
    symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  };
  const build = async () => {
    await timeCommand([process.execPath, join(root, "scripts/build.ts")], { cwd: root, env: definedOnly(process.env) });
    await adopt(join(root, "dist/wt"));
  };
  const repository = async (name: string, files: Record<string, string>) => {
    const path = join(directory, name);
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(path, file)), { recursive: true });
      writeFileSync(join(path, file), text);
    }
    for (const args of [
      ["init", "-q", "-b", "main"],
      ["add", "."],
      ["commit", "-q", "-m", "first"],
    ])
      await git(path, args);
    return path;
  };
  const daemonPid = async () => JSON.parse((await wt(directory, ["daemon", "status", "--json"])).stdout).daemon.pid as number;
  return { directory, env, gatewayPort, program, wt, git, run, repository, daemonPid, build, adopt, atEnd, stop, remove };
}

function stepsAtEnd() {
  const steps: (() => Promise<void>)[] = [];
  const atEnd = (step: () => Promise<void>) => {
    let done: Promise<void> | null = null;
    const once = () => {
      done ??= step();
      return done;
    };
    steps.push(once);
    return once;
  };
  const runSteps = async () => {
    for (const step of steps.splice(0).reverse()) await step().catch((error: unknown) => console.error(error));
  };
  return { atEnd, runSteps };
}

/** So many text files of some hundred bytes to a few kilobytes, fifty in a directory, always the same. */
export function sourceFiles(count: number): Record<string, string> {
  const files: Record<string, string> = {};
  let state = 1;
  for (let index = 0; index < count; index++) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    const line = `export const value${index} = "${state.toString(36).repeat(4)}";\n`;
    files[`src/part-${Math.floor(index / 50)}/file-${index}.ts`] = line.repeat(5 + (state % 40));
  }
  return files;
}

/** Linux: processes whose environment names the world's state directory. Elsewhere the daemon's own stop has to do. */
function processesOf(directory: string): number[] {
  if (!existsSync("/proc/self/environ")) return [];
  const mark = `XDG_STATE_HOME=${directory}/state`;
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  return pids.filter((pid) => readQuietly(`/proc/${pid}/environ`).split("\0").includes(mark)).map(Number);
}

/** Sends a signal to every process below this one; for when this one is interrupted. */
export function endChildren(signal: "SIGTERM" | "SIGKILL"): void {
  const below = (pid: string): string[] => {
    const tasks = existsSync(`/proc/${pid}/task`) ? readdirSync(`/proc/${pid}/task`) : [];
    const children = tasks.flatMap((task) => readQuietly(`/proc/${pid}/task/${task}/children`).split(" ").filter(Boolean));
    return children.flatMap((child) => [child, ...below(child)]);
  };
  for (const pid of below(String(process.pid))) endQuietly(Number(pid), signal);
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function endQuietly(pid: number, signal: "SIGTERM" | "SIGKILL" = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone by itself.
  }
}

function worldEnvironment(directory: string, gatewayPort: number): Record<string, string> {
  const foreign = /^(GIT_|WT_|XDG_|npm_|NODE_|CLAUDE|CODEX|GEMINI|CURSOR|AIDER|AI_AGENT|BENCH_|PORT$|NO_COLOR$|FORCE_COLOR$)/;
  const inherited = Object.entries(definedOnly(process.env)).filter(([key]) => !foreign.test(key));
  const person = { NAME: "Bench", EMAIL: "bench@example.com" };
  return {
    ...Object.fromEntries(inherited),
    HOME: join(directory, "home"),
    XDG_STATE_HOME: join(directory, "state"),
    XDG_CONFIG_HOME: join(directory, "config"),
    XDG_RUNTIME_DIR: join(directory, "run"),
    WT_GATEWAY_PORT: String(gatewayPort),
    GIT_CONFIG_NOSYSTEM: "1",
    ...Object.fromEntries(
      Object.entries(person).flatMap(([key, value]) => [
        [`GIT_AUTHOR_${key}`, value],
        [`GIT_COMMITTER_${key}`, value],
      ]),
    ),
  };
}

/** Registry and cache are the machine's: without them every npm would start cold. */
async function writeNpmSettings(path: string): Promise<void> {
  const npm = Bun.which("npm");
  if (!npm) return;
  const asked = Bun.spawnSync([npm, "config", "get", "registry", "cache"], { cwd: root, stdout: "pipe", stderr: "ignore" });
  const lines = asked.stdout
    .toString()
    .split("\n")
    .filter((line) => /^(registry|cache)=/.test(line));
  await Bun.write(path, [...lines, "update-notifier=false", ""].join("\n"));
}

export function definedOnly(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
