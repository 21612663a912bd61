import { defineCommand, targetOf } from "../command.ts";

export const unpin = defineCommand({
  name: "unpin",
  summary: "Let wt gc and wt clean take an environment again",
  arguments: [{ name: "name", summary: "Slug or branch; default: the environment of this directory", complete: "environment" }],
  options: {},
  examples: [{ command: "wt unpin demo", summary: "after the demo" }],
  async handler({ arguments: [name] }, context) {
    const result = await context.client.call("/v1/pin", { target: targetOf(context, name), reason: null });
    if (context.json) await context.terminal.out(`${JSON.stringify(result)}\n`);
    else await context.terminal.out(`${result.slug} is not pinned.\n`);
    return 0;
  },
});
