import { defineCommand, targetOf } from "../command.ts";
import { diffLines } from "../render/diff-text.ts";
import { environmentTextOptions } from "../render/print-environment.ts";
import { runOperation } from "../run-operation.ts";

/** Of `--exit-code`; no kind of error has it. */
const differentCode = 9;

export const dbDiff = defineCommand({
  name: "db diff",
  summary: "How the database of one environment differs from another's: schema and row counts",
  details: [
    "With one name: from main to that environment. Without: from main to the current one. Added is what the second has more. A database that sleeps is woken for it and goes back to sleep.",
    "Compared are tables with columns and constraints, indexes, views, functions, triggers, types, sequences, policies and extensions, not owners and grants. The order in which things were made does not count, nor does the order of columns.",
    "Large tables are estimated and marked `about`.",
    `The exit code is 0, whatever differs; with --exit-code it is ${differentCode} when something does.`,
  ],
  arguments: [
    { name: "a", summary: "Slug or branch; with one name it is the second, and main the first", complete: "environment" },
    { name: "b", summary: "Slug or branch; default: the environment of the current directory", complete: "environment" },
  ],
  options: {
    resource: { type: "string", placeholder: "name", summary: "Which database; default: the only one", complete: "resource" },
    "schema-only": { type: "boolean", summary: "Do not count rows" },
    "exit-code": { type: "boolean", summary: `Exit with ${differentCode} when something differs` },
  },
  examples: [
    { command: "wt db diff", summary: "what my branch changed against main" },
    { command: "wt db diff spike", summary: "what spike changed" },
    { command: "wt db diff one two --schema-only", summary: "two branches, without their rows" },
    { command: "wt db diff --schema-only --exit-code --json", summary: "for a script" },
  ],
  async handler({ options, arguments: [one, two] }, context) {
    const target = targetOf(context, two ?? one);
    const request = {
      target,
      from: two === undefined ? null : (one ?? null),
      resource: options.resource ?? null,
      rows: !options["schema-only"],
    };
    const diff = await runOperation(context, { path: "/v1/content/diff", request }, { target });
    if (context.json) await context.terminal.out(`${JSON.stringify(diff)}\n`);
    else await context.terminal.out(`${diffLines(diff, environmentTextOptions(context)).join("\n")}\n`);
    return options["exit-code"] && !diff.same ? differentCode : 0;
  },
});
