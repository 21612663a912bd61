import { callerEnvironment, defineCommand, environmentOption, targetOf } from "../command.ts";
import { agreed, restartOption, runningLines, yesOption } from "../resource-argument.ts";
import { runOperation } from "../run-operation.ts";

export const dbRestore = defineCommand({
  name: "db restore",
  summary: "Bring the content of a checkpoint back; what is there now is thrown away",
  details: [
    "All resources that the checkpoint holds are brought back. The checkpoint stays, and can be restored again.",
    "Services run on meanwhile and may fail or hold old data; with --restart they are stopped before and started again after.",
  ],
  arguments: [{ name: "id", summary: "See: wt db checkpoints", required: true, complete: "checkpoint" }],
  options: { environment: environmentOption, restart: restartOption, yes: yesOption },
  examples: [
    { command: "wt db restore before-import", summary: "asks first" },
    { command: "wt db restore 20260301-120000 --restart --yes", summary: "for a script" },
  ],
  async handler({ options, arguments: [id = ""] }, context) {
    const target = targetOf(context, options.environment);
    const { environment, checkpoints } = await context.client.call("/v1/checkpoints/list", { target });
    const names = checkpoints.find((one) => one.id === id)?.resources;
    // An unknown id is the daemon's to refuse, before anything is asked.
    const question = `Throw away the present content of ${names?.join(", ")} of ${environment} for that of ${id}?`;
    if (names && !(await agreed(context, { yes: options.yes, question, command: `wt db restore ${id}` }))) return 130;
    const request = { target, id, restart: options.restart, env: callerEnvironment(context.env) };
    const result = await runOperation(context, { path: "/v1/checkpoints/restore", request }, { target });
    if (context.json) await context.terminal.out(`${JSON.stringify(result)}\n`);
    else {
      const done = `Brought ${result.resources.join(", ")} of ${environment} back to ${id}.`;
      await context.terminal.out(`${[done, ...runningLines(result)].join("\n")}\n`);
    }
    return 0;
  },
});
