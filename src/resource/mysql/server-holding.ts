// Databases and accounts on a server that is not ours. What we made is written down there, in the database `worldtree`, before it exists, and crossed
// out after it is gone. What is not written down with our mark is never touched.
import { WtError } from "../../errors/wt-error.ts";
import { mysqlErrno, mysqlMessage, quoteGrantedName, quoteName, quoteText, type Session } from "./mysql-session.ts";

export interface Holding {
  /** Name of the database. */
  label: string;
  nonce: string;
  /** `resources.db.server`, for errors. */
  key: string;
}

export type HoldingState = "absent" | "half" | "whole" | "foreign";

const books = "`worldtree`.`holdings`";

/** MySQL's names of accounts are short. */
export function accountOf(label: string): string {
  if (label.length <= 32) return label;
  return `${label.slice(0, 23)}_${new Bun.CryptoHasher("sha256").update(label).digest("hex").slice(0, 8)}`;
}

export async function readHolding(session: Session, { label, nonce }: Holding): Promise<HoldingState> {
  const note = await readNote(session, label);
  const database = await databaseExists(session, label);
  if (!note) return database || (await accountExists(session, accountOf(label))) ? "foreign" : "absent";
  if (note.nonce !== nonce) return "foreign";
  if (!database) return "half";
  // Between the note and the database somebody else may have made one of this name: ours would be empty still.
  if (note.state === "intended") return (await countTables(session, label)) > 0 ? "foreign" : "half";
  return note.state === "whole" ? "whole" : "half";
}

