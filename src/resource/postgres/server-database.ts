// Databases and roles on a server that is not ours. A role that carries our mark in its comment owns everything we make; what it does not own
// is never touched. The database's own comment is written last: it says that the database is whole.
import { statfsSync } from "node:fs";
import { WtError } from "../../errors/wt-error.ts";
import { quoteLiteral, quoteName } from "./pg-session.ts";
import { type ServerLink, serverRefusal } from "./server-link.ts";

export interface Holding {
  /** Name of the role and of the database. */
  label: string;
  nonce: string;
  /** `resources.db.server`, for errors. */
  key: string;
}

export type HoldingState = "absent" | "half" | "whole" | "foreign";

export async function readHolding(link: ServerLink, { label, nonce }: Holding): Promise<HoldingState> {
  const [row] = await link.run(`
    SELECT r.oid IS NOT NULL AS role, shobj_description(r.oid, 'pg_authid') AS role_mark,
      d.oid IS NOT NULL AS database, d.datdba = r.oid AS owned, shobj_description(d.oid, 'pg_database') AS mark
    FROM (SELECT 1) one LEFT JOIN pg_roles r ON r.rolname = ${quoteLiteral(label)} LEFT JOIN pg_database d ON d.datname = ${quoteLiteral(label)}`);
  if (!row?.role && !row?.database) return "absent";
  if (row.role_mark !== markOf(nonce)) return "foreign";
  if (!row.database) return "half";
  if (!row.owned) return "foreign";
  return row.mark === markOf(nonce) ? "whole" : "half";
}

/** The role, with this password; made with its mark at once, so that a crash leaves nothing unmarked. */
export async function ensureRole(link: ServerLink, { label, nonce }: Holding, password: string): Promise<void> {
  const role = quoteName(label);
  await link.run("SET password_encryption = 'scram-sha-256'");
  const [found] = await link.run(`SELECT 1 FROM pg_roles WHERE rolname = ${quoteLiteral(label)}`);
  if (found) await link.run(`ALTER ROLE ${role} LOGIN PASSWORD ${quoteLiteral(password)}`);
  else {
    await link.run(
      `BEGIN; CREATE ROLE ${role} LOGIN CONNECTION LIMIT 60 PASSWORD ${quoteLiteral(password)}; COMMENT ON ROLE ${role} IS ${quoteLiteral(markOf(nonce))}; COMMIT`,
    );
  }
  // Only who may become the role may give it a database; since 16, who made a role need not be able to.
  const [member] = await link.run(
    `SELECT pg_has_role(current_user, ${quoteLiteral(label)}, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) AS yes`,
  );
  if (!member?.yes) await link.run(`GRANT ${role} TO CURRENT_USER`);
}

/** Makes the database `name` of the role from a template, which nobody may be connected to. */
export async function createDatabase(
  link: ServerLink,
  holding: Holding,
  { name, from }: { name: string; from: string | null },
): Promise<void> {
  const template = from ?? "template0";
  await refuseBusy(link, holding, template);
  const strategy = from === null ? "" : await chooseStrategy(link, template);
  const encoding = from === null ? " ENCODING 'UTF8'" : "";
  try {
    await link.run(
      `CREATE DATABASE ${quoteName(name)} OWNER ${quoteName(holding.label)} TEMPLATE ${quoteName(template)}${encoding}${strategy}`,
    );
    await link.run(`REVOKE ALL ON DATABASE ${quoteName(name)} FROM PUBLIC`);
  } catch (error) {
    throw serverRefusal(holding.key, `make the database ${name}`, error);
  }
}

export async function markWhole(link: ServerLink, { nonce }: Holding, name: string): Promise<void> {
  await link.run(`COMMENT ON DATABASE ${quoteName(name)} IS ${quoteLiteral(markOf(nonce))}`);
}

/** Drops a database of our role with its connections; absent is fine, another's is left. */
export async function dropDatabase(link: ServerLink, { label }: Holding, name: string): Promise<void> {
  const [owned] = await link.run(
    `SELECT 1 FROM pg_database d JOIN pg_roles r ON d.datdba = r.oid WHERE d.datname = ${quoteLiteral(name)} AND r.rolname = ${quoteLiteral(label)}`,
  );
  if (owned) await link.run(`DROP DATABASE IF EXISTS ${quoteName(name)} WITH (FORCE)`);
}

/** All databases of our role, then the role. */
export async function dropHolding(link: ServerLink, holding: Holding): Promise<void> {
  const role = quoteLiteral(holding.label);
  const owned = await link.run(`SELECT datname FROM pg_database d JOIN pg_roles r ON d.datdba = r.oid WHERE r.rolname = ${role}`);
  for (const { datname } of owned) await dropDatabase(link, holding, String(datname));
  await link.run(`DROP ROLE IF EXISTS ${quoteName(holding.label)}`);
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

async function chooseStrategy(link: ServerLink, template: string): Promise<string> {
  const name = quoteLiteral(template);
  const [row] = await link.run(
    `SELECT current_setting('server_version_num')::int / 10000 AS major, pg_database_size(${name})::float8 AS bytes`,
  );
  const facts = { major: Number(row?.major ?? 0), bytes: Number(row?.bytes ?? 0), files: null as number | null, shares: false };
  try {
    const [more] = await link.run(
      `SELECT (SELECT count(*)::int FROM pg_ls_dir('base/' || oid)) AS files, current_setting('data_directory') AS place FROM pg_database WHERE datname = ${name}`,
    );
    facts.files = Number(more?.files);
    // btrfs or xfs, where that directory is on this machine at all.
    facts.shares = [0x9123683e, 0x58465342].includes(statfsSync(String(more?.place)).type);
  } catch {
    // Not a superuser, or not on this machine: then the sizes decide.
  }
  const { clause, clone } = copyStrategy(facts);
  if (clone) await link.run("SET file_copy_method = 'clone'");
  return clause;
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
  const sessions = await link.run(
    `SELECT coalesce(nullif(application_name, ''), usename, backend_type) AS who FROM pg_stat_activity WHERE datname = ${quoteLiteral(template)} AND pid <> pg_backend_pid()`,
  );
  if (sessions.length === 0) return;
  const who = [...new Set(sessions.map((row) => String(row.who)))].slice(0, 3).join(", ");
  throw new WtError({
    kind: "refused",
    code: "template_in_use",
    message: `${key.replace(/server$/, "from")}: the database ${template} has ${sessions.length} open session(s) (${who}), so it cannot be copied.`,
    hints: [
      `Close them, or make it a template for good: ALTER DATABASE ${quoteName(template)} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false.`,
    ],
  });
}

function markOf(nonce: string): string {
  return `worldtree:${nonce}`;
}
