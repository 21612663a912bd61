// A window of tmux or a tab of zellij whose program is `wt agent run <id>`. What it needs to know it asks the daemon: command lines are for everybody to see.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { ownCommand } from "../../os/own-command.ts";
import type { Environment } from "../terminal.ts";

export interface WindowOrder {
  place: "tmux" | "zellij";
  /** `session:window`. */
  window: string;
  directory: string;
  /** Id of the agent. */
  agent: string;
  /** The caller's. */
  env: Environment;
}

/** Throws `WtError` (`machine`, `program_missing`) before anything is made. */
export function requireMultiplexer(place: WindowOrder["place"], env: Environment): void {
  if (Bun.which(place, { PATH: env.PATH ?? "" })) return;
  throw new WtError({
    kind: "machine",
    code: "program_missing",
    message: `The program ${place} was not found on the PATH.`,
    hints: [`Install ${place}, or run the agent here (without --${place}) or without a terminal (--detach).`],
    details: { program: place },
  });
}

/** Resolves when the window is there. Throws `WtError` (`machine`, `window_failed`) with what the program said; then there is none. */
export async function openWindow(order: WindowOrder): Promise<void> {
  if (order.place === "tmux") await openTmuxWindow(order);
  else await openZellijTab(order);
}

/** How a person gets to it. */
export function attachCommand({ place, window }: Pick<WindowOrder, "place" | "window">): string {
  return place === "tmux" ? `tmux attach -t '${window}'` : `zellij attach ${sessionOf(window)}`;
}

/** Inside of the multiplexer: brings the window to the front. False where the caller is not in it. */
export async function showWindow({ place, window, env }: Pick<WindowOrder, "place" | "window" | "env">): Promise<boolean> {
  if (place !== "tmux" || !env.TMUX) return false;
  return (await run(["tmux", "switch-client", "-t", `=${window}`], env)).code === 0;
}

async function openTmuxWindow({ window, directory, agent, env }: WindowOrder): Promise<void> {
  const session = sessionOf(window);
  const name = nameOf(window);
  const command = windowCommand(agent, env).map(quoted).join(" ");
  const begin = () => run(["tmux", "new-session", "-d", "-s", session, "-n", name, "-c", directory, command], env);
  // A session of this name may come or go at any moment; with `=` a name means itself and no longer one that begins so.
  const join = () => run(["tmux", "new-window", "-d", "-t", `=${session}:`, "-n", name, "-c", directory, command], env);
  const there = (await run(["tmux", "has-session", "-t", `=${session}`], env)).code === 0;
  const first = await (there ? join() : begin());
  const result = first.code === 0 ? first : await (there ? begin() : join());
  if (result.code !== 0) throw failed("tmux", (first.stderr || result.stderr).trim());
}

async function openZellijTab({ window, directory, agent, env }: WindowOrder): Promise<void> {
  const session = sessionOf(window);
  const sessions = await run(["zellij", "list-sessions", "--short", "--no-formatting"], env);
  if (!sessions.stdout.split("\n").includes(session)) {
    const made = await run(["zellij", "attach", "--create-background", session], env);
    if (made.code !== 0) throw failed("zellij", made.stderr.trim());
  }
  const place = await mkdtemp(join(tmpdir(), "wt-layout-"));
  try {
    const layout = join(place, "agent.kdl");
    const [program = "", ...rest] = windowCommand(agent, env);
    const words = rest.map((word) => JSON.stringify(word)).join(" ");
    const pane = `pane command=${JSON.stringify(program)} close_on_exit=true {\n    args ${words}\n    cwd ${JSON.stringify(directory)}\n  }`;
    await Bun.write(layout, `layout {\n  ${pane}\n}\n`);
    const tab = ["zellij", "--session", session, "action", "new-tab", "--name", nameOf(window), "--cwd", directory, "--layout", layout];
    const made = await run(tab, env);
    if (made.code !== 0) throw failed("zellij", made.stderr.trim());
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** The window's environment is the multiplexer's, of whenever that was started: only which world it belongs to is said here. */
function windowCommand(agent: string, env: Environment): string[] {
  const names = ["HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"];
  const set = names.flatMap((name) => (env[name] === undefined ? [] : [`${name}=${env[name]}`]));
  const unset = names.flatMap((name) => (env[name] === undefined ? ["-u", name] : []));
  return ["/usr/bin/env", ...unset, ...set, ...ownCommand(), "agent", "run", agent];
}

/** A multiplexer that is started by this outlives the environment: nothing that belongs to one may be passed on to it. */
function run(command: string[], env: Environment) {
  const kept = Object.entries(env).flatMap(([name, value]) => (value === undefined || name.startsWith("WT_") ? [] : [[name, value]]));
  return exec(command, { cwd: "/", env: Object.fromEntries(kept) });
}

function sessionOf(window: string): string {
  return window.slice(0, window.indexOf(":"));
}

function nameOf(window: string): string {
  return window.slice(window.indexOf(":") + 1);
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function failed(program: string, said: string): WtError {
  return new WtError({
    kind: "machine",
    code: "window_failed",
    message: `${program} did not open a window${said === "" ? "" : `: ${said.split("\n")[0]}`}.`,
    hints: ["Run the agent here (without the option), or without a terminal: --detach"],
    details: { program, said },
  });
}
