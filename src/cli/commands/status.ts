import { chosenEnvironment } from "../chosen-environment.ts";
import { defineCommand, environmentOption, targetOf } from "../command.ts";
import { environmentJson } from "../render/environment-json.ts";
import { statusLines } from "../render/environment-text.ts";
import { environmentTextOptions } from "../render/print-environment.ts";

export const status = defineCommand({
  name: "status",
  summary: "URLs, services, ports, processes and logs of one environment",
  arguments: [{ name: "name", summary: "Slug or branch; default: the environment of the current directory", complete: "environment" }],
  options: { environment: environmentOption },
  examples: [
    { command: "wt status", summary: "where I am" },
    { command: "wt status earl-fib-123-feature --json", summary: "another one, for a script" },
  ],
  async handler({ options, arguments: [name] }, context) {
    const document = await context.client.call("/v1/environments/status", {
      target: targetOf(context, chosenEnvironment("status", name, options.environment)),
    });
    if (context.json) await context.terminal.out(environmentJson(document));
    else await context.terminal.out(`${statusLines(document.environment, environmentTextOptions(context)).join("\n")}\n`);
    return 0;
  },
});
