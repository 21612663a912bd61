import { collectGarbage } from "../collect-garbage.ts";
import { defineCommand } from "../command.ts";

export const clean = defineCommand({
  name: "clean",
  summary: "Delete environments whose branch is merged, and the branch with them",
  details: [
    "Merged also by a squash or a rebase. A branch on which nothing was committed yet is not merged. What holds an environment back is the same as in wt gc: work, a terminal, an agent, a lock, a pin.",
    "It asks before it deletes; without a terminal it needs --yes.",
  ],
  arguments: [],
  options: {
    "dry-run": { type: "boolean", short: "n", summary: "Only say what would go, and why" },
    adopted: { type: "boolean", summary: "Also worktrees that other programs made" },
    all: { type: "boolean", short: "a", summary: "Every project, not only the one of this directory" },
    verbose: { type: "boolean", short: "v", summary: "Also say what stays, and why" },
    yes: { type: "boolean", short: "y", summary: "Do not ask" },
  },
  examples: [
    { command: "wt clean", summary: "after pull requests were merged" },
    { command: "wt clean --dry-run --verbose", summary: "look first" },
  ],
  async handler({ options }, context) {
    const request = { all: options.all, mergedOnly: true, olderThanMs: null, adopted: options.adopted };
    const { yes, verbose } = options;
    return await collectGarbage(context, { command: "wt clean", request, dryRun: options["dry-run"], yes, verbose });
  },
});
