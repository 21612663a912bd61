import { callerEnvironment, defineCommand, environmentOption, targetOf } from "../command.ts";
import { environmentJson } from "../render/environment-json.ts";
import { runOperation } from "../run-operation.ts";

export const down = defineCommand({
  name: "down",
  summary: "Stop services; worktree, ports and data stay",
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
    "no-hooks": { type: "boolean", summary: "Leave the hooks of wt.yaml out this time" },
  },
  examples: [
    { command: "wt down", summary: "everything of the current environment" },
    { command: "wt down worker", summary: "one service" },
  ],
  async handler({ options, arguments: services }, context) {
    const target = targetOf(context, options.environment);
    const request = { target, services, env: callerEnvironment(context.env), ...(options["no-hooks"] ? { hooks: false } : {}) };
    const result = await runOperation(context, { path: "/v1/environments/down", request }, { target });
    if (context.json) {
      await context.terminal.out(environmentJson(result));
      return 0;
    }
    const { slug, status, services: known } = result.environment;
    const stopped = services.filter((name) => known.some((service) => service.name === name));
    const what = stopped.length > 0 ? `${stopped.join(", ")} of ${slug} (now ${status})` : slug;
    await context.terminal.out(`Stopped ${what}.\n`);
    return 0;
  },
});
