import { callerEnvironment, defineCommand, environmentOption, targetOf } from "../command.ts";
import { agreed, resourceArgument, restartOption, runningLines, yesOption } from "../resource-argument.ts";
import { runOperation } from "../run-operation.ts";

export const dbReset = defineCommand({
  name: "db reset",
  summary: "Throw the content away and make it anew, as `wt create` did",
  details: [
    "By what wt.yaml says now: from, migrate, seed. URL and password stay, checkpoints too.",
    "Services run on meanwhile and may fail or hold old data; with --restart they are stopped before and started again after.",
  ],
  arguments: [resourceArgument],
  options: { environment: environmentOption, restart: restartOption, yes: yesOption },
  examples: [
    { command: "wt db reset", summary: "asks first" },
    { command: "wt db reset db -e spike --restart --yes", summary: "for a script" },
  ],
  async handler({ options, arguments: [resource] }, context) {
    const target = targetOf(context, options.environment);
    // Also the answer to which one is meant, before anything is asked.
    const chosen = await context.client.call("/v1/resources/connection", { target, resource: resource ?? null });
    const question = `Throw away the content of ${chosen.resource} (${chosen.type}) of ${chosen.environment}?`;
    if (!(await agreed(context, { yes: options.yes, question, command: "wt db reset" }))) return 130;
    const request = { target, resource: chosen.resource, restart: options.restart, env: callerEnvironment(context.env) };
    const result = await runOperation(context, { path: "/v1/resources/reset", request }, { target });
    if (context.json) await context.terminal.out(`${JSON.stringify(result)}\n`);
    else await context.terminal.out(`${[`Reset ${chosen.resource} of ${chosen.environment}.`, ...runningLines(result)].join("\n")}\n`);
    return 0;
  },
});
