import { callerEnvironment, defineCommand, environmentOption, targetOf } from "../command.ts";
import { environmentJson } from "../render/environment-json.ts";
import { printEnvironment } from "../render/print-environment.ts";
import { runOperation } from "../run-operation.ts";

export const up = defineCommand({
  name: "up",
  summary: "Start services that do not run",
  details: [
    "Starts what they need first and waits until all are ready. Databases wake; one that is gone is made anew, one that does not work is mended if it can be.",
  ],
  arguments: [
    {
      name: "service",
      summary: "Only these services; default: all. The first may be the name of an environment",
      variadic: true,
      complete: "service",
    },
  ],
  options: {
    environment: environmentOption,
    "no-setup": { type: "boolean", summary: "Leave the setup commands to the next time" },
    "no-hooks": { type: "boolean", summary: "Leave the hooks of wt.yaml out this time" },
  },
  examples: [
    { command: "wt up", summary: "everything of the current environment" },
    { command: "wt up backend -e earl-fib-123-feature", summary: "one service of another environment" },
  ],
  async handler({ options, arguments: services }, context) {
    const target = targetOf(context, options.environment);
    const leftOut = { ...(options["no-hooks"] ? { hooks: false } : {}), ...(options["no-setup"] ? { setup: false } : {}) };
    const request = { target, services, env: callerEnvironment(context.env), ...leftOut };
    const result = await runOperation(context, { path: "/v1/environments/up", request }, { target });
    if (context.json) await context.terminal.out(environmentJson(result));
    else await printEnvironment(context, result.environment);
    return 0;
  },
});
