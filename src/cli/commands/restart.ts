import { callerEnvironment, defineCommand, environmentOption, targetOf } from "../command.ts";
import { environmentJson } from "../render/environment-json.ts";
import { printEnvironment } from "../render/print-environment.ts";
import { runOperation } from "../run-operation.ts";

export const restart = defineCommand({
  name: "restart",
  summary: "Stop services and start them again, with the configuration as it is now",
  details: ["Ports and URLs stay the same."],
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
    { command: "wt restart", summary: "everything of the current environment" },
    { command: "wt restart backend -e earl-fib-123-feature", summary: "one service of another environment" },
  ],
  async handler({ options, arguments: services }, context) {
    const target = targetOf(context, options.environment);
    const leftOut = { ...(options["no-hooks"] ? { hooks: false } : {}), ...(options["no-setup"] ? { setup: false } : {}) };
    const request = { target, services, env: callerEnvironment(context.env), ...leftOut };
    const result = await runOperation(context, { path: "/v1/environments/restart", request }, { target });
    if (context.json) await context.terminal.out(environmentJson(result));
    else await printEnvironment(context, result.environment);
    return 0;
  },
});
