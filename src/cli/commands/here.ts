import { defineCommand } from "../command.ts";
import { hereLines } from "../render/environment-text.ts";
import { hereJson } from "../render/here-json.ts";
import { environmentTextOptions } from "../render/print-environment.ts";

export const here = defineCommand({
  name: "here",
  summary: "Which environment this directory belongs to",
  details: ["Exit code 4 outside of any environment. The JSON adds to that of wt status what does not work and what can be done."],
  arguments: [],
  options: {},
  examples: [
    { command: "wt here --json", summary: "for a script or an agent that asks where it is: URLs, ports, logs, problems, commands" },
  ],
  async handler(_invocation, context) {
    const document = await context.client.call("/v1/environments/status", { target: { cwd: context.cwd } });
    if (context.json) await context.terminal.out(hereJson(document));
    else await context.terminal.out(`${hereLines(document.environment, environmentTextOptions(context)).join("\n")}\n`);
    return 0;
  },
});
