import { callerEnvironment, defineCommand } from "../command.ts";
import { printPools } from "../render/pool-text.ts";
import { runOperation } from "../run-operation.ts";

export const poolRefill = defineCommand({
  name: "pool refill",
  summary: "Wait until the pool is full and of the present base",
  details: [
    "Tries at once what failed before, with the variables of this shell. Interrupting it ends the waiting, not the preparing. What is in the way is an error.",
  ],
  arguments: [{ name: "project", summary: "Its name; default: the project of this directory", required: false, complete: "project" }],
  options: {},
  examples: [{ command: "wt pool refill", summary: "before a demonstration" }],
  async handler({ arguments: [project] }, context) {
    const request = { cwd: context.cwd, project: project ?? null, env: callerEnvironment(context.env) };
    await printPools(context, await runOperation(context, { path: "/v1/pool/refill", request }, { target: { cwd: context.cwd } }));
    return 0;
  },
});
