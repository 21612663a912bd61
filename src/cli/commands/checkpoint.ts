import { defineCommand, environmentOption, targetOf } from "../command.ts";
import { runOperation } from "../run-operation.ts";

export const checkpoint = defineCommand({
  name: "checkpoint",
  summary: "Keep files, index and databases of an environment under one name",
  details: [
    "Changed, staged and untracked files, as objects of git under refs of their own: neither your index nor your stash hears of it. With --ignored also what git ignores. Resources as with `wt db checkpoint`, at the same instant.",
    "Bring it back with `wt restore`. Checkpoints go with the environment, and come back with it.",
  ],
  arguments: [{ name: "name", summary: "Of a-z, 0-9 and -; default: the time, such as 20260301-120000 (UTC)" }],
  options: {
    environment: environmentOption,
    ignored: { type: "boolean", summary: "Also files that git ignores" },
  },
  examples: [
    { command: "wt checkpoint", summary: "before an agent goes on" },
    { command: "wt checkpoint before-merge --ignored", summary: "with a name, with .env and whatever else is ignored" },
  ],
  async handler({ options, arguments: [id] }, context) {
    const target = targetOf(context, options.environment);
    const request = { target, id: id ?? null, ignored: options.ignored };
    const result = await runOperation(context, { path: "/v1/environments/checkpoint", request }, { target });
    if (context.json) {
      await context.terminal.out(`${JSON.stringify(result)}\n`);
      return 0;
    }
    const { checkpoint: made, environment } = result;
    const held = ["the files", ...made.resources].join(", ");
    await context.terminal.out(`Kept ${held} of ${environment} as ${made.id}.\nBring it back: wt restore ${made.id}\n`);
    return 0;
  },
});
