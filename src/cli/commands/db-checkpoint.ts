import { defineCommand, environmentOption, targetOf } from "../command.ts";
import { runOperation } from "../run-operation.ts";

export const dbCheckpoint = defineCommand({
  name: "db checkpoint",
  summary: "Keep the present content of all resources of an environment under one name",
  details: [
    "Bring it back with `wt db restore`. Resources whose type has no checkpoints, and shared ones, are left out and named.",
    "All are taken at one instant: the environment's services are held still while that lasts, and go on in any case. Clients stay connected.",
  ],
  arguments: [{ name: "id", summary: "Its name, of a-z, 0-9 and -; default: the time, such as 20260301-120000 (UTC)" }],
  options: { environment: environmentOption },
  examples: [
    { command: "wt db checkpoint", summary: "before an experiment" },
    { command: "wt db checkpoint before-import -e main", summary: "with a name, in another environment" },
  ],
  async handler({ options, arguments: [id] }, context) {
    const target = targetOf(context, options.environment);
    const result = await runOperation(context, { path: "/v1/checkpoints/create", request: { target, id: id ?? null } }, { target });
    const { checkpoint, environment } = result;
    if (context.json) await context.terminal.out(`${JSON.stringify(result)}\n`);
    else {
      const kept = `Kept ${checkpoint.resources.join(", ")} of ${environment} as ${checkpoint.id}.`;
      await context.terminal.out(`${kept}\nBring it back: wt db restore ${checkpoint.id}\n`);
    }
    return 0;
  },
});
