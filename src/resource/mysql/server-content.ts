// What each verb about a database on a server that is not ours stands on: the way in, our notes, and copies of whole databases.
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../os/files.ts";
import { databaseAbsent } from "../database-absent.ts";
import type { ResourceSpec } from "../resource-driver.ts";
import { copyDatabase, requireCopyable } from "./copy-database.ts";
import { loginOfUrl } from "./mysql-connection.ts";
import { mysqlOptions, type ServerOptions } from "./mysql-options.ts";
import { asUser, mysqlErrno, type Session } from "./mysql-session.ts";
import {
  accountOf,
  createDatabase,
  dropDatabase,
  emptyDatabase,
  foreignDatabase,
  grantDatabase,
  type Holding,
  markDatabase,
  readHolding,
  revokeDatabase,
  serverRefusal,
} from "./server-holding.ts";

export interface Notes {
  nonce: string;
  password: string;
  complete: boolean;
  /** It was put aside with its content; absent in notes from before there was such a thing. */
  retired?: boolean;
}

/** Speaks as the user of the URL about one environment's holding. */
export interface Desk {
  spec: ResourceSpec;
  session: Session;
  holding: Holding;
  /** Where to find programs. */
  path: string;
}

export const never = new AbortController().signal;
/**
 * The environment's database gets the content of another of ours; when that fails, its own comes back. Broken off in between it is half-made, and
 * `ensure` makes it anew.
 */
export async function replaceContent(desk: Desk, from: string): Promise<void> {
  const { spec, session, holding, path } = desk;
  await requireCopyable(session, { from, key: holding.key, searchPath: path });
  const old = `${spec.label}_o`;
  await dropDatabase(session, holding, old);
  await copyInto(desk, { from: spec.label, to: old, abort: never }).catch(async (error: unknown) => {
    await dropDatabase(session, holding, old);
    throw error;
  });
  await overwrite(desk, from).catch(async (error: unknown) => {
    await overwrite(desk, old);
    await dropDatabase(session, holding, old);
    throw error;
  });
  await dropDatabase(session, holding, old);
}

async function overwrite(desk: Desk, from: string): Promise<void> {
  const { spec, session } = desk;
  await emptyDatabase(session, spec.label, from);
  await copyContent(desk, { from, to: spec.label, abort: never });
  await markDatabase(session, spec.label, "whole");
}

export interface Copying {
  from: string;
  to: string;
  abort: AbortSignal;
}

/** A copy that the environment's account has no rights on afterwards. */
export async function copyInto(desk: Desk, copying: Copying): Promise<void> {
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
export async function copyContent({ spec, session, holding, path }: Desk, { from, to, abort }: Copying): Promise<void> {
  const options = optionsOf(spec);
  const login = loginOfUrl(options.url);
  const writer = { ...login, user: accountOf(spec.label), password: (await readNotes(spec))?.password ?? "", database: to };
  const key = from === options.from ? `resources.${spec.name}.from` : holding.key;
  await copyDatabase(session, { login, writer, from, to, key, searchPath: path, abort });
}

export function onServer<T>(spec: ResourceSpec, path: string, work: (desk: Desk) => Promise<T>): Promise<T> {
  const holding = { label: spec.label, nonce: spec.nonce, key: `resources.${spec.name}.server` };
  return asUser({ ...loginOfUrl(optionsOf(spec).url), database: "" }, holding.key, async (session) => {
    // A client that sits on a table must not hold us up for a day.
    await session.query("SET SESSION lock_wait_timeout = 30");
    return await work({ spec, session, holding, path }).catch((error: unknown) => {
      throw mysqlErrno(error) > 0 ? serverRefusal(holding.key, `look after the database ${spec.label}`, error) : error;
    });
  });
}

export function optionsOf(spec: ResourceSpec): ServerOptions {
  const options = mysqlOptions(spec.options);
  if (options.mode !== "server") throw new Error(`the resource ${spec.name} names no server`);
  return options;
}

export async function own({ spec, session, holding }: Desk): Promise<Notes> {
  const state = await readHolding(session, holding);
  if (state === "foreign") throw foreignDatabase(holding, spec.label);
  const notes = await readNotes(spec);
  if (state === "whole" && notes) return notes;
  throw databaseAbsent(spec.label);
}

function notesFile(spec: ResourceSpec): string {
  return join(spec.directory, "database.json");
}

export async function readNotes(spec: ResourceSpec): Promise<Notes | null> {
  try {
    const notes = JSON.parse(await readFile(notesFile(spec), "utf8")) as Notes;
    return notes.nonce === spec.nonce && typeof notes.password === "string" ? notes : null;
  } catch {
    return null;
  }
}

export async function writeNotes(spec: ResourceSpec, notes: Notes): Promise<void> {
  await mkdir(spec.directory, { recursive: true, mode: 0o700 });
  await writeFileAtomic(notesFile(spec), JSON.stringify(notes), { mode: 0o600 });
}
