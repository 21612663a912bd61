// Deletes everything the demo made and looks whether it is really gone: directories, processes, ports, databases.
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findContainerLeaks } from "../scripts/container-leaks.ts";
import { type World, wt } from "./demo-world.ts";

interface Holding {
  slug: string;
  path: string;
  ports: number[];
}

/** Deletes every environment, stops the daemon, removes the directory. Gives what is left nevertheless, in sentences. */
export async function removeWorld(made: World, say: (line: string) => void): Promise<string[]> {
  const world = { ...made, undisturbed: true };
  const problems: string[] = [];
  if (existsSync(world.repository)) {
    for (const holding of apart(await holdings(world))) problems.push(...(await removeEnvironment(world, holding, say)));
    problems.push(...(await removeShared(world, say)));
    problems.push(...leftInState(world));
    const stopped = await wt(world, ["daemon", "stop", "--services"]);
    if (stopped.code !== 0) problems.push(`wt daemon stop ended with code ${stopped.code}: ${stopped.stderr.trim()}`);
  }
  for (const { pid, command } of await processesOf(world)) {
    problems.push(`The process ${pid} (${command}) was still there.`);
    killQuietly(pid);
  }
  problems.push(...(await findContainerLeaks(world.root)));
  const worktrees = `${world.repository}.worktrees`;
  if (existsSync(worktrees) && readdirSync(worktrees).length > 0) problems.push(`The worktrees in ${worktrees} were still there.`);
  rmSync(world.root, { recursive: true, force: true, maxRetries: 3 });
  if (existsSync(world.root)) problems.push(`The directory ${world.root} could not be removed.`);
  return problems;
}

/** Every environment but the main worktree's, with what it holds now. */
async function holdings(world: World): Promise<Holding[]> {
  const state = world.env.XDG_STATE_HOME ?? "";
  if (!existsSync(state) || readdirSync(state).length === 0) return [];
  const listed = await wt(world, ["list", "--json"]);
  if (listed.code !== 0) return [];
  const { environments } = JSON.parse(listed.stdout) as { environments: Listed[] };
  return Promise.all(
    environments
      .filter((environment) => !environment.main)
      .map(async ({ slug, path, services }) => {
        const database = await wt(world, ["db", "url", "-e", slug, "--json"]);
        const url = database.code === 0 ? new URL((JSON.parse(database.stdout) as { url: string }).url) : null;
        return { slug, path, ports: [...services.flatMap(({ port }) => port ?? []), ...(url ? [Number(url.port)] : [])] };
      }),
  );
}

/** A server that all share goes on listening. */
function apart(all: readonly Holding[]): Holding[] {
  const owners = (port: number) => all.filter(({ ports }) => ports.includes(port)).length;
  return all.map((holding) => ({ ...holding, ports: holding.ports.filter((port) => owners(port) === 1) }));
}

/** What ran once for all environments. */
async function removeShared(world: World, say: (line: string) => void): Promise<string[]> {
  const listed = await wt(world, ["shared", "--json"]);
  const services = listed.code === 0 ? (JSON.parse(listed.stdout) as { services: { name: string }[] }).services : [];
  if (services.length === 0) return [];
  const removed = await wt(world, ["shared", "down", "--volumes"]);
  if (removed.code !== 0) return [`wt shared down --volumes ended with code ${removed.code}: ${removed.stderr.trim()}`];
  say(`Removed what all shared: ${services.map(({ name }) => name).join(", ")}`);
  return [];
}

interface Listed {
  slug: string;
  path: string;
  main: boolean;
  services: { port: number | null }[];
}

async function removeEnvironment(world: World, { slug, path, ports }: Holding, say: (line: string) => void): Promise<string[]> {
  // Forced, because the demo's commits are on no remote.
  const deleted = await wt(world, ["delete", slug, "--force"]);
  if (deleted.code !== 0) return [`wt delete ${slug} ended with code ${deleted.code}: ${deleted.stderr.trim()}`];
  const problems: string[] = [];
  // It could come back for a week; the demo's never shall.
  const purged = await wt(world, ["undelete", slug, "--purge"]);
  if (purged.code !== 0) problems.push(`wt undelete ${slug} --purge ended with code ${purged.code}: ${purged.stderr.trim()}`);
  if (existsSync(path)) problems.push(`${path} was still there after wt delete.`);
  for (const port of ports) if (await isOpen(port)) problems.push(`Somebody listened on port ${port} of ${slug} after wt delete.`);
  const outcome = `${deleted.stdout}\n${deleted.stderr}`.split("\n").find((line) => line.startsWith("Deleted"));
  say(outcome?.replace(/;.*/, `: worktree, processes, database, ports ${ports.join(" ")}`) ?? deleted.stderr.trim());
  return problems;
}

/** Databases and logs of environments, and what should be gone from the trash. Templates stay for the next environment, until the world goes. */
function leftInState(world: World): string[] {
  const state = join(world.env.XDG_STATE_HOME ?? "", "worldtree");
  const places = ["environments", "postgres/trash", "postgres/building"].map((name) => join(state, name));
  const left = places.flatMap((place) =>
    existsSync(place) ? readdirSync(place, { recursive: true }).map((name) => join(place, String(name))) : [],
  );
  return left.length > 0 ? [`These were still there: ${left.slice(0, 8).join(", ")}${left.length > 8 ? " and more" : ""}.`] : [];
}

async function isOpen(port: number): Promise<boolean> {
  const opened = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => undefined } }).catch(() => null);
  opened?.end();
  return opened !== null;
}

/** A service, a setup command, a daemon or its clearing of the trash: never the shell that a person opened in this world, nor this program. */
function madeByWt(environment: readonly string[], command: string): boolean {
  return (
    environment.some((entry) => entry.startsWith("WT_INSTANCE=")) ||
    command.endsWith(" daemon run") ||
    /^(nice|rm) .*\/wt\/trash\//.test(command)
  );
}

/**
 * Processes of `wt` that carry this world's state directory in their environment, and database servers that work in it, after those on their
 * way out had time to go.
 */
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
      const server = readlinkSync(join("/proc", name, "cwd")).startsWith(`${mark.slice("XDG_STATE_HOME=".length)}/`);
      if (!environment.includes(mark) && !server) continue;
      const command = readFileSync(join("/proc", name, "cmdline"), "utf8")
        .replaceAll("\0", " ")
        .trim();
      if (server || madeByWt(environment, command)) found.push({ pid: Number(name), command });
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
      (line) =>
        line.includes(`${mark.slice("XDG_STATE_HOME=".length)}/worldtree/environments/`) ||
        (line.includes(` ${mark}`) && (line.includes(" WT_INSTANCE=") || / daemon run( |$)| rm -rf .*\/wt\/trash\//.test(line))),
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
