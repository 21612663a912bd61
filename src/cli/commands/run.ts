import type { VariablesResult } from "../../api/operations.ts";
import { WtError } from "../../errors/wt-error.ts";
import { callerEnvironment, defineCommand, environmentOption } from "../command.ts";
import { fetchVariables } from "../fetch-variables.ts";
import { runForeground } from "../run-foreground.ts";
import { runInContainer } from "../run-in-container.ts";

export const run = defineCommand({
  name: "run",
  summary: "Run a command with the environment's variables, in its worktree",
  details: [
    "Runs in the current directory when that is inside the worktree. The exit code is the command's own.",
    "Where the environment runs in containers, the command runs in one of them: that of --service, else the one that answers on the environment's URL. --host runs it here.",
    "Options of wt come before the command: everything from the command on is passed on untouched.",
  ],
  arguments: [{ name: "command", summary: "The program and its arguments", required: true, variadic: true, complete: "command" }],
  options: {
    environment: environmentOption,
    service: {
      type: "string",
      short: "s",
      placeholder: "name",
      summary: "With the variables of this service (its PORT)",
      complete: "service",
    },
    host: { type: "boolean", summary: "On the host, also where the environment runs in containers" },
  },
  examples: [
    { command: "wt run -- npm test", summary: "tests against this environment's services" },
    { command: "wt run -e main -- sh -c 'curl -s \"$BACKEND_URL/healthz\"'", summary: "in another environment" },
  ],
  passthrough: true,
  async handler({ options, arguments: command }, context) {
    const variables = await fetchVariables(context, { environment: options.environment, service: options.service });
    if (variables.container && !options.host)
      return await runInContainer(context, { ...variables, container: variables.container }, command);
    const env = environmentWith(callerEnvironment(context.env), variables);
    const inside = context.cwd === variables.path || context.cwd.startsWith(`${variables.path}/`);
    const cwd = inside ? context.cwd : variables.path;
    const program = programPath(command[0] ?? "", env.PATH ?? "", cwd);
    const onTerminal = context.terminal.stdinIsTty || context.terminal.stderrIsTty;
    return await runForeground([program, ...command.slice(1)], { cwd, env: { ...env, PWD: cwd }, onTerminal });
  },
});

/** The caller's variables, without what belongs to another environment, with this one's. */
function environmentWith(caller: Record<string, string>, { variables, unset }: VariablesResult): Record<string, string> {
  const env = { ...caller };
  for (const name of unset) delete env[name];
  // What an agent starts in its own environment stays its own, and ends with it.
  const own = variables.find(({ key }) => key === "WT_ENVIRONMENT_ID")?.value;
  for (const name of ["WT_INSTANCE", "WT_AGENT"]) {
    const value = caller[name];
    if (value !== undefined && own !== undefined && caller.WT_INSTANCE?.startsWith(`${own}/`)) env[name] = value;
  }
  for (const { key, value } of variables) env[key] = value;
  return env;
}

function programPath(program: string, path: string, cwd: string): string {
  const found = Bun.which(program, { PATH: path, cwd });
  if (found) return found;
  throw new WtError({
    kind: "machine",
    code: "program_missing",
    message: `The program ${program} was not found on the PATH.`,
    hints: program.includes(" ") ? [`For a shell line write: wt run -- sh -c '${program}'`] : [`Install ${program}, then try again.`],
    details: { program },
  });
}
