import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { ResourceDocument } from "../../api/resources.ts";
import { WtError } from "../../errors/wt-error.ts";
import { type Context, callerEnvironment, defineCommand, environmentOption, targetOf } from "../command.ts";
import { agreed, restartOption, runningLines, yesOption } from "../resource-argument.ts";
import { runOperation } from "../run-operation.ts";

export const dbRestore = defineCommand({
  name: "db restore",
  summary: "Bring the content of a checkpoint or of a dump back; what is there now is thrown away",
  details: [
    "A checkpoint brings back all resources that it holds; it stays, and can be restored again.",
    "A path replaces the content of one resource with that of a dump: of pg_dump (plain, custom, directory, tar), SQL or a database file for sqlite, an RDB file for redis, a tar file for a directory. A name that is a checkpoint's means that; write ./name for the file. The URL stays. When it fails, the old content is back.",
    "Services run on meanwhile and may fail or hold old data; with --restart they are stopped before and started again after.",
  ],
  arguments: [{ name: "checkpoint|file", summary: "See: wt db checkpoints; or a path", required: true, complete: "checkpoint" }],
  options: {
    environment: environmentOption,
    resource: {
      type: "string",
      placeholder: "name",
      summary: "With a file: which one; default: the only one, or the only database",
      complete: "resource",
    },
    restart: restartOption,
    yes: yesOption,
  },
  examples: [
    { command: "wt db restore before-import", summary: "asks first" },
    { command: "wt db restore 20260301-120000 --restart --yes", summary: "for a script" },
    { command: "wt db restore ./prod.dump -e spike", summary: "what a dump holds" },
  ],
  async handler({ options, arguments: [word = ""] }, context) {
    const target = targetOf(context, options.environment);
    const consent = { yes: options.yes, restart: options.restart };
    const { environment, checkpoints } = await context.client.call("/v1/checkpoints/list", { target });
    const names = checkpoints.find((one) => one.id === word)?.resources;
    const path = resolve(context.cwd, word);
    if (!names && (word.includes("/") || options.resource !== undefined || existsSync(path))) {
      return await restoreFile(context, { word, path, target, resource: options.resource ?? null, ...consent });
    }
    if (options.resource !== undefined) throw wholeCheckpoint(word);
    // An unknown id is the daemon's to refuse, before anything is asked.
    const question = `Throw away the present content of ${names?.join(", ")} of ${environment} for that of ${word}?`;
    if (names && !(await agreed(context, { yes: options.yes, question, command: `wt db restore ${word}` }))) return 130;
    const request = { target, id: word, restart: options.restart, env: callerEnvironment(context.env) };
    const result = await runOperation(context, { path: "/v1/checkpoints/restore", request }, { target });
    await print(context, result, `Brought ${result.resources.join(", ")} of ${environment} back to ${word}.`);
    return 0;
  },
});

interface FileRestore {
  word: string;
  path: string;
  target: { cwd: string; name?: string };
  resource: string | null;
  yes: boolean;
  restart: boolean;
}

async function restoreFile(context: Context, { word, path, target, resource, yes, restart }: FileRestore): Promise<number> {
  if (!existsSync(path)) throw absent(path);
  // Also the answer to which one is meant, before anything is asked.
  const chosen = await context.client.call("/v1/resources/connection", { target, resource });
  const question = `Throw away the present content of ${chosen.resource} (${chosen.type}) of ${chosen.environment} for that of ${word}?`;
  if (!(await agreed(context, { yes, question, command: `wt db restore ${word}` }))) return 130;
  const request = { target, resource: chosen.resource, path, restart, env: callerEnvironment(context.env) };
  const result = await runOperation(context, { path: "/v1/content/load", request }, { target });
  await print(context, result, `Replaced the content of ${chosen.resource} of ${chosen.environment} with ${word}.`);
  return 0;
}

async function print(context: Context, result: ResourceDocument, done: string): Promise<void> {
  if (context.json) await context.terminal.out(`${JSON.stringify(result)}\n`);
  else await context.terminal.out(`${[done, ...runningLines(result)].join("\n")}\n`);
}

function absent(path: string): WtError {
  return new WtError({
    kind: "not_found",
    code: "dump_absent",
    message: `There is no file ${path}.`,
    hints: ["Checkpoints: wt db checkpoints", "Make a dump: wt db dump"],
    details: { path },
  });
}

function wholeCheckpoint(id: string): WtError {
  return new WtError({
    kind: "usage",
    code: "checkpoint_whole",
    message: `${id} is a checkpoint, which is brought back as a whole; --resource is for files.`,
    hints: [`Leave --resource out, or write ./${id} for a file of that name.`],
  });
}
