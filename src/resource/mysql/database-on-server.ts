// `server:`: a database and an account of its own on a server that is there already. Our notes hold the password; the server holds the rest.
import { WtError } from "../../errors/wt-error.ts";
import { removeTree } from "../../os/files.ts";
import { checkpointPlace } from "../../os/owned-entry.ts";
import { asLoading } from "../as-loading.ts";
import type { ResourceCall, ResourceConnection, ResourceSpec } from "../resource-driver.ts";
import { requireSqlFile } from "./branch-inputs.ts";
import type { BranchServer } from "./branch-server.ts";
import { loginWay } from "./client-programs.ts";
import { loadSqlFile } from "./load-dump.ts";
import { connectionOf, loginDetail, loginOfUrl, randomPassword } from "./mysql-connection.ts";
import { mysqlErrno, quoteText } from "./mysql-session.ts";
import {
  copyContent,
  copyInto,
  type Desk,
  type Notes,
  never,
  onServer,
  optionsOf,
  own,
  readNotes,
  replaceContent,
  writeNotes,
} from "./server-content.ts";
import {
  accountOf,
  createDatabase,
  databaseExists,
  dropDatabase,
  dropHolding,
  ensureAccount,
  foreignDatabase,
  grantDatabase,
  isWhole,
  markDatabase,
  readHolding,
  revokeDatabase,
  serverRefusal,
} from "./server-holding.ts";
import { lostDatabase, retireDatabase } from "./server-retire.ts";

const noEntry: ReadonlySet<string> = new Set(["database_unreachable", "mysql_server_refused"]);

export function createDatabaseOnServer({ path }: { path: string }): BranchServer {
  const at = <T>(spec: ResourceSpec, work: (desk: Desk) => Promise<T>) => onServer(spec, path, work);
  return {
    observe: (spec) => observe(spec, path),
    ensure: (spec, call) => at(spec, (desk) => ensure(desk, call)),
    reset: (spec, call) => at(spec, (desk) => reset(desk, call)),
    retire: (spec) => at(spec, retireDatabase),
    async remove(spec) {
      await at(spec, remove).catch(async (error: unknown) => {
        // Our notes are there before anything is on the server: without them there is nothing of ours on one that does not let us in.
        if (!(error instanceof WtError && noEntry.has(error.code)) || (await readNotes(spec))) throw error;
      });
      await removeTree(spec.directory);
    },
    async connection(spec) {
      const notes = await readNotes(spec);
      return notes?.complete ? connect(spec, spec.label, notes.password) : null;
    },
    checkpoint: (spec, id) => at(spec, (desk) => checkpoint(desk, id)),
    restore: (spec, id) => at(spec, (desk) => restore(desk, id)),
    removeCheckpoint: (spec, id) => at(spec, ({ session, holding }) => dropDatabase(session, holding, checkpointName(spec, id))),
    sleep: async () => false,
    wake: async () => undefined,
    usage: (spec) =>
      at(spec, async ({ session }) => {
        const sum = "COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0)";
        const [row] = await session.query(
          `SELECT ${sum} AS bytes FROM information_schema.tables WHERE TABLE_SCHEMA = ${quoteText(spec.label)}`,
        );
        return { exclusiveBytes: Number(row?.bytes ?? 0), sharedBytes: 0, how: "data and indexes, as the server tells" };
      }),
    adopt: async () => undefined,
    close: async () => undefined,
  };
}

async function observe(spec: ResourceSpec, path: string): ReturnType<BranchServer["observe"]> {
  try {
    const state = await onServer(spec, path, ({ session, holding }) => readHolding(session, holding));
    if (state === "absent") return { state };
    if (state === "foreign") return { state, reason: `There is a database or user ${spec.label} that is not ours.` };
    const detail = loginDetail({ ...loginOfUrl(optionsOf(spec).url), database: spec.label });
    const notes = await readNotes(spec);
    if (state !== "whole" || !notes?.complete) return { state: "broken", reason: "it was left half-made; `wt up` makes it anew." };
    return notes.retired ? { state: "broken", reason: "it was put aside; `wt up` brings it back." } : { state: "ready", detail };
  } catch (error) {
    if (!(error instanceof WtError)) throw error;
    return { state: "broken", reason: error.message };
  }
}

async function ensure(desk: Desk, call: ResourceCall): Promise<ResourceConnection> {
  const { spec, session, holding } = desk;
  call.abort.throwIfAborted();
  const state = await readHolding(session, holding);
  if (state === "foreign") throw foreignDatabase(holding, spec.label);
  const notes: Notes = (await readNotes(spec)) ?? { nonce: spec.nonce, password: randomPassword(), complete: false };
  if (state !== "whole" && notes.retired) throw await lostDatabase(desk, notes);
  await writeNotes(spec, notes);
  try {
    if (state === "whole") {
      await ensureAccount(session, holding, notes.password);
      await grantDatabase(session, holding, spec.label);
    } else {
      await dropHolding(session, holding);
      await makeContent(desk, { name: spec.label, password: notes.password, call });
    }
  } catch (error) {
    if (state !== "whole") {
      await dropHolding(session, holding);
      await removeTree(spec.directory);
    }
    throw call.abort.aborted || mysqlErrno(error) === 0 ? error : serverRefusal(holding.key, `make the database ${spec.label}`, error);
  }
  await writeNotes(spec, { ...notes, complete: true, retired: false });
  return connect(spec, spec.label, notes.password);
}

