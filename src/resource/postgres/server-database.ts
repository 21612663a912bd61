// Databases and roles on a server that is not ours. A role that carries our mark in its comment owns everything we make; what it does not own
// is never touched. The database's own comment is written last: it says that the database is whole. An app may take that comment away, by one of its
// own or by making its database anew, as `rails db:reset` does; what this disk noted counts then.
import { WtError } from "../../errors/wt-error.ts";
import { quoteLiteral, quoteName } from "./pg-session.ts";
import { copyDatabase } from "./server-copy.ts";
import { type ServerLink, serverRefusal, sqlState } from "./server-link.ts";

export interface Holding {
  /** Name of the role and of the database. */
  label: string;
  nonce: string;
  /** `resources.db.server`, for errors. */
  key: string;
}

/** `unmarked`: the database is the role's, and nothing on the server tells whether it is whole. */
export type HoldingState = "absent" | "half" | "unmarked" | "whole" | "foreign";

export async function readHolding(link: ServerLink, { label, nonce }: Holding): Promise<HoldingState> {
  const [row] = await link.run(`
    SELECT r.oid IS NOT NULL AS role, shobj_description(r.oid, 'pg_authid') AS role_mark,
      d.oid IS NOT NULL AS database, d.datdba = r.oid AS owned, shobj_description(d.oid, 'pg_database') AS mark
    FROM (SELECT 1) one LEFT JOIN pg_roles r ON r.rolname = ${quoteLiteral(label)} LEFT JOIN pg_database d ON d.datname = ${quoteLiteral(label)}`);
  if (!row?.role && !row?.database) return "absent";
  if (row.role_mark !== markOf(nonce)) return "foreign";
  if (!row.database) return "half";
  if (!row.owned) return "foreign";
  return row.mark === markOf(nonce) ? "whole" : "unmarked";
}

/**
 * The role, with this password; made with its mark at once, so that a crash leaves nothing unmarked. It may make databases, since the tests of an
 * app do; they go with it.
 */
export async function ensureRole(link: ServerLink, { label, nonce }: Holding, password: string): Promise<void> {
  const role = quoteName(label);
  await link.run("SET password_encryption = 'scram-sha-256'");
  const [found] = await link.run(`SELECT 1 FROM pg_roles WHERE rolname = ${quoteLiteral(label)}`);
  if (found) await link.run(`ALTER ROLE ${role} LOGIN CREATEDB PASSWORD ${quoteLiteral(password)}`);
  else {
    await link.run(
      `BEGIN; CREATE ROLE ${role} LOGIN CREATEDB CONNECTION LIMIT 60 PASSWORD ${quoteLiteral(password)}; COMMENT ON ROLE ${role} IS ${quoteLiteral(markOf(nonce))}; COMMIT`,
    );
  }
  // Only who may become the role may give it a database; since 16, who made a role need not be able to.
  const [member] = await link.run(
    `SELECT pg_has_role(current_user, ${quoteLiteral(label)}, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) AS yes`,
  );
  if (!member?.yes) await link.run(`GRANT ${role} TO CURRENT_USER`);
}

/** Makes the database `name` of the role from a template, which nobody may be connected to. What stands beside its content is for `copySurroundings`. */
export async function createDatabase(
  link: ServerLink,
  holding: Holding,
  { name, from }: { name: string; from: string | null },
): Promise<void> {
  const template = from ?? "template0";
  await refuseBusy(link, holding, template);
  const head = `CREATE DATABASE ${quoteName(name)} OWNER ${quoteName(holding.label)} TEMPLATE ${quoteName(template)}`;
  try {
    if (from === null) await link.run(`${head} ENCODING 'UTF8'`);
    else await copyDatabase(link, head, from);
    await link.run(`REVOKE ALL ON DATABASE ${quoteName(name)} FROM PUBLIC`);
  } catch (error) {
    throw sqlState(error) === "42501" && from !== null
      ? notAllowedToCopy(holding, from, error)
      : serverRefusal(holding.key, `make the database ${name}`, error);
  }
}

export async function markWhole(link: ServerLink, { nonce }: Holding, name: string): Promise<void> {
  await link.run(`COMMENT ON DATABASE ${quoteName(name)} IS ${quoteLiteral(markOf(nonce))}`);
}

