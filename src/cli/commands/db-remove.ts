import { defineCommand, environmentOption, targetOf } from "../command.ts";
import { agreed, resourceArgument, runningLines, yesOption } from "../resource-argument.ts";
import { runOperation } from "../run-operation.ts";

export const dbRemove = defineCommand({
  name: "db remove",
  summary: "Remove a resource with its content and its checkpoints",
  details: [
    "For one that is not in wt.yaml any more, or that wt.yaml describes as another kind by now. One that wt.yaml still names is made anew by `wt up`.",
    "Clients are disconnected. Services run on; the command names them.",
  ],
  arguments: [{ ...resourceArgument, required: true, summary: "Its name; `wt db list` shows what there is" }],
  options: { environment: environmentOption, yes: yesOption },
  examples: [
    { command: "wt db remove cache", summary: "asks first" },
    { command: "wt db remove db -e spike --yes", summary: "for a script" },
  ],
  async handler({ options, arguments: [resource = ""] }, context) {
    const target = targetOf(context, options.environment);
    const { environment } = await context.client.call("/v1/environments/status", { target });
    const type = environment.resources.find(({ name }) => name === resource)?.type;
    const question = `Remove ${resource}${type === undefined ? "" : ` (${type})`} of ${environment.slug} with its content and checkpoints?`;
    const command = `wt db remove ${resource}`;
    // Of an unknown one the daemon says what there is; nobody need agree to that.
    if (type !== undefined && !(await agreed(context, { yes: options.yes, question, command }))) return 130;
    const request = { target, resource };
    const result = await runOperation(context, { path: "/v1/resources/remove", request }, { target });
    if (context.json) await context.terminal.out(`${JSON.stringify(result)}\n`);
    else await context.terminal.out(`${[`Removed ${resource} of ${environment.slug}.`, ...runningLines(result)].join("\n")}\n`);
    return 0;
  },
});
