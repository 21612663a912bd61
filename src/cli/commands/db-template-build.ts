import { defineCommand, environmentOption } from "../command.ts";
import { resourceArgument } from "../resource-argument.ts";
import { buildTemplate } from "../template-build.ts";

export const dbTemplateBuild = defineCommand({
  name: "db template build",
  summary: "Build the template of a database now, so that the next wt create only copies it",
  details: [
    "By what wt.yaml and the files of this worktree say: from, migrate, seed, mask. What is there already is left as it is; where migrations were only added, just those run.",
  ],
  arguments: [resourceArgument],
  options: { environment: environmentOption },
  examples: [
    { command: "wt db template build", summary: "after a pull that brought migrations" },
    { command: "wt db template build db -e main", summary: "by the files of another environment" },
  ],
  handler: ({ options, arguments: [resource] }, context) =>
    buildTemplate(context, { environment: options.environment, resource, anew: false }),
});
