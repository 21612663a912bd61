import { defineCommand } from "../command.ts";
import { printPools } from "../render/pool-text.ts";
import { runOperation } from "../run-operation.ts";

export const poolClear = defineCommand({
  name: "pool clear",
  summary: "Give all prepared worktrees back; new ones are made from the beginning",
  details: ["The setting stays: `wt pool set 0` turns the pool off. One in which somebody works stays, as an environment."],
  arguments: [{ name: "project", summary: "Its name; default: the project of this directory", required: false, complete: "project" }],
  options: {},
  examples: [{ command: "wt pool clear", summary: "after the machine got another compiler, say" }],
  async handler({ arguments: [project] }, context) {
    const request = { cwd: context.cwd, project: project ?? null };
    await printPools(context, await runOperation(context, { path: "/v1/pool/clear", request }, { target: { cwd: context.cwd } }));
    return 0;
  },
});
