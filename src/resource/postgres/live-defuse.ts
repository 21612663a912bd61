// What ties the content of a fork to the outside of the branch it came from, taken out after the fork's first start.
import { quoteLiteral, quoteName, type Row, type Session, withSession } from "./pg-session.ts";
import { adminTarget, asAdmin, type ServerPlace } from "./postmaster.ts";

/** Rolls back prepared transactions, takes subscriptions out, and says what still leads outside. */
export async function defuseFork(place: ServerPlace, port: number, report: (line: string) => void): Promise<void> {
  const { prepared, subscriptions, databases } = await asAdmin(place, port, readTies);
  const inDatabase = (name: string, use: (session: Session) => Promise<void>) => withSession(adminTarget(place, port, name), use);
  for (const [database, rows] of byDatabase(prepared)) {
    await inDatabase(database, async (session) => {
      for (const { gid } of rows) {
        await session.query(`ROLLBACK PREPARED ${quoteLiteral(gid ?? "")}`);
        report(`note: the prepared transaction ${gid} was rolled back in the copy`);
      }
    });
  }
  for (const [database, rows] of byDatabase(subscriptions)) {
    await inDatabase(database, async (session) => {
      for (const { subname } of rows) {
        const name = quoteName(subname ?? "");
        await session.query(`ALTER SUBSCRIPTION ${name} DISABLE`);
        await session.query(`ALTER SUBSCRIPTION ${name} SET (slot_name = NONE)`);
        await session.query(`DROP SUBSCRIPTION ${name}`);
        report(`note: the subscription ${subname} was taken out of the copy`);
      }
    });
  }
  for (const { datname } of databases) {
    await inDatabase(datname ?? "", async (session) => {
      for (const { srvname } of await session.query("SELECT srvname FROM pg_foreign_server")) {
        report(`note: the foreign server ${srvname} still leads out of ${datname}`);
      }
      const names = await unloggedIn(session);
      if (names) report(`note: unlogged tables are empty in a copy of a running server: ${names}`);
    });
  }
}

/** Those of the server's databases, which a copy of it as it runs brings along empty. */
export async function unloggedTables(place: ServerPlace, port: number): Promise<string[]> {
  const { databases } = await asAdmin(place, port, readTies);
  const found = databases.map(({ datname }) => withSession(adminTarget(place, port, datname ?? ""), unloggedIn));
  return (await Promise.all(found)).flatMap((names) => names ?? []);
}

async function unloggedIn(session: Session): Promise<string | null> {
  const [row] = await session.query(
    "SELECT string_agg(relname, ', ' ORDER BY relname) AS names FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'",
  );
  return row?.names ?? null;
}

interface Ties {
  prepared: Row[];
  subscriptions: Row[];
  databases: Row[];
}

async function readTies(session: Session): Promise<Ties> {
  const prepared = await session.query("SELECT gid, database FROM pg_prepared_xacts");
  const subscriptions = await session.query(
    "SELECT s.subname, d.datname AS database FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid",
  );
  const databases = await session.query("SELECT datname FROM pg_database WHERE datallowconn AND datname NOT IN ('template1', 'postgres')");
  return { prepared, subscriptions, databases };
}

function byDatabase(rows: Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, (row) => row.database ?? "");
}
