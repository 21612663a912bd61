// A small PostgreSQL client for the servers we run ourselves: simple queries and COPY FROM STDIN over a private unix socket without a password.
// Protocol 3.0 as in "Frontend/Backend Protocol" of the PostgreSQL manual. Bun's own client knows no COPY and retries by itself, which a
// readiness check must not do.
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { withSocketPath } from "../../os/socket-path.ts";

export type Row = Record<string, string | null>;

export interface Session {
  /** Runs SQL text of one or more statements; gives the rows of the last one that has any. Bytes are sent as they are. */
  query(sql: string | Buffer): Promise<Row[]>;
  /** Runs `COPY … FROM STDIN` with this data. */
  copyIn(sql: string | Buffer, data: AsyncIterable<Buffer>): Promise<void>;
  /** Says goodbye and gives the socket back; never throws. */
  close(): void;
}

/** An error the server sent. */
export class PgFailure extends Error {
  /** SQLSTATE. */
  readonly code: string;
  readonly detail: string | null;
  constructor(message: string, code: string, detail: string | null) {
    super(message);
    this.code = code;
    this.detail = detail;
  }
}

export interface SessionTarget {
  /** The directory of the socket; may be longer than a socket's path can be. */
  socketDirectory: string;
  port: number;
  user: string;
  database: string;
  /** Holds the password, where the server asks for one; read only then. */
  passwordFile?: string;
  timeoutMs?: number;
}

/** Opens a session that is ready for a query. Rejects with `PgFailure` or the socket's error. */
export async function openSession(target: SessionTarget): Promise<Session> {
  return withSocketPath(target.socketDirectory, `.s.PGSQL.${target.port}`, async (path) => {
    const wire = createWire(connect({ path }), target.passwordFile ?? null);
    const timer = setTimeout(() => wire.end(new Error("the server did not answer in time")), target.timeoutMs ?? 5_000);
    try {
      wire.send(startupMessage(target));
      await wire.settled();
      return sessionOn(wire);
    } catch (error) {
      wire.end(new Error("the session did not open"));
      throw error;
    } finally {
      clearTimeout(timer);
    }
  });
}

/** Opens a session, uses it, closes it. */
export async function withSession<T>(target: SessionTarget, use: (session: Session) => Promise<T>): Promise<T> {
  const session = await openSession(target);
  try {
    return await use(session);
  } finally {
    session.close();
  }
}

