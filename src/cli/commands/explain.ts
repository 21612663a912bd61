import { chosenEnvironment } from "../chosen-environment.ts";
import { callerEnvironment, defineCommand, environmentOption, targetOf } from "../command.ts";
import { explainLines } from "../render/explain-text.ts";

export const explain = defineCommand({
  name: "explain",
  summary: "What is rewritten of the compose file, and why",
  details: ["Looks only: nothing is made, and no engine is needed. Values of variables are not shown."],
  arguments: [{ name: "name", summary: "Slug or branch; default: the environment of the current directory", complete: "environment" }],
  options: { environment: environmentOption },
  examples: [
    { command: "wt explain", summary: "before the first `wt up`" },
    { command: "wt explain --json | jq '.own.refusals'", summary: "what would have to be allowed" },
  ],
  async handler({ options, arguments: [name] }, context) {
    const document = await context.client.call("/v1/stack/explain", {
      target: targetOf(context, chosenEnvironment("explain", name, options.environment)),
      env: callerEnvironment(context.env),
    });
    await context.terminal.out(context.json ? `${JSON.stringify(document)}\n` : `${explainLines(document).join("\n")}\n`);
    return 0;
  },
});
