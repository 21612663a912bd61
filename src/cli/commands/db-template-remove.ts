import { defineCommand } from "../command.ts";
import { bytes } from "../render/age.ts";
import { shortKey } from "../render/template-text.ts";
import { runOperation } from "../run-operation.ts";

export const dbTemplateRemove = defineCommand({
  name: "db template remove",
  summary: "Remove a template; it is built again when it is needed",
  details: ["Databases that were copied from it stay. One that a database lies upon (overlayfs) is refused."],
  arguments: [{ name: "key", summary: "Its key or the beginning of it; see wt db template list", required: true, complete: "template" }],
  options: {},
  examples: [{ command: "wt db template remove 3fa91c0e", summary: "give its disk back" }],
  async handler({ arguments: [key = ""] }, context) {
    const result = await runOperation(context, { path: "/v1/templates/remove", request: { key } }, { target: { cwd: context.cwd } });
    const freed = result.freedBytes === null ? "" : `, which gave back ${bytes(result.freedBytes)}`;
    if (context.json) await context.terminal.out(`${JSON.stringify(result)}\n`);
    else await context.terminal.out(`Removed the template ${shortKey(result.key)}${freed}.\n`);
    return 0;
  },
});
