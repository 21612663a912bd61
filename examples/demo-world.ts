// The demo's own little world: directories, variables and a gateway port that no other worldtree shares.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { Story } from "./demo-story.ts";

export interface World {
  root: string;
  repository: string;
  gatewayPort: number;
  /** Complete environment of every command of the demo. */
  env: Record<string, string>;
  /** Ctrl-C does not reach its commands: they are carried to their end. */
  undisturbed?: boolean;
}

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

const program = process.env.WT_TEST_BINARY ?? resolve(import.meta.dir, "../bin/wt");
const prefix = "worldtree-demo-";

/** Makes the directories and a git repository with the story's example in it. */
export async function makeWorld(story: Story): Promise<World> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), prefix)));
  const world = describeWorld({ root, name: story.name, gatewayPort: freePort() });
  try {
    await fillWorld(world, story);
    return world;
  } catch (error) {
    rmSync(root, { recursive: true, force: true });
    throw error;
  }
}

async function fillWorld(world: World, story: Story): Promise<void> {
  const { root } = world;
  for (const name of ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"]) mkdirSync(world.env[name] ?? root, { mode: 0o700 });
  mkdirSync(world.repository);
  story.writeFiles(world.repository);
  writeFileSync(join(root, "demo-env.sh"), environmentScript(world));
  for (const command of [
    ["init", "-q", "-b", "main"],
    ["config", "user.name", "worldtree demo"],
    ["config", "user.email", "demo@example.com"],
    ["config", "commit.gpgsign", "false"],
    ["add", "."],
    ["commit", "-q", "-m", story.subject],
  ]) {
    await git(world, command);
  }
}

/** The world that an earlier run left running; null when `root` is not one. */
export function findWorld(root: string): World | null {
  const script = join(root, "demo-env.sh");
  if (!basename(root).startsWith(prefix) || !existsSync(script)) return null;
  const text = readFileSync(script, "utf8");
  const port = /WT_GATEWAY_PORT='(\d+)'/.exec(text)?.[1];
  const name = /^cd '.*\/([^/]+)'$/m.exec(text)?.[1];
  return port === undefined || name === undefined ? null : describeWorld({ root: realpathSync(root), name, gatewayPort: Number(port) });
}

function describeWorld({ root, name, gatewayPort }: { root: string; name: string; gatewayPort: number }): World {
  const own = {
    XDG_STATE_HOME: join(root, "state"),
    XDG_CONFIG_HOME: join(root, "config"),
    XDG_RUNTIME_DIR: join(root, "run"),
    WT_GATEWAY_PORT: String(gatewayPort),
  };
  const inherited = Object.entries(process.env).filter(([key, value]) => value !== undefined && !/^(WT_|GIT_|XDG_|npm_|PORT$)/.test(key));
  return {
    root,
    repository: join(root, name),
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

/** What `wt` printed; throws with its words when it fails. */
export async function need(world: World, command: readonly string[]): Promise<string> {
  const finished = await wt(world, command);
  if (finished.code === 0) return finished.stdout.trimEnd();
  throw new Error(`wt ${command.join(" ")} ended with code ${finished.code}:\n${finished.stderr || finished.stdout}`);
}

async function finish(world: World, command: readonly string[], onLine: (line: string) => void = () => undefined): Promise<Finished> {
  const child = Bun.spawn([...command], {
    cwd: world.repository,
    env: world.env,
    detached: world.undisturbed === true,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
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

export const cleanCommand = (world: World) => `cd ${dirname(import.meta.dir)} && npm run demo -- --clean ${world.root}`;
