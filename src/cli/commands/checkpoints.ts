import { defineCommand, environmentOption, targetOf } from "../command.ts";
import { wholeCheckpointLines } from "../render/checkpoint-text.ts";
import { environmentTextOptions } from "../render/print-environment.ts";
import { runOperation } from "../run-operation.ts";

export const checkpoints = defineCommand({
  name: "checkpoints",
  summary: "The checkpoints of an environment",
  details: ["Those that `wt restore` made before it worked are among them; of these the last five stay. --delete removes one."],
  arguments: [],
  options: {
    environment: environmentOption,
    delete: { type: "string", placeholder: "name", summary: "Remove this one", complete: "checkpoint" },
  },
  examples: [
    { command: "wt checkpoints", summary: "what there is" },
    { command: "wt checkpoints --delete before-merge", summary: "one that is not needed any more" },
  ],
  async handler({ options }, context) {
    const target = targetOf(context, options.environment);
    const id = options.delete;
    const list =
      id === undefined
        ? await context.client.call("/v1/environments/checkpoints", { target })
        : await runOperation(context, { path: "/v1/environments/checkpoints/delete", request: { target, id } }, { target });
    if (context.json) await context.terminal.out(`${JSON.stringify(list)}\n`);
    else if (id !== undefined) await context.terminal.out(`Removed the checkpoint ${id} of ${list.environment}.\n`);
    else await context.terminal.out(`${wholeCheckpointLines(list, environmentTextOptions(context)).join("\n")}\n`);
    return 0;
  },
});
