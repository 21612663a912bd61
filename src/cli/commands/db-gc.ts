import { defineCommand } from "../command.ts";
import { garbageLines } from "../render/template-text.ts";
import { runOperation } from "../run-operation.ts";

export const dbGc = defineCommand({
  name: "db gc",
  summary: "Remove templates that nothing needs, damaged ones, and what crashes have left",
  details: [
    "A template goes when no environment that is there would be made from it and nobody used it for a week, and never while a database lies upon it. Each one is read and compared with what was sealed. What belongs to whom is told by the ledger and each worktree's wt.yaml; where that cannot be told, it stays.",
    "Also: directories of environments that are gone, and their databases on servers that wt.yaml names. What carries our mark but is not proven to be ours is reported and left alone. Works on all projects. The first of these also happens by itself after a template was built.",
  ],
  arguments: [],
  options: {
    "dry-run": { type: "boolean", short: "n", summary: "Only say what would go, and why" },
    days: { type: "number", placeholder: "n", summary: "Unused for so many days; default: 7" },
  },
  examples: [
    { command: "wt db gc --dry-run", summary: "look first" },
    { command: "wt db gc --days 0", summary: "everything that is not needed now" },
  ],
  async handler({ options }, context) {
    const request = { dryRun: options["dry-run"], days: options.days ?? null };
    const report = await runOperation(context, { path: "/v1/garbage", request }, { target: { cwd: context.cwd } });
    if (context.json) await context.terminal.out(`${JSON.stringify(report)}\n`);
    else await context.terminal.out(`${garbageLines(report, context.terminal.paint).join("\n")}\n`);
    return report.items.some(({ outcome }) => outcome === "failed") ? 7 : 0;
  },
});
