import { defineCommand } from "../command.ts";
import { environmentTextOptions } from "../render/print-environment.ts";
import { templateLines } from "../render/template-text.ts";

export const dbTemplateList = defineCommand({
  name: "db template list",
  summary: "The templates that databases are copied from: what is in them, their disk, and who was made from them",
  details: [
    "OWN is what would come back if it went. BRANCHES counts the databases that were made from it. Needed: an environment that is there would be made from it now, or from what is built on it. Old ones go after a week without use: wt db gc.",
  ],
  arguments: [],
  options: {},
  examples: [
    { command: "wt db template list", summary: "of all projects" },
    { command: "wt db template list --json", summary: "with whole keys, for a script" },
  ],
  async handler(_, context) {
    const document = await context.client.call("/v1/templates/list", {});
    if (context.json) await context.terminal.out(`${JSON.stringify(document)}\n`);
    else await context.terminal.out(`${templateLines(document, { ...environmentTextOptions(context), nowMs: Date.now() }).join("\n")}\n`);
    return 0;
  },
});
