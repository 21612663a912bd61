import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { DumpFormat, DumpResult } from "../../api/content.ts";
import { WtError } from "../../errors/wt-error.ts";
import { type Context, defineCommand, environmentOption, targetOf } from "../command.ts";
import { bytes } from "../render/age.ts";
import { runOperation } from "../run-operation.ts";

const formats: readonly DumpFormat[] = ["plain", "custom", "directory", "tar", "file", "rdb"];

export const dbDump = defineCommand({
  name: "db dump",
  summary: "Write the content of a database or another resource to a file",
  details: [
    "postgres: by your own pg_dump (of the server's version or newer), plain, custom, directory or tar, without owners and grants. sqlite: plain (SQL) or file (a database, copied while it is in use). redis: rdb. directory: tar.",
    "Without --format the file's ending decides: .sql .dump .pgdump .tar .db .sqlite .rdb; else plain where there is SQL. Without a file it is named after environment, resource and time.",
    "The file is for you alone (mode 0600) and appears when it is whole. `-` writes to standard output, also only when it is whole. Bring it back: wt db restore <file>",
  ],
  arguments: [{ name: "file", summary: "Where to; - is standard output" }],
  options: {
    environment: environmentOption,
    resource: {
      type: "string",
      placeholder: "name",
      summary: "Which one; default: the only one, or the only database",
      complete: "resource",
    },
    format: { type: "string", short: "F", placeholder: "format", summary: formats.join(", ") },
    "schema-only": { type: "boolean", summary: "No rows" },
    "data-only": { type: "boolean", summary: "No schema" },
    force: { type: "boolean", summary: "Replace a file that is there" },
  },
  examples: [
    { command: "wt db dump", summary: "to a new file here" },
    { command: "wt db dump before.dump -e spike", summary: "in the custom format, of another environment" },
    { command: "wt db dump - --schema-only | less", summary: "only look" },
  ],
  async handler({ options, arguments: [file] }, context) {
    if (options["schema-only"] && options["data-only"]) throw nothingLeft();
    const target = targetOf(context, options.environment);
    const format = formatOption(options.format);
    const toOutput = file === "-";
    if (toOutput && format === "directory") throw directoryToOutput();
    const path = file === undefined || toOutput ? null : resolve(context.cwd, file);
    const request = {
      target,
      resource: options.resource ?? null,
      format,
      schema: !options["data-only"],
      data: !options["schema-only"],
      replace: options.force,
    };
    const dump = (to: string) => runOperation(context, { path: "/v1/content/dump", request: { ...request, path: to } }, { target });
    if (toOutput) return await throughPrivateFile(dump);
    const result = await dump(path ?? (await newPath(context, { target, resource: request.resource, format })));
    if (context.json) await context.terminal.out(`${JSON.stringify(result)}\n`);
    else await context.terminal.out(`${doneLine(result)}\n`);
    return 0;
  },
});

function doneLine({ environment, resource, path, format, bytes: size }: DumpResult): string {
  return `Dumped ${resource} of ${environment} to ${path} (${format}, ${bytes(size)}).`;
}

/** Whole, or nothing: a reader of a pipe cannot know that the half of a dump is one. */
async function throughPrivateFile(dump: (to: string) => Promise<DumpResult>): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "wt-dump-"));
  let file: number;
  try {
    const { path } = await dump(join(directory, "dump"));
    file = openSync(path, "r");
  } finally {
    // It lives on as long as it is open, and no longer, whatever ends this process.
    rmSync(directory, { recursive: true, force: true });
  }
  try {
    await Bun.write(Bun.stdout, Bun.file(file));
  } finally {
    closeSync(file);
  }
  return 0;
}

/** `spike-db-20260301-120000.sql` in the current directory. */
async function newPath(
  context: Context,
  of: { target: { cwd: string; name?: string }; resource: string | null; format: DumpFormat | null },
): Promise<string> {
  const { environment, resource, type } = await context.client.call("/v1/resources/connection", {
    target: of.target,
    resource: of.resource,
  });
  const format = of.format ?? (type === "redis" ? "rdb" : type === "directory" ? "tar" : "plain");
  const time = new Date().toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  const ending = { plain: ".sql", custom: ".dump", directory: "", tar: ".tar", file: ".db", rdb: ".rdb" }[format];
  return resolve(context.cwd, `${environment}-${resource}-${time}${ending}`);
}

function formatOption(written: string | undefined): DumpFormat | null {
  if (written === undefined) return null;
  const found = formats.find((one) => one === written || one[0] === written);
  if (found) return found;
  throw new WtError({
    kind: "usage",
    code: "dump_format",
    message: `There is no format ${written}.`,
    hints: [`There is ${formats.join(", ")}.`],
  });
}

function nothingLeft(): WtError {
  return new WtError({ kind: "usage", code: "dump_empty", message: "--schema-only and --data-only together leave nothing to dump." });
}

function directoryToOutput(): WtError {
  return new WtError({
    kind: "usage",
    code: "dump_format",
    message: "A dump in the format directory cannot go to standard output.",
    hints: ["Choose custom or tar, or name a directory."],
  });
}