export function quoteLiteral(text: string): string {
  return text.includes("\\") ? ` E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`;
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** One conversation: what was asked last is answered by the next "ready for query". */
interface Wire {
  send(bytes: Buffer): void;
  /** Resolves with the rows when the server is ready again; rejects with what failed. */
  settled(): Promise<Row[]>;
  /** Resolves when the server wants COPY data (true) or is ready again without (false). */
  wantsData(): Promise<boolean>;
  drained(): Promise<void>;
  failed(): boolean;
  end(reason: Error): void;
}

function sessionOn(wire: Wire): Session {
  return {
    async query(sql) {
      wire.send(message("Q", Buffer.concat([bytesOf(sql), zero])));
      const settled = wire.settled();
      const wants = wire.wantsData().then((copying) => {
        if (copying) wire.send(message("f", Buffer.from("no data was given\0")));
      });
      const [rows] = await Promise.all([settled, wants]);
      return rows;
    },
    async copyIn(sql, data) {
      wire.send(message("Q", Buffer.concat([bytesOf(sql), zero])));
      const settled = wire.settled();
      // Observed below; until then a failure must not count as unhandled.
      settled.catch(() => undefined);
      const copying = await wire.wantsData();
      for await (const chunk of data) {
        if (!copying || wire.failed()) continue;
        wire.send(message("d", chunk));
        await wire.drained();
      }
      if (copying && !wire.failed()) wire.send(message("c", Buffer.alloc(0)));
      await settled;
    },
    close() {
      wire.send(message("X", Buffer.alloc(0)));
      wire.end(new Error("the session is closed"));
    },
  };
}

function createWire(socket: Socket, passwordFile: string | null): Wire {
  let received: Buffer = Buffer.alloc(0);
  let ended: Error | null = null;
  let answer = freshAnswer();
  const fail = (reason: Error) => {
    if (ended) return;
    ended = reason;
    answer.copying.resolve(false);
    answer.done.reject(answer.failure ?? reason);
  };
  socket.on("error", fail);
  socket.on("close", () => fail(new Error("the server closed the connection")));
  socket.on("data", (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    while (received.length >= 5 && received.length >= received.readInt32BE(1) + 1) {
      const length = received.readInt32BE(1) + 1;
      const [type, body] = [String.fromCharCode(received[0] ?? 0), received.subarray(5, length)];
      const password = type === "R" && body.readInt32BE(0) === wantsPassword ? readPassword(passwordFile) : null;
      if (password) socket.write(message("p", password));
      const ready = password ? false : take(answer, type, body);
      received = received.subarray(length);
      if (!ready) continue;
      answer.copying.resolve(false);
      if (answer.failure) answer.done.reject(answer.failure);
      else answer.done.resolve(answer.rows);
    }
  });
  return {
    send(bytes) {
      // The first message of all belongs to the answer that was there from the start.
      if (bytes[0] === 0x51) answer = freshAnswer();
      if (ended) answer.done.reject(ended);
      else socket.write(bytes);
    },
    settled: () => answer.done.promise,
    wantsData: () => answer.copying.promise,
    drained: () =>
      new Promise((resolve) => {
        if (!socket.writableNeedDrain || ended) return resolve();
        const done = () => {
          socket.off("drain", done);
          socket.off("close", done);
          resolve();
        };
        socket.on("drain", done);
        socket.on("close", done);
      }),
    failed: () => ended !== null || answer.failure !== null,
    end(reason) {
      fail(reason);
      socket.destroySoon();
    },
  };
}

/** AuthenticationCleartextPassword: the socket is between us and the server alone. */
const wantsPassword = 3;

function readPassword(file: string | null): Buffer | null {
  try {
    return file === null ? null : Buffer.concat([readFileSync(file), zero]);
  } catch {
    return null;
  }
}

interface Answer {
  rows: Row[];
  columns: string[];
  failure: PgFailure | null;
  done: PromiseWithResolvers<Row[]>;
  copying: PromiseWithResolvers<boolean>;
}

function freshAnswer(): Answer {
  const answer: Answer = {
    rows: [],
    columns: [],
    failure: null,
    done: Promise.withResolvers<Row[]>(),
    copying: Promise.withResolvers<boolean>(),
  };
  answer.done.promise.catch(() => undefined);
  return answer;
}

/** Takes one message of the server in; true: it is ready for the next query. */
function take(answer: Answer, type: string, body: Buffer): boolean {
  if (type === "Z") return true;
  if (type === "E") {
    answer.failure ??= parseFailure(body);
    answer.copying.resolve(false);
    // Before the session is open there is no "ready for query" after an error; the server closes the connection, which ends the answer.
  } else if (type === "R" && body.readInt32BE(0) !== 0) {
    answer.failure ??= new PgFailure("the server asks for a password on its private socket", "28000", null);
    return true;
  } else if (type === "G") {
    answer.copying.resolve(true);
  } else if (type === "T") {
    answer.columns = parseColumns(body);
    answer.rows = [];
  } else if (type === "D") {
    answer.rows.push(parseRow(answer.columns, body));
  }
  return false;
}

function parseFailure(body: Buffer): PgFailure {
  const fields = new Map<string, string>();
  for (const field of body.toString("utf8").split("\0")) if (field) fields.set(field.slice(0, 1), field.slice(1));
  return new PgFailure(fields.get("M") ?? "unknown error", fields.get("C") ?? "XX000", fields.get("D") ?? null);
}

function parseColumns(body: Buffer): string[] {
  const names: string[] = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const end = body.indexOf(0, at);
    names.push(body.toString("utf8", at, end));
    at = end + 1 + 18;
  }
  return names;
}

function parseRow(columns: string[], body: Buffer): Row {
  const row: Row = {};
  let at = 2;
  for (const column of columns) {
    const length = body.readInt32BE(at);
    at += 4;
    row[column] = length < 0 ? null : body.toString("utf8", at, at + length);
    if (length > 0) at += length;
  }
  return row;
}

const zero = Buffer.from([0]);

function bytesOf(sql: string | Buffer): Buffer {
  return typeof sql === "string" ? Buffer.from(sql) : sql;
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function startupMessage({ user, database }: SessionTarget): Buffer {
  const body = Buffer.from(`user\0${user}\0database\0${database}\0application_name\0worldtree\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 8, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, body]);
}