/** Writes down that this database is to be. Throws `WtError` (`refused`) when there is one of this name already. */
export async function intendDatabase(session: Session, holding: Holding, name: string): Promise<void> {
  await withBooks(session, async () => {
    await session.query("CREATE DATABASE IF NOT EXISTS `worldtree` CHARACTER SET utf8mb4");
    await session.query(`CREATE TABLE IF NOT EXISTS ${books} (
      name VARCHAR(64) PRIMARY KEY, owner VARCHAR(64) NOT NULL, nonce VARCHAR(128) NOT NULL, state VARCHAR(16) NOT NULL,
      made_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
    const note = await readNote(session, name);
    if (note ? note.nonce !== holding.nonce : await databaseExists(session, name)) throw foreignDatabase(holding, name);
    const values = [name, holding.label, holding.nonce, "intended"].map(quoteText).join(", ");
    if (!note) await session.query(`INSERT INTO ${books} (name, owner, nonce, state) VALUES (${values})`);
  });
}

export async function markDatabase(session: Session, name: string, state: "intended" | "made" | "whole"): Promise<void> {
  await session.query(`UPDATE ${books} SET state = ${quoteText(state)} WHERE name = ${quoteText(name)}`);
}

/** Makes the database `name`, which was intended; `like`: with the character set of that one. */
export async function createDatabase(
  session: Session,
  holding: Holding,
  { name, like }: { name: string; like: string | null },
): Promise<void> {
  const wanted = like === null ? "CHARACTER SET utf8mb4" : await charsetOf(session, like);
  await intendDatabase(session, holding, name);
  try {
    await session.query(`CREATE DATABASE ${quoteName(name)} ${wanted}`);
  } catch (error) {
    // 1007: there is one; it was made by somebody else in this very moment.
    throw mysqlErrno(error) === 1007 ? foreignDatabase(holding, name) : serverRefusal(holding.key, `make the database ${name}`, error);
  }
  await markDatabase(session, name, "made");
}

/** Drops a database that was written down as ours, with its connections; absent is fine, another's is left. */
export async function dropDatabase(session: Session, { nonce }: Pick<Holding, "nonce">, name: string): Promise<void> {
  const note = await readNote(session, name);
  if (note?.nonce !== nonce) return;
  await disconnect(session, `DB = ${quoteText(name)}`);
  await session.query(`DROP DATABASE IF EXISTS ${quoteName(name)}`);
  await withBooks(session, async () => {
    await session.query(`DELETE FROM ${books} WHERE name = ${quoteText(name)}`);
    const [left] = await session.query(`SELECT COUNT(*) AS count FROM ${books}`);
    if (Number(left?.count) === 0) await session.query("DROP DATABASE `worldtree`");
  });
}

/** Throws away what is in a database of ours, whose note stays; it gets the character set of `like`. */
export async function emptyDatabase(session: Session, name: string, like: string): Promise<void> {
  await markDatabase(session, name, "made");
  await disconnect(session, `DB = ${quoteText(name)}`);
  await session.query(`DROP DATABASE IF EXISTS ${quoteName(name)}`);
  await session.query(`CREATE DATABASE ${quoteName(name)} ${await charsetOf(session, like)}`);
}

/** The account and all databases of this holding; its own last, whose note speaks for the account too. */
export async function dropHolding(session: Session, holding: Holding): Promise<void> {
  const { label, nonce } = holding;
  const own = `owner = ${quoteText(label)} AND nonce = ${quoteText(nonce)}`;
  if (!(await booksExist(session))) return;
  const rows = await session.query(`SELECT name FROM ${books} WHERE ${own} ORDER BY name = ${quoteText(label)}`);
  if (rows.length === 0) return;
  await session.query(`DROP USER IF EXISTS ${quoteText(accountOf(label))}@'%'`);
  await disconnect(session, `USER = ${quoteText(accountOf(label))}`);
  for (const { name } of rows) await dropDatabase(session, holding, String(name));
}

/** The account, with this password. */
export async function ensureAccount(session: Session, { label, key }: Holding, password: string): Promise<void> {
  const account = `${quoteText(accountOf(label))}@'%'`;
  try {
    await session.query(`CREATE USER IF NOT EXISTS ${account}`);
    await session.query(`ALTER USER ${account} IDENTIFIED BY ${quoteText(password)}`);
  } catch (error) {
    throw serverRefusal(key, `make the user ${accountOf(label)}`, error);
  }
}

/** Ends the sessions of the account. */
export async function lockOut(session: Session, { label }: Holding): Promise<void> {
  await disconnect(session, `USER = ${quoteText(accountOf(label))}`);
}

/** All of this database and nothing else. */
export async function grantDatabase(session: Session, { label, key }: Holding, name: string): Promise<void> {
  await session
    .query(`GRANT ALL PRIVILEGES ON ${quoteGrantedName(name)}.* TO ${quoteText(accountOf(label))}@'%'`)
    .catch((error: unknown) => {
      throw serverRefusal(key, `give ${accountOf(label)} the database ${name}`, error);
    });
}

/** Rights outlive the database they are for. */
export async function revokeDatabase(session: Session, { label }: Holding, name: string): Promise<void> {
  await session
    .query(`REVOKE ALL PRIVILEGES ON ${quoteGrantedName(name)}.* FROM ${quoteText(accountOf(label))}@'%'`)
    .catch((error: unknown) => {
      // 1141: there are none.
      if (mysqlErrno(error) !== 1141) throw error;
    });
}

export async function databaseExists(session: Session, name: string): Promise<boolean> {
  return (await session.query(`SELECT 1 FROM information_schema.schemata WHERE SCHEMA_NAME = ${quoteText(name)}`)).length > 0;
}

/** Whether this database was written down as ours and is whole. */
export async function isWhole(session: Session, { nonce }: Pick<Holding, "nonce">, name: string): Promise<boolean> {
  const note = await readNote(session, name);
  return note?.nonce === nonce && note.state === "whole" && (await databaseExists(session, name));
}

/** What the user named by the URL may not do is a sentence about the key. */
export function serverRefusal(key: string, what: string, error: unknown): WtError {
  if (error instanceof WtError) return error;
  const errno = mysqlErrno(error);
  const denied = [1044, 1045, 1142, 1227, 1410].includes(errno);
  const full = [1021, 1041, 3].includes(errno) || /No space left|disk full/i.test(mysqlMessage(error));
  return new WtError({
    kind: denied ? "config" : "machine",
    code: full ? "disk_full" : "mysql_server_refused",
    message: `${key}: the server could not ${what}: ${mysqlMessage(error)}.`,
    hints: denied ? ["The user of this URL must be allowed to create databases and users, and to grant rights."] : [],
    cause: error,
  });
}

export function foreignDatabase({ key }: Pick<Holding, "key">, name: string): WtError {
  return new WtError({
    kind: "refused",
    code: "database_foreign",
    message: `${key}: there is a database or user ${name} on that server that is not ours.`,
    hints: ["Nothing was changed. Rename or drop it by hand if it is no longer needed."],
  });
}

/** Worlds of several machines may use one server: changes of the books come one after another. */
async function withBooks(session: Session, work: () => Promise<void>): Promise<void> {
  const [row] = await session.query("SELECT GET_LOCK('worldtree.books', 30) AS held");
  if (Number(row?.held) !== 1)
    throw new WtError({
      kind: "machine",
      code: "mysql_busy",
      message: "The server's notes of worldtree are locked.",
      hints: ["Try again."],
    });
  try {
    await work();
  } finally {
    await session.query("DO RELEASE_LOCK('worldtree.books')");
  }
}

async function readNote(session: Session, name: string): Promise<{ nonce: string; state: string } | null> {
  if (!(await booksExist(session))) return null;
  const [row] = await session.query(`SELECT nonce, state FROM ${books} WHERE name = ${quoteText(name)}`);
  return row ? { nonce: String(row.nonce), state: String(row.state) } : null;
}

async function booksExist(session: Session): Promise<boolean> {
  return (
    (await session.query("SELECT 1 FROM information_schema.tables WHERE TABLE_SCHEMA = 'worldtree' AND TABLE_NAME = 'holdings'")).length > 0
  );
}

async function charsetOf(session: Session, name: string): Promise<string> {
  const [row] = await session.query(
    `SELECT DEFAULT_CHARACTER_SET_NAME AS charset, DEFAULT_COLLATION_NAME AS collation FROM information_schema.schemata WHERE SCHEMA_NAME = ${quoteText(name)}`,
  );
  return row ? `CHARACTER SET ${row.charset} COLLATE ${row.collation}` : "CHARACTER SET utf8mb4";
}

async function accountExists(session: Session, account: string): Promise<boolean> {
  return (await session.query(`SELECT 1 FROM mysql.user WHERE User = ${quoteText(account)}`)).length > 0;
}

async function countTables(session: Session, name: string): Promise<number> {
  const [row] = await session.query(`SELECT COUNT(*) AS count FROM information_schema.tables WHERE TABLE_SCHEMA = ${quoteText(name)}`);
  return Number(row?.count ?? 0);
}

async function disconnect(session: Session, whose: string): Promise<void> {
  const rows = await session.query(`SELECT ID AS id FROM information_schema.processlist WHERE ${whose} AND ID <> CONNECTION_ID()`);
  for (const { id } of rows) await session.query(`KILL CONNECTION ${Number(id)}`).catch(() => undefined);
}
