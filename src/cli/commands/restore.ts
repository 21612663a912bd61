import { callerEnvironment, defineCommand, environmentOption, targetOf } from "../command.ts";
import { counted } from "../render/age.ts";
import { restartOption, runningLines } from "../resource-argument.ts";
import { runOperation } from "../run-operation.ts";

export const restore = defineCommand({
  name: "restore",
  summary: "Bring files, index and databases of an environment back to a checkpoint",
  details: [
    "What is there now is kept first, as a checkpoint of its own that is named at the end: nothing is lost, and nothing is asked.",
    "Commits and branches stay where they are: after commits that came since, the restored files show as changes.",
    "Services run on meanwhile; with --restart they are stopped before databases change, and started again after.",
  ],
  arguments: [{ name: "name", summary: "See: wt checkpoints", required: true, complete: "checkpoint" }],
  options: { environment: environmentOption, restart: restartOption },
  examples: [
    { command: "wt restore before-merge", summary: "in the current environment" },
    { command: "wt restore 20260301-120000 -e spike --restart", summary: "elsewhere, with its services stopped meanwhile" },
  ],
  async handler({ options, arguments: [id = ""] }, context) {
    const target = targetOf(context, options.environment);
    const request = { target, id, restart: options.restart, env: callerEnvironment(context.env) };
    const result = await runOperation(context, { path: "/v1/environments/restore", request }, { target });
    if (context.json) {
      await context.terminal.out(`${JSON.stringify(result)}\n`);
      return 0;
    }
    const { environment, before, commitsSince, resources } = result;
    const lines = [
      `Brought ${["the files", ...resources].join(", ")} of ${environment} back to ${id}.`,
      `What was there before: wt restore ${before}`,
      ...(commitsSince > 0
        ? [`${counted(commitsSince, "commit")} made since ${commitsSince === 1 ? "stays" : "stay"} on the branch.`]
        : []),
      ...(resources.length > 0 ? runningLines(result) : []),
    ];
    await context.terminal.out(`${lines.join("\n")}\n`);
    return 0;
  },
});
