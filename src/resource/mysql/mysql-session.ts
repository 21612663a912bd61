// Speaking to a server: as root over its private socket, or as anybody over a port.
import { SQL } from "bun";
import { WtError } from "../../errors/wt-error.ts";
import { withSocketPath } from "../../os/socket-path.ts";
import { type Login, loginDetail } from "./mysql-connection.ts";
import { type ServerHome, socketName } from "./server-home.ts";

export type Row = Record<string, unknown>;

export interface Session {
  /** One statement; gives its rows. Rejects with what the server said (`mysqlErrno`). */
  query(sql: string): Promise<Row[]>;
}

const connectTimeoutS = 5;

/** The server's own root, whom nobody but us reaches: the socket lies in a directory that is closed to others. */
export function asRoot<T>(place: ServerHome, use: (session: Session) => Promise<T>): Promise<T> {
  return withSocketPath(place.home, socketName, (path) => {
    return withSql(spelledOut({ path, hostname: "localhost", port: 3306, username: "root", password: "", database: "mysql" }), use);
  });
}

/** Everybody may be in this one; without any, Bun would go to `mysql`. */
const noDatabase = "information_schema";

/** As this user over TCP; `database` may be empty. Throws `WtError` (`machine`, `database_unreachable`) where nobody answers. `key` is the option that named it. */
export async function asUser<T>(login: Login, key: string, use: (session: Session) => Promise<T>): Promise<T> {
  const { host, port, user, password, database } = login;
  const allowPublicKeyRetrieval = ["127.0.0.1", "localhost", "::1"].includes(host);
  const options = { hostname: host, port, username: user, password, database: database || noDatabase, allowPublicKeyRetrieval };
  return withSql(spelledOut(options), async (session) => {
    await session.query("SELECT 1").catch((error: unknown) => {
      throw unreachable(login, key, error);
    });
    return use(session);
  });
}

interface Spelled {
  path?: string;
  hostname: string;
  port: number;
  username: string;
  password: string;
  database: string;
  allowPublicKeyRetrieval?: boolean;
}

/** What is left open, Bun takes from `MYSQL_*`, `MARIADB_*` and `DATABASE_URL` of our own environment; an empty password counts as left open. */
function spelledOut({ password, ...options }: Spelled): SQL {
  const single = { max: 1, idleTimeout: 0, connectionTimeout: connectTimeoutS } as const;
  return new SQL("mysql://localhost", { adapter: "mysql", ...options, password: () => password, tls: false, ...single });
}

async function withSql<T>(sql: SQL, use: (session: Session) => Promise<T>): Promise<T> {
  try {
    return await use({ query: async (text) => [...((await sql.unsafe(text).simple()) as Row[])] });
  } finally {
    await sql.close({ timeout: 0 }).catch(() => undefined);
  }
}

/** Number of the error that a server gave, such as 1045; 0 for other errors. */
export function mysqlErrno(error: unknown): number {
  const { errno } = (error ?? {}) as { errno?: unknown };
  return typeof errno === "number" ? errno : 0;
}

/** For MySQL's text syntax, whatever the SQL mode is: hexadecimal for what could be read in two ways. */
export function quoteText(text: string): string {
  if (/^[\w .,:;@/+=()-]*$/.test(text)) return `'${text}'`;
  return `CONVERT(X'${Buffer.from(text).toString("hex")}' USING utf8mb4)`;
}

export function quoteName(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

/** In GRANT, `_` and `%` of a database's name would stand for other names too. */
export function quoteGrantedName(name: string): string {
  return quoteName(name.replace(/[_%\\]/g, "\\$&"));
}

export function mysqlMessage(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
}

function unreachable(login: Login, key: string, error: unknown): WtError {
  const { code } = (error ?? {}) as { code?: unknown };
  const hints = ["Start that server, or mend the URL in wt.yaml."];
  if (code === "ERR_MYSQL_UNSUPPORTED_AUTH_PLUGIN") {
    hints[0] = "Give this user a password of the kind mysql_native_password or caching_sha2_password, or name another user.";
  }
  if (mysqlErrno(error) === 1045)
    hints[0] = "User and password of the URL must be those of that server; special characters are written as %40 and the like.";
  return new WtError({
    kind: "machine",
    code: "database_unreachable",
    message: `${key}: the database ${loginDetail(login).replace(/^ on /, "on ")} does not answer: ${mysqlMessage(error)}.`,
    hints,
    cause: error,
  });
}
