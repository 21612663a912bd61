// The demo's own little world: directories, variables and a gateway port that no other worldtree shares, and their complete removal.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";

export interface World {
  root: string;
  repository: string;
  gatewayPort: number;
  /** Complete environment of every command of the demo. */
  env: Record<string, string>;
}

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

const program = resolve(import.meta.dir, "../bin/wt");
const example = resolve(import.meta.dir, "fibonacci");
const prefix = "worldtree-demo-";

/** Makes the directories and a git repository with the example in it. */
export async function makeWorld(): Promise<World> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), prefix)));
  const world = describeWorld(root, freePort());
  try {
    await fillWorld(world);
    return world;
  } catch (error) {
    rmSync(root, { recursive: true, force: true });
    throw error;
  }
}

async function fillWorld(world: World): Promise<void> {
  const { root } = world;
  for (const name of ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"]) mkdirSync(world.env[name] ?? root, { mode: 0o700 });
  cpSync(example, world.repository, { recursive: true, filter: (path) => basename(path) !== "node_modules" && basename(path) !== "dist" });
  writeFileSync(join(root, "demo-env.sh"), environmentScript(world));
  for (const command of [
    ["init", "-q", "-b", "main"],
    ["config", "user.name", "worldtree demo"],
    ["config", "user.email", "demo@example.com"],
    ["config", "commit.gpgsign", "false"],
    ["add", "."],
    ["commit", "-q", "-m", "Fibonacci: a page, an API and a worker"],
  ]) {
    await git(world, command);
  }
}

/** The world that an earlier run left running; null when `root` is not one. */
export function findWorld(root: string): World | null {
  const script = join(root, "demo-env.sh");
  if (!basename(root).startsWith(prefix) || !existsSync(script)) return null;
  const port = /WT_GATEWAY_PORT='(\d+)'/.exec(readFileSync(script, "utf8"))?.[1];
  return port === undefined ? null : describeWorld(realpathSync(root), Number(port));
}

function describeWorld(root: string, gatewayPort: number): World {
  const own = {
    XDG_STATE_HOME: join(root, "state"),
    XDG_CONFIG_HOME: join(root, "config"),
    XDG_RUNTIME_DIR: join(root, "run"),
    WT_GATEWAY_PORT: String(gatewayPort),
  };
  const inherited = Object.entries(process.env).filter(([key, value]) => value !== undefined && !/^(WT_|GIT_|XDG_|npm_|PORT$)/.test(key));
  return {
    root,
    repository: join(root, "fibonacci"),
    gatewayPort,
    env: { ...Object.fromEntries(inherited), ...own } as Record<string, string>,
  };
}

function environmentScript(world: World): string {
  const names = ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "WT_GATEWAY_PORT"];
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  return [
    "# Makes this shell see the demo's world, and no other.",
    ...names.map((name) => `export ${name}=${quote(world.env[name] ?? "")}`),
    `wt() { ${quote(program)} "$@"; }`,
    `cd ${quote(world.repository)}`,
    "",
  ].join("\n");
}

/** A port that was free a moment ago. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

/** Runs git in the repository; throws with what it printed when it fails. */
export async function git(world: World, command: readonly string[]): Promise<string> {
  const finished = await finish(world, ["git", "-c", "core.hooksPath=/dev/null", ...command]);
  if (finished.code !== 0) throw new Error(`git ${command.join(" ")} failed: ${finished.stderr.trim()}`);
  return finished.stdout;
}

/** Runs `wt` in the repository; `onLine` gets each line as it is printed. */
export async function wt(world: World, command: readonly string[], onLine?: (line: string) => void): Promise<Finished> {
  return finish(world, [program, ...command], onLine);
}

