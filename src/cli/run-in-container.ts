// `wt run` in an environment of containers: the command runs in the one that is up, beside what it runs already.
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
  const { terminal, cwd } = context;
  const onTerminal = terminal.stdinIsTty || terminal.stderrIsTty;
  const inside = cwd === path || cwd.startsWith(`${path}/`) ? directoryInside(cwd, container) : null;
  const words = [
    ...["docker", ...(endpoint === null ? [] : ["--host", endpoint]), "exec", "--interactive"],
    ...(terminal.stdinIsTty && terminal.stdoutIsTty ? ["--tty"] : []),
    ...(inside === null ? [] : ["--workdir", inside]),
    id,
    ...command,
  ];
  return await runForeground(words, { cwd, env: callerEnvironment(context.env), onTerminal });
}

/** The same directory as the container sees it; null: it does not, and its own working directory is as good as any. */
export function directoryInside(directory: string, { binds }: Pick<CommandContainer, "binds">): string | null {
  const holding = binds.filter(({ source }) => directory === source || directory.startsWith(source.endsWith("/") ? source : `${source}/`));
  const [nearest] = holding.toSorted((a, b) => b.source.length - a.source.length);
  if (!nearest) return null;
  const rest = directory.slice(nearest.source.length).replace(/^\//, "");
  return rest === "" ? nearest.target : `${nearest.target.replace(/\/$/, "")}/${rest}`;
}

function notRunning(slug: string, { service, state }: CommandContainer): WtError {
  return new WtError({
    kind: "unhealthy",
    code: "container_not_running",
    message: `${service} of ${slug} is ${state}, and commands run in its container.`,
    hints: [
      `Bring it up: wt up ${service} -e ${slug}`,
      "Run the command on the host instead: wt run --host -- …",
      "Choose another service: wt run --service <name> -- …",
    ],
  });
}
