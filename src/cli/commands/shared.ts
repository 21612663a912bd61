import { callerEnvironment, defineCommand, environmentOption, targetOf } from "../command.ts";
import { sharedLines } from "../render/shared-text.ts";

export const shared = defineCommand({
  name: "shared",
  summary: "The services that run once for all environments of a project",
  arguments: [],
  options: { environment: environmentOption },
  examples: [{ command: "wt shared", summary: "which run, and where the host reaches them" }],
  async handler({ options }, context) {
    const target = targetOf(context, options.environment);
    const document = await context.client.call("/v1/shared", { target, env: callerEnvironment(context.env) });
    await context.terminal.out(context.json ? `${JSON.stringify(document)}\n` : `${sharedLines(document).join("\n")}\n`);
    return 0;
  },
});
