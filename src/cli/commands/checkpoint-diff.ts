import { defineCommand, environmentOption, targetOf } from "../command.ts";
import { checkpointDiffLines } from "../render/checkpoint-text.ts";

export const checkpointDiff = defineCommand({
  name: "checkpoint diff",
  summary: "What became of an environment's files since a checkpoint",
  details: ["Untracked files count, commits do not: two states of the files are compared. Databases are not looked into."],
  arguments: [{ name: "name", summary: "See: wt checkpoints", required: true, complete: "checkpoint" }],
  options: {
    environment: environmentOption,
    patch: { type: "boolean", short: "p", summary: "The lines that changed, as a unified diff" },
  },
  examples: [
    { command: "wt checkpoint diff before-merge", summary: "which files" },
    { command: "wt checkpoint diff before-merge --patch", summary: "which lines" },
  ],
  async handler({ options, arguments: [id = ""] }, context) {
    const target = targetOf(context, options.environment);
    const difference = await context.client.call("/v1/environments/checkpoints/diff", { target, id });
    if (context.json) await context.terminal.out(`${JSON.stringify(difference)}\n`);
    else if (options.patch) await context.terminal.out(difference.patch);
    else await context.terminal.out(`${checkpointDiffLines(difference, context.terminal.paint).join("\n")}\n`);
    return 0;
  },
});
