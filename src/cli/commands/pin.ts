import { defineCommand, targetOf } from "../command.ts";

export const pin = defineCommand({
  name: "pin",
  summary: "Keep an environment from wt gc and wt clean",
  details: ["wt delete still deletes it: a pin holds what nobody named."],
  arguments: [{ name: "name", summary: "Slug or branch; default: the environment of this directory", complete: "environment" }],
  options: { reason: { type: "string", short: "r", placeholder: "text", summary: "Why; wt gc says it" } },
  examples: [{ command: "wt pin demo --reason 'shown on Friday'", summary: "one that is kept although nobody works in it" }],
  async handler({ options, arguments: [name] }, context) {
    const request = { target: targetOf(context, name), reason: options.reason ?? "" };
    const result = await context.client.call("/v1/pin", request);
    if (context.json) await context.terminal.out(`${JSON.stringify(result)}\n`);
    else await context.terminal.out(`Pinned ${result.slug}${result.reason ? `: ${result.reason}` : ""}.\n`);
    return 0;
  },
});
