// Copying a database on a server that is not ours: the way that is fastest there, and what the server leaves out of a copy.
import { statfsSync } from "node:fs";
import { quoteLiteral, quoteName } from "./pg-session.ts";
import type { ServerLink } from "./server-link.ts";

export interface CopyFacts {
  /** `server_version_num / 10000`. */
  major: number;
  bytes: number;
  /** null: the server does not tell. */
  files: number | null;
  /** The server's file system shares blocks. */
  shares: boolean;
}

/**
 * The way of copying that is fastest for a database like this, as a clause. Copying through the WAL costs about its bytes twice; copying files
 * costs one flush per file; sharing blocks costs the flushes alone.
 */
export function copyStrategy({ major, bytes, files, shares }: CopyFacts): { clause: string; clone: boolean } {
  if (major < 15) return { clause: "", clone: false };
  const many = files ?? 1_000;
  const logS = bytes / 270e6;
  const flushS = many * 0.00025;
  const clone = shares && major >= 18;
  const fileS = flushS + (clone ? 0.02 : bytes / 1.5e9 + 0.1);
  return fileS < logS ? { clause: " STRATEGY file_copy", clone } : { clause: " STRATEGY wal_log", clone: false };
}

/** Servers whose file system was seen not to share blocks, whatever it is. */
const unsharing = new Set<string>();

/** `head`: the statement without its strategy. What cannot be shared is copied. */
export async function copyDatabase(link: ServerLink, head: string, template: string): Promise<void> {
  const facts = await readFacts(link, template);
  const { clause, clone } = copyStrategy(facts);
  if (!clone) return void (await link.run(`${head}${clause}`));
  const before = freeBytes(facts.place);
  await link.run("SET file_copy_method = 'clone'");
  try {
    await link.run(`${head}${clause}`);
    // The server says nothing where it could not share; the free space does.
    if (before - freeBytes(facts.place) > facts.bytes / 2) unsharing.add(facts.place);
  } catch (error) {
    // EXDEV, EOPNOTSUPP and the like come as this; a full disk, a session in the template or a missing right do not.
    if (!/could not (clone|copy) file/i.test(String(error)) || /No space left/i.test(String(error))) throw error;
    unsharing.add(facts.place);
    await link.run("SET file_copy_method = 'copy'");
    await link.run(`${head}${copyStrategy({ ...facts, shares: false }).clause}`);
  } finally {
    await link.run("RESET file_copy_method");
  }
}

interface PlacedFacts extends CopyFacts {
  place: string;
}

async function readFacts(link: ServerLink, template: string): Promise<PlacedFacts> {
  const name = quoteLiteral(template);
  const [row] = await link.run(
    `SELECT current_setting('server_version_num')::int / 10000 AS major, pg_database_size(oid)::float8 AS bytes FROM pg_database WHERE datname = ${name}`,
  );
  const facts: PlacedFacts = { major: Number(row?.major ?? 0), bytes: Number(row?.bytes ?? 0), files: null, shares: false, place: "" };
  try {
    const [more] = await link.run(
      `SELECT (SELECT count(*)::int FROM pg_ls_dir('base/' || oid)) AS files, current_setting('data_directory') AS place FROM pg_database WHERE datname = ${name}`,
    );
    facts.files = Number(more?.files);
    facts.place = String(more?.place);
    // btrfs or xfs, where that directory is on this machine at all.
    facts.shares = !unsharing.has(facts.place) && [0x9123683e, 0x58465342].includes(statfsSync(facts.place).type);
  } catch {
    // Not a superuser, or not on this machine: then the sizes decide.
  }
  return facts;
}

function freeBytes(place: string): number {
  const { bfree, bsize } = statfsSync(place);
  return bfree * bsize;
}

export interface Surroundings {
  from: string;
  to: string;
  /** The role that the copy belongs to. */
  role: string;
  report: (line: string) => void;
}

/**
 * What `CREATE DATABASE … TEMPLATE` leaves behind: settings of the database, those of its owner in it, and what other roles were granted on it
 * (never PUBLIC). A setting that our user may not make is told and left out.
 */
export async function copySurroundings(link: ServerLink, { from, to, role, report }: Surroundings): Promise<void> {
  const [settings, grants] = [await readSettings(link, from), await readGrants(link, from, to)];
  for (const { name, value, own } of settings) {
    const target = own ? `ROLE ${quoteName(role)} IN DATABASE ${quoteName(to)}` : `DATABASE ${quoteName(to)}`;
    // Through the session, which reads the value as the server keeps it; lists and quotes stay right.
    const set = `SELECT set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, true); ALTER ${target} SET ${settingName(name)} FROM CURRENT`;
    await link.run(`BEGIN; ${set}; COMMIT`).catch(async (error: unknown) => {
      await link.run("ROLLBACK");
      report(`${to} goes without ${name} of ${from}: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
  for (const grant of grants) {
    await link.run(grant).catch((error: unknown) => {
      report(`${to} goes without a grant of ${from}: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
}

interface Setting {
  name: string;
  value: string;
  /** Of the owner in this database alone. */
  own: boolean;
}

async function readSettings(link: ServerLink, database: string): Promise<Setting[]> {
  const rows = await link.run(
    `SELECT s.setrole <> 0 AS own, left(c, strpos(c, '=') - 1) AS name, substr(c, strpos(c, '=') + 1) AS value
      FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c
      WHERE d.datname = ${quoteLiteral(database)} AND s.setrole IN (0, d.datdba)`,
  );
  return rows.map(({ own, name, value }) => ({ own: own === true, name: String(name), value: String(value) }));
}

async function readGrants(link: ServerLink, from: string, to: string): Promise<string[]> {
  const rows = await link.run(
    `SELECT format('GRANT %s ON DATABASE %I TO %I%s', a.privilege_type, ${quoteLiteral(to)}, r.rolname, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS statement
      FROM pg_database d, aclexplode(d.datacl) a JOIN pg_roles r ON r.oid = a.grantee
      WHERE d.datname = ${quoteLiteral(from)} AND a.grantee <> d.datdba`,
  );
  return rows.map(({ statement }) => String(statement));
}

/** `plpgsql.extra_warnings` is two names. */
function settingName(name: string): string {
  return name.split(".").map(quoteName).join(".");
}
