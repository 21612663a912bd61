import { WtError } from "../../errors/wt-error.ts";
import { callerEnvironment, defineCommand } from "../command.ts";
import { deletedLines } from "../render/deleted-text.ts";
import { environmentTextOptions, printEnvironment } from "../render/print-environment.ts";
import { runOperation } from "../run-operation.ts";

export const undelete = defineCommand({
  name: "undelete",
  summary: "Bring a deleted environment back, whole; without a name, list what can be brought back",
  details: [
    "For 7 days (or `undelete_days` in wt.yaml) a deleted environment is kept: branch, commits, index, changed, untracked and ignored files, its names, and databases: those with a server or a file of their own, and those on a PostgreSQL server. It comes back as it was; what ran is started.",
    "Ignored directories of 32 MB and more, such as node_modules, are made again by clone: and setup:. When all that is kept takes more than 10 GB, the oldest goes.",
  ],
  arguments: [{ name: "name", summary: "Its slug, branch or id; of several the one that was deleted last", complete: "deleted" }],
  options: {
    purge: { type: "boolean", summary: "Throw away what is kept of it" },
    abandon: {
      type: "boolean",
      summary: "With --purge: leave where it is what cannot be removed, such as a database whose server is gone",
    },
    all: { type: "boolean", short: "a", summary: "List those of every project" },
    "no-up": { type: "boolean", summary: "Neither set up nor start anything" },
  },
  examples: [
    { command: "wt undelete", summary: "what there is, and until when" },
    { command: "wt undelete earl-fib-123-feature", summary: "bring it back" },
    { command: "wt undelete spike --purge", summary: "give its disk back now" },
  ],
  async handler({ options, arguments: [name] }, context) {
    const { cwd, terminal, json } = context;
    if (options.abandon && !options.purge) throw abandonAlone();
    if (name === undefined) {
      if (options.purge) throw nameMissing();
      const list = await context.client.call("/v1/deleted/list", { cwd, all: options.all });
      if (json) await terminal.out(`${JSON.stringify(list)}\n`);
      else
        await terminal.out(
          `${deletedLines(list.deleted, { ...environmentTextOptions(context), all: options.all, nowMs: Date.now() }).join("\n")}\n`,
        );
      return 0;
    }
    if (options.purge) {
      const gone = await runOperation(
        context,
        { path: "/v1/deleted/purge", request: { cwd, name, abandon: options.abandon } },
        { target: { cwd } },
      );
      if (json) await terminal.out(`${JSON.stringify(gone)}\n`);
      else await terminal.out(`Threw away what was kept of ${gone.deleted[0]?.slug ?? name}.\n`);
      return 0;
    }
    const request = { cwd, name, up: !options["no-up"], env: callerEnvironment(context.env) };
    const result = await runOperation(context, { path: "/v1/environments/undelete", request }, { target: { cwd, name } });
    if (json) {
      await terminal.out(`${JSON.stringify(result)}\n`);
      return 0;
    }
    if (result.removedResources.length > 0) await terminal.err(`Not kept, and made anew: ${result.removedResources.join(", ")}.\n`);
    await printEnvironment(context, result.environment);
    return 0;
  },
});

function abandonAlone(): WtError {
  return new WtError({
    kind: "usage",
    code: "option_alone",
    message: "--abandon needs --purge: nothing else removes what is kept.",
    hints: ["See what is kept: wt undelete"],
  });
}

function nameMissing(): WtError {
  return new WtError({
    kind: "usage",
    code: "argument_missing",
    message: "Missing argument: wt undelete --purge <name>.",
    hints: ["See what is kept: wt undelete"],
  });
}
