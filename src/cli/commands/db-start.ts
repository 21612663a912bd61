import { defineCommand, environmentOption, targetOf } from "../command.ts";
import { resourceArgument } from "../resource-argument.ts";
import { runOperation } from "../run-operation.ts";

export const dbStart = defineCommand({
  name: "db start",
  summary: "Wake a resource now",
  details: ["Never needed for it to work: a connection wakes it too."],
  arguments: [resourceArgument],
  options: { environment: environmentOption },
  examples: [{ command: "wt db start", summary: "before a measurement" }],
  async handler({ options, arguments: [resource] }, context) {
    const target = targetOf(context, options.environment);
    const request = { target, resource: resource ?? null };
    const result = await runOperation(context, { path: "/v1/resources/start", request }, { target });
    if (context.json) await context.terminal.out(`${JSON.stringify(result)}\n`);
    else await context.terminal.out(`${result.resources.join(", ")} of ${result.environment.slug} is awake.\n`);
    return 0;
  },
});