/** Drops a database of our role with its connections; absent is fine, another's is left. */
export async function dropDatabase(link: ServerLink, { label, key }: Holding, name: string): Promise<void> {
  const [owned] = await link.run(
    `SELECT 1 FROM pg_database d JOIN pg_roles r ON d.datdba = r.oid WHERE d.datname = ${quoteLiteral(name)} AND r.rolname = ${quoteLiteral(label)}`,
  );
  if (!owned) return;
  // Who forces sessions out must be allowed to end them; before that, nobody new comes in.
  await link.run(`ALTER DATABASE ${quoteName(name)} ALLOW_CONNECTIONS false`);
  try {
    await link.run(`DROP DATABASE IF EXISTS ${quoteName(name)} WITH (FORCE)`);
  } catch (error) {
    await link.run(`ALTER DATABASE ${quoteName(name)} ALLOW_CONNECTIONS true`).catch(() => undefined);
    throw serverRefusal(key, `drop the database ${name}, which ${await sessionsOf(link, name)}`, error);
  }
}

/** All databases of our role, then the role. */
export async function dropHolding(link: ServerLink, holding: Holding): Promise<void> {
  const role = quoteLiteral(holding.label);
  const owned = await link.run(`SELECT datname FROM pg_database d JOIN pg_roles r ON d.datdba = r.oid WHERE r.rolname = ${role}`);
  for (const { datname } of owned) await dropDatabase(link, holding, String(datname));
  await link.run(`DROP ROLE IF EXISTS ${quoteName(holding.label)}`);
}

/**
 * Nobody logs in as the role any more, its sessions end, and its database takes no connections; all of it stays, under its name and mark.
 * `ensureRole` and `openDatabase` undo it. Sessions of others stay: we may not be allowed to end them, and what they do there is theirs.
 */
export async function retireHolding(link: ServerLink, { label }: Holding): Promise<void> {
  await link.run(`ALTER ROLE ${quoteName(label)} NOLOGIN`);
  await link.run(`ALTER DATABASE ${quoteName(label)} ALLOW_CONNECTIONS false`);
  await link.run(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ${quoteLiteral(label)}`);
}

/** Puts the database `next` in the place of the holding's own. */
export async function exchangeDatabase(link: ServerLink, holding: Holding, next: string): Promise<void> {
  await dropDatabase(link, holding, holding.label);
  await closeDatabase(link, next);
  await link.run(`ALTER DATABASE ${quoteName(next)} RENAME TO ${quoteName(holding.label)}`);
  await openDatabase(link, holding.label);
}

/** Nobody can connect, nobody is connected: it can be copied or renamed. */
export async function closeDatabase(link: ServerLink, name: string): Promise<void> {
  await link.run(`ALTER DATABASE ${quoteName(name)} ALLOW_CONNECTIONS false`);
  await link.run(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${quoteLiteral(name)} AND pid <> pg_backend_pid()`,
  );
}

export async function openDatabase(link: ServerLink, name: string): Promise<void> {
  await link.run(`ALTER DATABASE ${quoteName(name)} ALLOW_CONNECTIONS true`);
}

/**
 * Inside of a fresh copy: what the template's owners own becomes the role's. Not REASSIGN OWNED, which would also take the owners' databases;
 * not membership, which would reach into the template.
 */
export async function takeOwnership(link: ServerLink, { label }: Holding): Promise<void> {
  const role = quoteLiteral(label);
  await link.run(`DO $take$ DECLARE thing record; BEGIN
    FOR thing IN
      SELECT 1 AS turn, format('SCHEMA %I', nspname) AS what FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND nspowner <> ${role}::regrole
          AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_namespace'::regclass AND objid = pg_namespace.oid AND deptype = 'e')
      UNION ALL SELECT 2, format('%s %s', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
          WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, c.oid::regclass)
        FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND nspname !~ '^pg_' AND nspname <> 'information_schema' AND relowner <> ${role}::regrole
          AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid
            AND (deptype = 'e' OR (relkind = 'S' AND deptype IN ('a', 'i'))))
      UNION ALL SELECT 3, format('ROUTINE %s', p.oid::regprocedure) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND proowner <> ${role}::regrole
          AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
      UNION ALL SELECT 4, format('%s %s', CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, t.oid::regtype)
        FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND typowner <> ${role}::regrole
          AND (typtype IN ('e', 'd', 'r') OR (typtype = 'c' AND (SELECT relkind FROM pg_class WHERE oid = typrelid) = 'c'))
          AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_type'::regclass AND objid = t.oid AND deptype = 'e')
      ORDER BY 1
    LOOP EXECUTE format('ALTER %s OWNER TO %I', thing.what, ${role}); END LOOP; END $take$`);
}

