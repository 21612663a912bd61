import { collectGarbage } from "../collect-garbage.ts";
import { defineCommand } from "../command.ts";
import { parseSpan } from "../parse-span.ts";

export const gc = defineCommand({
  name: "gc",
  summary: "Delete environments that nobody needs, and whatever was left behind",
  details: [
    "An environment goes when its branch is merged or gone, when its worktree was removed by other means, or when nobody used it for a week: no commit, no changed file, no request. One that has uncommitted, untracked or unpushed work, a terminal, an agent or another program in it, a lock or a pin stays, and so does whatever cannot be told.",
    "Also, of all projects: rows of repositories that are gone, processes and directories of environments that are gone, trash, templates (as wt db gc). Environments are deleted as wt delete does it.",
    "Before environments are deleted it asks; without a terminal it needs --yes.",
  ],
  arguments: [],
  options: {
    "dry-run": { type: "boolean", short: "n", summary: "Only say what would go, and why" },
    "older-than": { type: "string", placeholder: "span", summary: "Unused for so long, such as 36h, 7d, 2w; default: 7d" },
    adopted: { type: "boolean", summary: "Also worktrees that other programs made" },
    all: { type: "boolean", short: "a", summary: "Environments of every project, not only the one of this directory" },
    verbose: { type: "boolean", short: "v", summary: "Also say what stays, and why" },
    yes: { type: "boolean", short: "y", summary: "Do not ask" },
  },
  examples: [
    { command: "wt gc --dry-run --verbose", summary: "look first" },
    { command: "wt gc --older-than 2w --yes", summary: "for a script" },
  ],
  async handler({ options }, context) {
    const older = options["older-than"];
    const request = {
      all: options.all,
      mergedOnly: false,
      olderThanMs: older === undefined ? null : parseSpan(older, "--older-than"),
      adopted: options.adopted,
    };
    const { yes, verbose } = options;
    return await collectGarbage(context, { command: "wt gc", request, dryRun: options["dry-run"], yes, verbose });
  },
});
