import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { worldPaths } from "../../os/paths.ts";
import { callerEnvironment, defineCommand, environmentOption, targetOf } from "../command.ts";
import { runForeground } from "../run-foreground.ts";

export const compose = defineCommand({
  name: "compose",
  summary: "Run Docker Compose by hand on an environment's containers",
  details: [
    "Compose gets the file as it is rewritten for the environment (see `wt explain`), so that it means the containers that are there.",
    "Options of wt come before Compose's own. The exit code is Compose's.",
  ],
  arguments: [{ name: "arguments", summary: "What Compose is to do", required: true, variadic: true }],
  options: { environment: environmentOption },
  examples: [
    { command: "wt compose -- ps --all", summary: "the containers of the current environment" },
    { command: "wt compose -e earl-fib-123-feature -- top web", summary: "of another one" },
  ],
  passthrough: true,
  async handler({ options, arguments: words }, context) {
    const env = callerEnvironment(context.env);
    const call = await context.client.call("/v1/stack/compose", { target: targetOf(context, options.environment), env });
    const { runtime } = worldPaths(context.env);
    await mkdir(runtime, { recursive: true, mode: 0o700 });
    // A file for as long as Compose runs, for nobody else to read: its standard input belongs to what it runs.
    const directory = await mkdtemp(join(runtime, "compose-"));
    try {
      const file = join(directory, "compose.json");
      await writeFile(file, call.model, { mode: 0o600 });
      const onTerminal = context.terminal.stdinIsTty || context.terminal.stderrIsTty;
      // What a repository's `.env` says is in the model; Compose would hand it to the programs that it starts as well.
      const fixed = ["--env-file", "/dev/null", "-p", call.project, "--project-directory", call.directory, "-f", file];
      return await runForeground([...call.command, ...fixed, ...words], {
        cwd: context.cwd,
        env: { ...env, ...call.env },
        onTerminal,
      });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
});
