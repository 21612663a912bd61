// A world of its own for an end-to-end test: own HOME and XDG directories, own gateway port, no GIT_* of the caller, and a disposal
// that fails the test when anything is left behind.
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { EnvironmentDocument, EnvironmentList } from "../../src/api/environment.ts";
import { holdInTest } from "./held-in-test.ts";
import { commandOf, endAll, processesOf } from "./world-processes.ts";

const root = resolve(import.meta.dir, "../..");

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
  stdin?: string;
  abort?: AbortSignal;
}

export interface HermeticWorld extends AsyncDisposable {
  /** Everything of the world is below it. */
  readonly directory: string;
  /** The repository made for the test. */
  readonly repository: string;
  readonly gatewayPort: number;
  readonly env: Record<string, string>;
  /** Runs `wt`; any exit code is a result. */
  wt(args: string[], options?: RunOptions): Promise<Ran>;
  /** Runs `wt` and fails unless it succeeds; gives standard output. */
  ok(args: string[], options?: RunOptions): Promise<string>;
  git(args: string[], cwd?: string): Promise<string>;
  write(files: Record<string, string>, cwd?: string): Promise<void>;
  commit(message: string, cwd?: string): Promise<void>;
  list(): Promise<EnvironmentList>;
  status(name: string): Promise<EnvironmentDocument["environment"]>;
  /** A request through the gateway with this Host; `*.localhost` needs no resolver that way. */
  fetch(host: string, path?: string, init?: RequestInit): Promise<Response>;
  daemonPid(): Promise<number>;
  /** Pids of every process of this world: services, setup commands, daemons. */
  processes(): number[];
}

export interface HermeticOptions {
  files?: Record<string, string>;
  /** Trust the repository's commands (default true). */
  trust?: boolean;
  /** Variables besides those of every world. */
  env?: Record<string, string>;
}

export async function hermeticWorld(options: HermeticOptions = {}): Promise<HermeticWorld> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "wt-e2e-")));
  const repository = join(directory, "repo");
  const gatewayPort = await freePort();
  const env = { ...hermeticEnvironment(directory, gatewayPort), ...options.env };
  for (const name of ["home", "state", "config", "run", "repo"]) await mkdir(join(directory, name), { recursive: true, mode: 0o700 });
  const world = operations({ directory, repository, gatewayPort, env });
  try {
    await world.git(["init", "--quiet", "--initial-branch=main"]);
    if (options.files) {
      await world.write(options.files);
      await world.commit("first");
      if (options.trust !== false) await world.ok(["trust", "--yes"]);
    }
  } catch (error) {
    await world[Symbol.asyncDispose]();
    throw error;
  }
  return world;
}

/** The command under test: `WT_TEST_BINARY` (the built executable) or the launcher of the checkout. */
export function testedProgram(): string {
  return process.env.WT_TEST_BINARY ?? join(root, "bin/wt");
}

function hermeticEnvironment(directory: string, gatewayPort: number): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    // `bun test` sets NODE_ENV; no shell of a person does.
    ([key]) => key !== "NODE_ENV" && !/^(GIT_|WT_|XDG_|npm_|CLAUDE|CODEX|GEMINI|CURSOR|AIDER|OPENCODE)/.test(key) && key !== "AI_AGENT",
  );
  return {
    ...Object.fromEntries(inherited.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))),
    HOME: join(directory, "home"),
    XDG_STATE_HOME: join(directory, "state"),
    XDG_CONFIG_HOME: join(directory, "config"),
    XDG_RUNTIME_DIR: join(directory, "run"),
    WT_GATEWAY_PORT: String(gatewayPort),
    // What is deleted is gone, unless a test is about bringing it back.
    WT_UNDELETE_DAYS: "0",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "Test",
    GIT_AUTHOR_EMAIL: "test@example.com",
    GIT_COMMITTER_NAME: "Test",
    GIT_COMMITTER_EMAIL: "test@example.com",
    NO_COLOR: "1",
  };
}

/** Of a world, until its disposal. Once its test is given up nothing answers that any more, so that it cannot fail a second time. */
interface Life {
  givenUp: boolean;
  /** Commands under way. */
  children: Set<Bun.Subprocess>;
}

interface Place {
  directory: string;
  repository: string;
  gatewayPort: number;
  env: Record<string, string>;
}

