import { defineCommand } from "../command.ts";
import { environmentJson } from "../render/environment-json.ts";
import { hereLines } from "../render/environment-text.ts";
import { environmentTextOptions } from "../render/print-environment.ts";

export const here = defineCommand({
  name: "here",
  summary: "Which environment this directory belongs to",
  details: ["Exit code 4 outside of any environment."],
  arguments: [],
  options: {},
  examples: [{ command: "wt here --json", summary: "for a script or an agent that asks where it is" }],
  async handler(_invocation, context) {
    const document = await context.client.call("/v1/environments/status", { target: { cwd: context.cwd } });
    if (context.json) await context.terminal.out(environmentJson(document));
    else await context.terminal.out(`${hereLines(document.environment, environmentTextOptions(context)).join("\n")}\n`);
    return 0;
  },
});
