// `wt run` in an environment of containers: the command runs in the one that is up, beside what it runs already.
import { constants } from "node:os";
import type { CommandContainer, VariablesResult } from "../api/operations.ts";
import { WtError } from "../errors/wt-error.ts";
import { type Context, callerEnvironment } from "./command.ts";
import { runForeground } from "./run-foreground.ts";

/** Gives the command's own exit code. */
export async function runInContainer(
  context: Context,
  { slug, path, container }: VariablesResult & { container: CommandContainer },
  command: string[],
): Promise<number> {
  const { id, endpoint } = container;
  if (id === null) throw notRunning(slug, container);
  if (!Bun.which("docker", { PATH: context.env.PATH ?? "" })) throw dockerMissing();
  const { terminal, cwd } = context;
  const onTerminal = terminal.stdinIsTty || terminal.stderrIsTty;
  const inside = cwd === path || cwd.startsWith(`${path}/`) ? directoryInside(cwd, container) : null;
  const docker = ["docker", ...(endpoint === null ? [] : ["--host", endpoint]), "exec"];
  const mark = `WT_RUN=${crypto.randomUUID()}`;
  const words = [
    ...docker,
    ...["--interactive", "--env", mark],
    ...(terminal.stdinIsTty && terminal.stdoutIsTty ? ["--tty", "--detach-keys", unusedKeys] : []),
    ...(inside === null ? [] : ["--workdir", inside]),
    id,
    ...command,
  ];
  const env = callerEnvironment(context.env);
  let interruption = 0;
  let cutOff = false;
  const note = (name: NodeJS.Signals) => {
    interruption = 128 + (constants.signals[name] ?? 0);
  };
  for (const name of endings) process.on(name, note);
  try {
    const onSignalled = () => {
      cutOff = true;
    };
    const code = await runForeground(words, { cwd, env, onTerminal, onSignalled });
    // Docker's client is gone by now, with whatever code (where nobody reads on, by SIGPIPE); what it has started in the container would go on.
    if (interruption !== 0 || cutOff) await endMarked([...docker, id], { mark, env });
    return interruption === 0 ? code : interruption;
  } finally {
    for (const name of endings) process.off(name, note);
  }
}

const endings = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"] as const;

/** Docker's client leaves its command behind on Ctrl-P Ctrl-Q, which are keys of every shell. Nothing would lead back to it, so these keys are rather those that nobody presses. */
const unusedKeys = "ctrl-^,ctrl-@,ctrl-^,ctrl-@";

/** By the variable that it and all it started have; what has not ended two seconds later is killed. An image without a shell has nothing that could do it. */
async function endMarked(exec: string[], { mark, env }: { mark: string; env: Record<string, string> }): Promise<void> {
  const script = `
marked() {
  for each in /proc/[0-9]*; do
    tr '\\0' '\\n' < $each/environ 2>/dev/null | grep -qx '${mark}' && echo \${each#/proc/}
  done
}
for signal in TERM 0 0 0 0 0 0 0 0 KILL; do
  pids=$(marked)
  [ -n "$pids" ] || exit 0
  kill -$signal $pids 2>/dev/null
  [ $signal = KILL ] || sleep 0.25 2>/dev/null || sleep 1
done`;
  const child = Bun.spawn([...exec, "sh", "-c", script], { env, stdio: ["ignore", "ignore", "ignore"] });
  await child.exited;
}

/** The same directory as the container sees it; null: it does not, and its own working directory is as good as any. */
export function directoryInside(directory: string, { binds }: Pick<CommandContainer, "binds">): string | null {
  const holding = binds.filter(({ source }) => directory === source || directory.startsWith(source.endsWith("/") ? source : `${source}/`));
  const [nearest] = holding.toSorted((a, b) => b.source.length - a.source.length);
  if (!nearest) return null;
  const rest = directory.slice(nearest.source.length).replace(/^\//, "");
  return rest === "" ? nearest.target : `${nearest.target.replace(/\/$/, "")}/${rest}`;
}

function dockerMissing(): WtError {
  return new WtError({
    kind: "machine",
    code: "docker_missing",
    message: "Commands get into a container by Docker's own client, and there is no `docker` on the PATH.",
    hints: ["Install it: https://docs.docker.com/engine/install/.", "Run the command on the host instead: wt run --host -- …"],
  });
}

function notRunning(slug: string, { service, state, reason }: CommandContainer): WtError {
  return new WtError({
    kind: "unhealthy",
    code: "container_not_running",
    message: `${service} of ${slug} is ${state}, and commands run in its container.${reason === null ? "" : ` ${reason}`}`,
    hints: [
      `Bring it up: wt up ${service} -e ${slug}`,
      "Run the command on the host instead: wt run --host -- …",
      "Choose another service: wt run --service <name> -- …",
    ],
  });
}