/** The server itself would wait five seconds and then refuse with less to say. */
async function refuseBusy(link: ServerLink, { key }: Holding, template: string): Promise<void> {
  const [there] = await link.run(`SELECT 1 FROM pg_database WHERE datname = ${quoteLiteral(template)}`);
  if (!there) {
    throw new WtError({
      kind: "config",
      code: "template_missing",
      message: `${key.replace(/server$/, "from")}: there is no database ${template} on that server.`,
      hints: ["`from:` with `server:` is the name of a database that new ones are copied from."],
    });
  }
  const sessions = await readSessions(link, template);
  if (sessions.length === 0) return;
  throw new WtError({
    kind: "refused",
    code: "template_in_use",
    message: `${key.replace(/server$/, "from")}: the database ${template} ${describeSessions(sessions)}, so it cannot be copied.`,
    hints: [
      `Close them, or make it a template for good: ALTER DATABASE ${quoteName(template)} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false.`,
    ],
  });
}

/** Who is in a database; the server itself sends its own vacuum away. */
async function readSessions(link: ServerLink, database: string): Promise<string[]> {
  const rows = await link.run(
    `SELECT coalesce(nullif(application_name, ''), usename, backend_type, 'a worker') AS who FROM pg_stat_activity
      WHERE datname = ${quoteLiteral(database)} AND pid <> pg_backend_pid() AND (usesysid IS NOT NULL OR backend_type <> 'autovacuum worker')`,
  );
  return rows.map((row) => String(row.who));
}

async function sessionsOf(link: ServerLink, database: string): Promise<string> {
  return describeSessions(await readSessions(link, database).catch(() => []));
}

function describeSessions(sessions: string[]): string {
  if (sessions.length === 0) return "has no sessions that can be seen";
  return `has ${sessions.length} open session(s) (${[...new Set(sessions)].slice(0, 3).join(", ")})`;
}

/** What the user of the URL must be allowed to, said before anything is begun. */
export async function refuseUnable(link: ServerLink, { key }: Holding): Promise<void> {
  const [user] = await link.run(
    "SELECT rolname AS name, rolsuper AS super, rolcreatedb AS databases, rolcreaterole AS roles, current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS standby FROM pg_roles WHERE rolname = current_user",
  );
  const version = Number(user?.version ?? 0);
  if (version < oldestServer) throw unfit(key, `the server is PostgreSQL ${Math.floor(version / 10_000)}`, "worldtree needs 13 or newer");
  if (user?.standby) throw unfit(key, "the server is a standby that takes no changes", "name the primary server");
  const missing = [...(user?.databases ? [] : ["CREATEDB"]), ...(user?.roles ? [] : ["CREATEROLE"])];
  if (user?.super || missing.length === 0) return;
  throw new WtError({
    kind: "config",
    code: "postgres_rights",
    message: `${key}: the user ${String(user?.name)} of this URL lacks ${missing.join(" and ")} on that server, so it can make no ${missing[0] === "CREATEDB" ? "databases" : "roles"}.`,
    hints: [`As a superuser there: ALTER ROLE ${quoteName(String(user?.name))} ${missing.join(" ")}`],
  });
}

const oldestServer = 130_000;

function unfit(key: string, what: string, wanted: string): WtError {
  return new WtError({ kind: "config", code: "postgres_server_unfit", message: `${key}: ${what}; ${wanted}.` });
}

function notAllowedToCopy({ key }: Holding, template: string, cause: unknown): WtError {
  return new WtError({
    kind: "config",
    code: "postgres_rights",
    message: `${key.replace(/server$/, "from")}: the user of the server's URL may not copy the database ${template}: it belongs to another and is no template.`,
    hints: [`As its owner: ALTER DATABASE ${quoteName(template)} IS_TEMPLATE true`],
    cause,
  });
}

function markOf(nonce: string): string {
  return `worldtree:${nonce}`;
}
