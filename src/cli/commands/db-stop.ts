import { defineCommand, environmentOption, targetOf } from "../command.ts";
import { resourceArgument } from "../resource-argument.ts";
import { runOperation } from "../run-operation.ts";

export const dbStop = defineCommand({
  name: "db stop",
  summary: "Put a resource to sleep: it costs no process, keeps its content, and wakes when it is used",
  details: ["Refused while it is in use. `wt down` does the same for every resource that nobody uses."],
  arguments: [resourceArgument],
  options: { environment: environmentOption },
  examples: [{ command: "wt db stop -e spike", summary: "the database of another environment" }],
  async handler({ options, arguments: [resource] }, context) {
    const target = targetOf(context, options.environment);
    const request = { target, resource: resource ?? null };
    const result = await runOperation(context, { path: "/v1/resources/stop", request }, { target });
    if (context.json) await context.terminal.out(`${JSON.stringify(result)}\n`);
    else await context.terminal.out(`Stopped ${result.resources.join(", ")} of ${result.environment.slug}; it wakes when it is used.\n`);
    return 0;
  },
});
