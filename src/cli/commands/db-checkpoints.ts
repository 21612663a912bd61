import { defineCommand, environmentOption, targetOf } from "../command.ts";
import { environmentTextOptions } from "../render/print-environment.ts";
import { checkpointLines } from "../render/resource-text.ts";
import { runOperation } from "../run-operation.ts";

export const dbCheckpoints = defineCommand({
  name: "db checkpoints",
  summary: "The checkpoints of an environment",
  details: ["They go with the environment; --delete removes one before."],
  arguments: [],
  options: {
    environment: environmentOption,
    delete: { type: "string", placeholder: "id", summary: "Remove this one and give its disk back", complete: "checkpoint" },
  },
  examples: [
    { command: "wt db checkpoints", summary: "what there is" },
    { command: "wt db checkpoints --delete before-import", summary: "one that is not needed any more" },
  ],
  async handler({ options }, context) {
    const target = targetOf(context, options.environment);
    const id = options.delete;
    const document =
      id === undefined
        ? await context.client.call("/v1/checkpoints/list", { target })
        : await runOperation(context, { path: "/v1/checkpoints/delete", request: { target, id } }, { target });
    if (context.json) await context.terminal.out(`${JSON.stringify(document)}\n`);
    else if (id !== undefined) await context.terminal.out(`Removed the checkpoint ${id} of ${document.environment}.\n`);
    else await context.terminal.out(`${checkpointLines(document, { ...environmentTextOptions(context), nowMs: Date.now() }).join("\n")}\n`);
    return 0;
  },
});
