import { defineCommand, environmentOption } from "../command.ts";
import { changeShared } from "../shared-services.ts";

export const sharedDown = defineCommand({
  name: "shared down",
  summary: "Stop the shared services of this project",
  details: ["What their volumes hold stays. The next `wt up` that needs them starts them again."],
  arguments: [],
  options: { environment: environmentOption },
  examples: [{ command: "wt shared down", summary: "nobody works on it today" }],
  handler: ({ options }, context) => changeShared(context, { wanted: "down", environment: options.environment }),
});