async function finish(world: World, command: readonly string[], onLine: (line: string) => void = () => undefined): Promise<Finished> {
  const child = Bun.spawn([...command], { cwd: world.repository, env: world.env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([collect(child.stdout, onLine), collect(child.stderr, onLine), child.exited]);
  return { code, stdout, stderr };
}

async function collect(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let rest = "";
  for await (const chunk of stream) {
    const decoded = decoder.decode(chunk, { stream: true });
    text += decoded;
    const lines = (rest + decoded).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
  return text;
}

/** Deletes every environment, stops the daemon, removes the directory. Gives what is left nevertheless, in sentences. */
export async function removeWorld(world: World, say: (line: string) => void): Promise<string[]> {
  const problems: string[] = [];
  if (existsSync(world.repository)) {
    for (const slug of await environmentSlugs(world)) {
      // Forced, because the demo's commits are on no remote. Only the outcome is worth a line.
      const deleted = await wt(world, ["delete", slug, "--force"]);
      say(`${deleted.stdout}\n${deleted.stderr}`.split("\n").find((line) => line.startsWith("Deleted")) ?? deleted.stderr.trim());
      if (deleted.code !== 0) problems.push(`wt delete ${slug} ended with code ${deleted.code}.`);
    }
    const stopped = await wt(world, ["daemon", "stop", "--services"]);
    if (stopped.code !== 0) problems.push(`wt daemon stop ended with code ${stopped.code}: ${stopped.stderr.trim()}`);
  }
  for (const { pid, command } of await processesOf(world)) {
    problems.push(`The process ${pid} (${command}) was still there.`);
    killQuietly(pid);
  }
  const worktrees = `${world.repository}.worktrees`;
  if (existsSync(worktrees) && readdirSync(worktrees).length > 0) problems.push(`The worktrees in ${worktrees} were still there.`);
  rmSync(world.root, { recursive: true, force: true, maxRetries: 3 });
  if (existsSync(world.root)) problems.push(`The directory ${world.root} could not be removed.`);
  return problems;
}

async function environmentSlugs(world: World): Promise<string[]> {
  if (!existsSync(world.env.XDG_STATE_HOME ?? "") || readdirSync(world.env.XDG_STATE_HOME ?? "").length === 0) return [];
  const listed = await wt(world, ["list", "--json"]);
  if (listed.code !== 0) return [];
  const { environments } = JSON.parse(listed.stdout) as { environments: { slug: string; main: boolean }[] };
  return environments.filter((environment) => !environment.main).map((environment) => environment.slug);
}

/** A service, a setup command, a daemon or its clearing of the trash: never the shell that a person opened in this world, nor this program. */
function madeByWt(environment: readonly string[], command: string): boolean {
  return (
    environment.some((entry) => entry.startsWith("WT_INSTANCE=")) ||
    command.endsWith(" daemon run") ||
    /^(nice|rm) .*\/wt\/trash\//.test(command)
  );
}

/** Processes of `wt` that carry this world's state directory in their environment, after those on their way out had time to go. */
async function processesOf(world: World): Promise<{ pid: number; command: string }[]> {
  const mark = `XDG_STATE_HOME=${world.env.XDG_STATE_HOME}`;
  const deadlineMs = Date.now() + 5000;
  for (;;) {
    const found = process.platform === "linux" ? linuxProcessesWith(mark) : await psProcessesWith(mark);
    if (found.length === 0 || Date.now() > deadlineMs) return found;
    await Bun.sleep(100);
  }
}

function linuxProcessesWith(mark: string): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const environment = readFileSync(join("/proc", name, "environ"), "utf8").split("\0");
      if (!environment.includes(mark)) continue;
      const command = readFileSync(join("/proc", name, "cmdline"), "utf8")
        .replaceAll("\0", " ")
        .trim();
      if (madeByWt(environment, command)) found.push({ pid: Number(name), command });
    } catch {
      // Another user's, or gone meanwhile: not ours.
    }
  }
  return found;
}

async function psProcessesWith(mark: string): Promise<{ pid: number; command: string }[]> {
  const listed = Bun.spawn(["/bin/ps", "-axwwE", "-o", "pid=,command="], { stdout: "pipe", stderr: "ignore" });
  const lines = (await new Response(listed.stdout).text())
    .split("\n")
    .filter(
      (line) => line.includes(` ${mark}`) && (line.includes(" WT_INSTANCE=") || / daemon run( |$)| rm -rf .*\/wt\/trash\//.test(line)),
    );
  return lines.map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim().split(/\s+/)[1] ?? "" }));
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone by itself.
  }
}

export const cleanCommand = (world: World) => `cd ${dirname(import.meta.dir)} && npm run demo -- --clean ${world.root}`;
