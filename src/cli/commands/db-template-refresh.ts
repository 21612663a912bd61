import { defineCommand, environmentOption } from "../command.ts";
import { resourceArgument } from "../resource-argument.ts";
import { buildTemplate } from "../template-build.ts";

export const dbTemplateRefresh = defineCommand({
  name: "db template refresh",
  summary: "Build the template of a database anew from the beginning, also when its inputs are unchanged",
  details: [
    "For what is not under inputs: a migration that reads another server, a dump that was replaced behind a link. Databases that are there keep their content (wt db reset takes over the new one); the old template goes, or stays hidden as long as a database lies upon it.",
  ],
  arguments: [resourceArgument],
  options: { environment: environmentOption },
  examples: [{ command: "wt db template refresh", summary: "all migrations run again" }],
  handler: ({ options, arguments: [resource] }, context) =>
    buildTemplate(context, { environment: options.environment, resource, anew: true }),
});
