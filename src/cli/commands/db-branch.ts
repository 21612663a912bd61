import { callerEnvironment, defineCommand, environmentOption, targetOf } from "../command.ts";
import { agreed, resourceArgument, restartOption, runningLines, yesOption } from "../resource-argument.ts";
import { runOperation } from "../run-operation.ts";

export const dbBranch = defineCommand({
  name: "db branch",
  summary: "Replace the content by a fork of what another environment has now",
  details: [
    "The other environment's resource serves on meanwhile, and its clients stay connected. The content is that of one instant; then the migrations that are pending here run. URL and password stay, checkpoints too.",
    "Services of this environment run on meanwhile and may fail or hold old data; with --restart they are stopped before and started again after.",
  ],
  arguments: [
    { name: "from", summary: "The environment to take the content of: its slug, or main", required: true, complete: "environment" },
  ],
  options: {
    environment: {
      ...environmentOption,
      summary: "The environment whose content is replaced (slug or branch); default: the one of this directory",
    },
    resource: { type: "string", placeholder: "name", summary: resourceArgument.summary, complete: "resource" },
    restart: restartOption,
    yes: yesOption,
  },
  examples: [
    { command: "wt db branch main", summary: "what main has now; asks first" },
    { command: "wt db branch spike --resource db -e retry --restart --yes", summary: "for a script" },
  ],
  async handler({ options, arguments: [from = ""] }, context) {
    const target = targetOf(context, options.environment);
    // Also the answer to which one is meant, before anything is asked.
    const chosen = await context.client.call("/v1/resources/connection", { target, resource: options.resource ?? null });
    const question = `Throw away the content of ${chosen.resource} (${chosen.type}) of ${chosen.environment} for that of ${from}?`;
    if (!(await agreed(context, { yes: options.yes, question, command: `wt db branch ${from}` }))) return 130;
    const request = { target, resource: chosen.resource, from, restart: options.restart, env: callerEnvironment(context.env) };
    const result = await runOperation(context, { path: "/v1/resources/branch", request }, { target });
    if (context.json) await context.terminal.out(`${JSON.stringify(result)}\n`);
    else {
      const done = `${chosen.resource} of ${chosen.environment} has the content of ${from} now.`;
      await context.terminal.out(`${[done, ...runningLines(result)].join("\n")}\n`);
    }
    return 0;
  },
});
