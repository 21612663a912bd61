// Looking into, dumping and loading databases on servers that are not ours, with the login that the environment itself has.
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { asLoading } from "../as-loading.ts";
import { databaseAbsent } from "../database-absent.ts";
import type { ResourceCall, ResourceConnection, ResourceSpec } from "../resource-driver.ts";
import type { BranchServer } from "./branch-server.ts";
import { findClient } from "./dump-clients.ts";
import { dumpDatabase } from "./dump-database.ts";
import { inspectDatabase } from "./inspect-database.ts";
import { type DumpKind, readDumpKind } from "./load-dump.ts";
import type { ServerOptions } from "./postgres-options.ts";
import { createDatabase, dropDatabase, exchangeDatabase, markWhole } from "./server-database.ts";
import { withServer } from "./server-link.ts";
import { stateOf } from "./server-notes.ts";

export interface ServerTools {
  /** null: there is no database. */
  connection: (spec: ResourceSpec) => Promise<ResourceConnection | null>;
  /** PATH. */
  path: string;
}

export function readingVerbs({ connection, path }: ServerTools): Required<Pick<BranchServer, "inspect" | "dump">> {
  return {
    async inspect(spec, how) {
      const { url = "" } = (await present(spec, connection)).values;
      return withServer({ url, key: `resources.${spec.name}` }, (link) => inspectDatabase(link.run, how));
    },
    async dump(spec, wish, call) {
      const { values } = await present(spec, connection);
      const source = { connection: loginVariables(values), major: await majorOf(spec, values.url ?? ""), searchPath: path, programs: null };
      return dumpDatabase(wish, { ...source, abort: call.abort });
    },
  };
}

/** The dump goes into a database beside the environment's own, which takes that one's place when all of it is there. */
export async function loadOnServer(
  spec: ResourceSpec,
  given: ServerTools & { from: string; options: ServerOptions; call: ResourceCall },
): Promise<void> {
  const { from, options, call, path } = given;
  const { values } = await present(spec, given.connection);
  const kind = await readDumpKind(from, `resources.${spec.name}.from`).catch(asLoading(from));
  const major = await majorOf(spec, values.url ?? "");
  const client = await findClient(kind === "sql" ? "psql" : "pg_restore", { searchPath: path, programs: null, major });
  const holding = { label: spec.label, nonce: spec.nonce, key: `resources.${spec.name}.server` };
  await withServer({ url: options.url, key: holding.key }, async (link) => {
    if ((await stateOf(spec, link, holding)) !== "whole") throw databaseAbsent(spec.name);
    const next = `${spec.label}_n`;
    await dropDatabase(link, holding, next);
    try {
      await createDatabase(link, holding, { name: next, from: null });
      call.report(`reading ${from}`);
      await fill({ client, kind, from, path, variables: { ...loginVariables(values), PGDATABASE: next }, abort: call.abort });
      call.abort.throwIfAborted();
      await markWhole(link, holding, next);
      await exchangeDatabase(link, holding, next);
    } catch (error) {
      await dropDatabase(link, holding, next);
      throw error;
    }
  });
}

interface Fill {
  client: string;
  kind: DumpKind;
  from: string;
  path: string;
  variables: Record<string, string>;
  abort: AbortSignal;
}

async function fill({ client, kind, from, path, variables, abort }: Fill): Promise<void> {
  const words =
    kind === "sql"
      ? ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--single-transaction", "--output", "/dev/null", "--file", from]
      : ["--no-owner", "--no-privileges", "--no-tablespaces", "--exit-on-error", "--dbname", variables.PGDATABASE ?? "", from];
  const result = await exec([client, ...words], { cwd: "/", env: { ...variables, LC_ALL: "C", PATH: path }, abort });
  if (result.code === 0) return;
  const lines = result.stderr.trim().split("\n");
  const line = lines.find((each) => /error:/i.test(each)) ?? lines.at(-1) ?? "";
  throw new WtError({
    kind: "machine",
    code: "restore_failed",
    message: `${from} could not be read: ${line.replace(/^.*?(error|ERROR): +/, "").replace(/\.$/, "")}.`,
    hints: ["The database is as it was. A role that is no superuser may not make every extension."],
    details: { lines: lines.slice(-12) },
  });
}

function loginVariables(values: Record<string, string>): Record<string, string> {
  const host = (values.host ?? "").replace(/^\[|\]$/g, "");
  return {
    PGHOST: host,
    PGPORT: values.port ?? "",
    PGUSER: values.user ?? "",
    PGPASSWORD: values.password ?? "",
    PGDATABASE: values.database ?? "",
    PGCONNECT_TIMEOUT: "10",
  };
}

async function majorOf(spec: ResourceSpec, url: string): Promise<number> {
  return withServer({ url, key: `resources.${spec.name}` }, async (link) => {
    const [row] = await link.run("SELECT current_setting('server_version_num')::int / 10000 AS major");
    return Number(row?.major ?? 0);
  });
}

async function present(spec: ResourceSpec, connection: ServerTools["connection"]): Promise<ResourceConnection> {
  const found = await connection(spec);
  if (found) return found;
  throw databaseAbsent(spec.name);
}