function operations(place: Place): HermeticWorld {
  const { directory, repository, env, gatewayPort } = place;
  const life: Life = { givenUp: false, children: new Set() };
  const hold = holdInTest(() => giveUp(life, place));
  const answered = <T>(answer: T): T | Promise<never> => (life.givenUp ? new Promise(() => undefined) : answer);
  const run = async (command: string[], options: RunOptions = {}): Promise<Ran> => {
    await answered(null);
    const child = Bun.spawn(command, {
      cwd: options.cwd ?? repository,
      env: { ...env, ...options.env },
      stdin: options.stdin === undefined ? "ignore" : new Blob([options.stdin]),
      stdout: "pipe",
      stderr: "pipe",
    });
    life.children.add(child);
    const interrupt = () => child.kill("SIGINT");
    options.abort?.addEventListener("abort", interrupt, { once: true });
    const [stdout, stderr, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
    life.children.delete(child);
    return answered({ code, stdout, stderr });
  };
  const must = async (command: string[], options?: RunOptions): Promise<string> => {
    const ran = await run(command, options);
    if (ran.code !== 0) throw new Error(`${command.slice(0, 4).join(" ")} failed with ${ran.code}\n${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  };
  const wt = (args: string[], options?: RunOptions) => run([testedProgram(), ...args], options);
  const ok = (args: string[], options?: RunOptions) => must([testedProgram(), ...args], options);
  const git = (args: string[], cwd = repository) => must(["git", ...args], { cwd });
  return {
    directory,
    repository,
    gatewayPort,
    env,
    wt,
    ok,
    git,
    write: async (files, cwd = repository) => {
      for (const [name, content] of Object.entries(files)) {
        await mkdir(dirname(join(cwd, name)), { recursive: true });
        writeFileSync(join(cwd, name), content);
      }
    },
    commit: async (message, cwd = repository) => {
      await git(["add", "--all"], cwd);
      await git(["commit", "--quiet", "--allow-empty", "--message", message], cwd);
    },
    list: async () => JSON.parse(await ok(["list", "--json"])),
    status: async (name) => JSON.parse(await ok(["status", name, "--json"])).environment,
    async fetch(host, path = "/", init = {}) {
      const headers = new Headers(init.headers);
      headers.set("host", `${host}:${gatewayPort}`);
      try {
        return await answered(await fetch(`http://127.0.0.1:${gatewayPort}${path}`, { redirect: "manual", ...init, headers }));
      } catch (error) {
        await answered(null);
        throw error;
      }
    },
    daemonPid: async () => JSON.parse(await ok(["daemon", "status", "--json"])).daemon.pid,
    processes: () => processesOf(directory),
    async [Symbol.asyncDispose]() {
      if (life.givenUp) return;
      await dispose({ ...place, wt });
      hold.release();
    },
  };
}

async function giveUp(life: Life, { directory }: Place): Promise<void> {
  life.givenUp = true;
  for (const child of life.children) child.kill("SIGKILL");
  await endAll(directory);
  removeDirectory(directory);
}

/** Stops the world and says what it left behind. */
async function dispose(place: Place & { wt: HermeticWorld["wt"] }): Promise<void> {
  const { directory, wt } = place;
  await wt(["daemon", "stop", "--services"]);
  const left = await eventually(
    () => processesOf(directory),
    (pids) => pids.length === 0,
  );
  const commands = left.map((pid) => `${pid} ${commandOf(pid)}`);
  if (left.length > 0) await endAll(directory);
  removeDirectory(directory);
  if (commands.length > 0) throw new Error(`the test left processes behind:\n${commands.join("\n")}`);
}

/** What is being ended may write its last file meanwhile. */
function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

/** Asks until the answer is right or half a minute is over; gives the last answer. */
export async function eventually<T>(ask: () => T | Promise<T>, right: (answer: T) => boolean, deadlineMs = 30_000): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (right(answer) || Date.now() > end) return answer;
    await Bun.sleep(25);
  }
}

export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** Nothing of an environment is left: directory, registration, branch, leases, processes. */
export function leftovers(world: HermeticWorld, slug: string): string[] {
  const found: string[] = [];
  const path = `${world.repository}.worktrees/${slug}`;
  if (existsSync(path)) found.push(`directory ${path}`);
  const registrations = join(world.repository, ".git/worktrees");
  if (existsSync(registrations))
    for (const name of readdirSync(registrations)) if (name.startsWith(slug)) found.push(`registration ${name}`);
  return found;
}
