// `server:`: a database and an account of its own on a server that is there already. Our notes hold the password; the server holds the rest.
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { removeTree, writeFileAtomic } from "../../os/files.ts";
import { checkpointPlace } from "../../os/owned-entry.ts";
import type { ResourceCall, ResourceConnection, ResourceSpec } from "../resource-driver.ts";
import type { BranchServer } from "./branch-server.ts";
import { copyDatabase, requireCopyable } from "./copy-database.ts";
import { connectionOf, loginDetail, loginOfUrl, randomPassword } from "./mysql-connection.ts";
import { mysqlOptions, type ServerOptions } from "./mysql-options.ts";
import { asUser, mysqlErrno, quoteText, type Session } from "./mysql-session.ts";
import {
  accountOf,
  createDatabase,
  databaseExists,
  dropDatabase,
  dropHolding,
  emptyDatabase,
  ensureAccount,
  foreignDatabase,
  grantDatabase,
  type Holding,
  isWhole,
  markDatabase,
  readHolding,
  revokeDatabase,
  serverRefusal,
} from "./server-holding.ts";

interface Notes {
  nonce: string;
  password: string;
  complete: boolean;
}

/** Speaks as the user of the URL about one environment's holding. */
interface Desk {
  spec: ResourceSpec;
  session: Session;
  holding: Holding;
  /** Where to find programs. */
  path: string;
}

const never = new AbortController().signal;
const noEntry: ReadonlySet<string> = new Set(["database_unreachable", "mysql_server_refused"]);

export function createDatabaseOnServer({ path }: { path: string }): BranchServer {
  const at = <T>(spec: ResourceSpec, work: (desk: Desk) => Promise<T>) => onServer(spec, path, work);
  return {
    observe: (spec) => observe(spec, path),
    ensure: (spec, call) => at(spec, (desk) => ensure(desk, call)),
    reset: (spec, call) => at(spec, (desk) => reset(desk, call)),
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
    const whole = state === "whole" && (await readNotes(spec))?.complete;
    return whole ? { state: "ready", detail } : { state: "broken", reason: "it was left half-made; `wt up` makes it anew." };
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
  const notes = (await readNotes(spec)) ?? { nonce: spec.nonce, password: randomPassword(), complete: false };
  await writeNotes(spec, notes);
  try {
    if (state === "whole") await ensureAccount(session, holding, notes.password);
    else {
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
  await writeNotes(spec, { ...notes, complete: true });
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

/** The environment's database gets the content of another of ours. Broken off in between it is half-made, and `ensure` makes it anew. */
async function replaceContent(desk: Desk, from: string): Promise<void> {
  const { spec, session, holding, path } = desk;
  await requireCopyable(session, { from, key: holding.key, searchPath: path });
  await emptyDatabase(session, spec.label, from);
  await copyContent(desk, { from, to: spec.label, abort: never });
  await markDatabase(session, spec.label, "whole");
}

interface Copying {
  from: string;
  to: string;
  abort: AbortSignal;
}

/** A copy that the environment's account has no rights on afterwards. */
async function copyInto(desk: Desk, copying: Copying): Promise<void> {
  const { session, holding } = desk;
  await createDatabase(session, holding, { name: copying.to, like: copying.from });
  try {
    await grantDatabase(session, holding, copying.to);
    await copyContent(desk, copying);
  } finally {
    await revokeDatabase(session, holding, copying.to);
  }
}

/** The environment's own account writes: what is copied can name other databases, and must not reach them. */
async function copyContent({ spec, session, holding, path }: Desk, { from, to, abort }: Copying): Promise<void> {
  const options = optionsOf(spec);
  const login = loginOfUrl(options.url);
  const writer = { ...login, user: accountOf(spec.label), password: (await readNotes(spec))?.password ?? "", database: to };
  const key = from === options.from ? `resources.${spec.name}.from` : holding.key;
  await copyDatabase(session, { login, writer, from, to, key, searchPath: path, abort });
}

function onServer<T>(spec: ResourceSpec, path: string, work: (desk: Desk) => Promise<T>): Promise<T> {
  const holding = { label: spec.label, nonce: spec.nonce, key: `resources.${spec.name}.server` };
  return asUser({ ...loginOfUrl(optionsOf(spec).url), database: "" }, holding.key, async (session) => {
    // A client that sits on a table must not hold us up for a day.
    await session.query("SET SESSION lock_wait_timeout = 30");
    return await work({ spec, session, holding, path }).catch((error: unknown) => {
      throw mysqlErrno(error) > 0 ? serverRefusal(holding.key, `look after the database ${spec.label}`, error) : error;
    });
  });
}

function optionsOf(spec: ResourceSpec): ServerOptions {
  const options = mysqlOptions(spec.options);
  if (options.mode !== "server") throw new Error(`the resource ${spec.name} names no server`);
  return options;
}

function connect(spec: ResourceSpec, database: string, password: string): ResourceConnection {
  const { url, variable, scheme } = optionsOf(spec);
  const { host, port } = loginOfUrl(url);
  return connectionOf({ user: accountOf(spec.label), password, host, port, database }, { variable, scheme });
}

async function own({ spec, session, holding }: Desk): Promise<Notes> {
  const state = await readHolding(session, holding);
  if (state === "foreign") throw foreignDatabase(holding, spec.label);
  const notes = await readNotes(spec);
  if (state === "whole" && notes) return notes;
  throw new WtError({
    kind: "not_found",
    code: "database_absent",
    message: `The database ${spec.label} does not exist.`,
    hints: ["Run `wt up`."],
  });
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

function notesFile(spec: ResourceSpec): string {
  return join(spec.directory, "database.json");
}

async function readNotes(spec: ResourceSpec): Promise<Notes | null> {
  try {
    const notes = JSON.parse(await readFile(notesFile(spec), "utf8")) as Notes;
    return notes.nonce === spec.nonce && typeof notes.password === "string" ? notes : null;
  } catch {
    return null;
  }
}

async function writeNotes(spec: ResourceSpec, notes: Notes): Promise<void> {
  await mkdir(spec.directory, { recursive: true, mode: 0o700 });
  await writeFileAtomic(notesFile(spec), JSON.stringify(notes), { mode: 0o600 });
}