async function reset(desk: Desk, call: ResourceCall): Promise<ResourceConnection> {
  const { spec, session, holding } = desk;
  const { password } = await own(desk);
  const next = `${spec.label}_n`;
  await dropDatabase(session, holding, next);
  try {
    await makeContent(desk, { name: next, password, call });
    await replaceContent(desk, next);
  } catch (error) {
    throw call.abort.aborted || mysqlErrno(error) === 0 ? error : serverRefusal(holding.key, `make the database ${spec.label} anew`, error);
  } finally {
    await revokeDatabase(session, holding, next);
    await dropDatabase(session, holding, next);
  }
  return connect(spec, spec.label, password);
}

async function remove({ spec, session, holding }: Desk): Promise<void> {
  if ((await readHolding(session, holding)) === "foreign") throw foreignDatabase(holding, spec.label);
  await dropHolding(session, holding);
  if ((await readHolding(session, holding)) !== "absent") throw new Error(`the database ${spec.label} is still there`);
}

async function checkpoint(desk: Desk, id: string): Promise<void> {
  const { spec, session, holding } = desk;
  await own(desk);
  const name = checkpointName(spec, id);
  if (await isWhole(session, holding, name)) {
    const message = `There is a checkpoint ${id} already.`;
    throw new WtError({ kind: "refused", code: "checkpoint_exists", message, hints: ["Choose another name."] });
  }
  await dropDatabase(session, holding, name);
  try {
    await copyInto(desk, { from: spec.label, to: name, abort: never });
    await markDatabase(session, name, "whole");
  } catch (error) {
    await dropDatabase(session, holding, name);
    throw mysqlErrno(error) === 0 ? error : serverRefusal(holding.key, `keep the checkpoint ${id}`, error);
  }
}

async function restore(desk: Desk, id: string): Promise<void> {
  const { spec, session, holding } = desk;
  await own(desk);
  const name = checkpointName(spec, id);
  if (!(await isWhole(session, holding, name))) {
    throw new WtError({ kind: "not_found", code: "checkpoint_absent", message: `There is no checkpoint ${id}.` });
  }
  await replaceContent(desk, name);
}

/** The dump goes into a database beside the environment's own, whose content it replaces when all of it is there. Throws `WtError`. */
export function loadOnServer(spec: ResourceSpec, { path, from, call }: { path: string; from: string; call: ResourceCall }): Promise<void> {
  const key = `resources.${spec.name}.from`;
  return onServer(spec, path, async (desk) => {
    const { session, holding } = desk;
    const { password } = await own(desk);
    const next = `${spec.label}_n`;
    const login = { ...loginOfUrl(optionsOf(spec).url), user: accountOf(spec.label), password, database: next };
    await dropDatabase(session, holding, next);
    try {
      await createDatabase(session, holding, { name: next, like: spec.label });
      await grantDatabase(session, holding, next);
      call.report(`reading ${from}`);
      const { user: definer } = login;
      const load = { path: from, way: loginWay(login), database: next, definer, key, searchPath: path, abort: call.abort };
      await Promise.resolve()
        .then(() => requireSqlFile(from, key))
        .then(() => loadSqlFile(load))
        .catch(asLoading(from));
      await markDatabase(session, next, "whole");
      call.abort.throwIfAborted();
      await replaceContent(desk, next);
    } finally {
      await revokeDatabase(session, holding, next);
      await dropDatabase(session, holding, next);
    }
  });
}

interface Making {
  name: string;
  password: string;
  call: ResourceCall;
}

/** Makes the database and what is in it. */
async function makeContent(desk: Desk, { name, password, call }: Making): Promise<void> {
  const { spec, session, holding } = desk;
  const options = optionsOf(spec);
  call.report(options.from === null ? `making an empty database ${name}` : `copying ${options.from} to ${name}`);
  if (options.from === null) await createDatabase(session, holding, { name, like: null });
  // The note of the database speaks for the account too, so it comes first.
  else {
    if (!(await databaseExists(session, options.from))) throw templateMissing(spec, options.from);
    await createDatabase(session, holding, { name, like: options.from });
  }
  await ensureAccount(session, holding, password);
  await grantDatabase(session, holding, name);
  if (options.from !== null) await copyContent(desk, { from: options.from, to: name, abort: call.abort });
  for (const key of ["migrate", "seed"] as const) {
    const command = options[key];
    if (command === null) continue;
    call.report(`${key}: ${command}`);
    await call.run(command, connect(spec, name, password).variables);
  }
  call.abort.throwIfAborted();
  await markDatabase(session, name, "whole");
}

function connect(spec: ResourceSpec, database: string, password: string): ResourceConnection {
  const { url, variable, scheme } = optionsOf(spec);
  const { host, port } = loginOfUrl(url);
  return connectionOf({ user: accountOf(spec.label), password, host, port, database }, { variable, scheme });
}

function templateMissing(spec: ResourceSpec, name: string): WtError {
  return new WtError({
    kind: "config",
    code: "template_missing",
    message: `resources.${spec.name}.from: there is no database ${name} on that server.`,
    hints: ["`from:` with `server:` is the name of a database that new ones are copied from."],
  });
}

function checkpointName(spec: ResourceSpec, id: string): string {
  // For the names it refuses.
  checkpointPlace(spec, id);
  return `wtc_${new Bun.CryptoHasher("sha256").update(`${spec.label}\0${id}`).digest("hex").slice(0, 40)}`;
}
