import { defineCommand, environmentOption } from "../command.ts";
import { environmentTextOptions } from "../render/print-environment.ts";
import { resourceLines } from "../render/resource-text.ts";
import { resourceArgument } from "../resource-argument.ts";

export const dbList = defineCommand({
  name: "db list",
  summary: "The resources of all environments: type, state, URL without its password",
  details: ["SHARED means that every environment uses the same one."],
  arguments: [{ ...resourceArgument, summary: "Only those of this name" }],
  options: {
    environment: { ...environmentOption, summary: "Only this environment (slug or branch)" },
    all: { type: "boolean", short: "a", summary: "Every project, not only the one of this directory" },
  },
  examples: [
    { command: "wt db list", summary: "what the environments of this repository have" },
    { command: "wt db list --json", summary: "for a script" },
  ],
  async handler({ options, arguments: [resource] }, context) {
    const document = await context.client.call("/v1/resources/list", {
      cwd: context.cwd,
      all: options.all,
      environment: options.environment ?? null,
      resource: resource ?? null,
      usage: false,
    });
    if (context.json) await context.terminal.out(`${JSON.stringify(document)}\n`);
    else
      await context.terminal.out(
        `${resourceLines(document.resources, { ...environmentTextOptions(context), all: options.all }).join("\n")}\n`,
      );
    return 0;
  },
});
