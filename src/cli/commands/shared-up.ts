import { defineCommand, environmentOption } from "../command.ts";
import { changeShared } from "../shared-services.ts";

export const sharedUp = defineCommand({
  name: "shared up",
  summary: "Bring the shared services up, as the main worktree's compose file says now",
  details: [
    "Environments bring them up by themselves. By hand it is for what was changed: a service whose description is another one is made anew.",
  ],
  arguments: [],
  options: { environment: environmentOption },
  examples: [{ command: "wt shared up", summary: "after a new version of the database's image" }],
  handler: ({ options }, context) => changeShared(context, { wanted: "up", environment: options.environment }),
});
