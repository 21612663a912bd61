import { defineCommand, environmentOption } from "../command.ts";
import { changeShared } from "../shared-services.ts";

export const sharedDown = defineCommand({
  name: "shared down",
  summary: "Stop the shared services of this project",
  details: [
    "What their volumes hold stays. The next `wt up` that needs them starts them again.",
    "--volumes removes all of it, for good. It is refused while environments use it, or while databases of deleted ones that `wt undelete` can bring back are in it.",
  ],
  arguments: [],
  options: {
    environment: environmentOption,
    volumes: { type: "boolean", summary: "Remove their containers, networks and images too, and what their volumes hold" },
  },
  examples: [
    { command: "wt shared down", summary: "nobody works on it today" },
    { command: "wt shared down --volumes", summary: "the project is done with" },
  ],
  handler: ({ options }, context) =>
    changeShared(context, { wanted: options.volumes ? "absent" : "down", environment: options.environment }),
});
