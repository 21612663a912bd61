import { defineCommand, environmentOption } from "../command.ts";
import { environmentTextOptions } from "../render/print-environment.ts";
import { usageLines } from "../render/resource-text.ts";
import { resourceArgument } from "../resource-argument.ts";

export const dbUsage = defineCommand({
  name: "db usage",
  summary: "The disk that resources take: bytes of their own, and bytes shared with templates and other environments",
  details: [
    "EXCLUSIVE is what would come back if the resource went. SHARED is counted in each resource that shares it. MEASURED says how, or why not.",
  ],
  arguments: [{ ...resourceArgument, summary: "Only those of this name" }],
  options: {
    environment: { ...environmentOption, summary: "Only this environment (slug or branch)" },
    all: { type: "boolean", short: "a", summary: "Every project, not only the one of this directory" },
  },
  examples: [{ command: "wt db usage", summary: "where the disk went" }],
  async handler({ options, arguments: [resource] }, context) {
    const document = await context.client.call("/v1/resources/list", {
      cwd: context.cwd,
      all: options.all,
      environment: options.environment ?? null,
      resource: resource ?? null,
      usage: true,
    });
    if (context.json) await context.terminal.out(`${JSON.stringify(document)}\n`);
    else
      await context.terminal.out(
        `${usageLines(document.resources, { ...environmentTextOptions(context), all: options.all }).join("\n")}\n`,
      );
    return 0;
  },
});
