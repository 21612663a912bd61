// Whether anybody uses a server now. Asked of the server itself.
import type { Row, Session } from "./mysql-session.ts";

export interface Activity {
  /** Why it must not be stopped; null: nobody uses it. */
  inUse: string | null;
  /** Sessions that did nothing for long. */
  idle: number[];
  /** Connections since the server's start, this look included: a difference of one to the look before shows that nobody came between. */
  connections: number;
}

/** `idleMs`: a session that did nothing for longer does not count. */
export async function readActivity(session: Session, idleMs: number): Promise<Activity> {
  const sessions = await session.query(`
    SELECT p.ID AS id, p.COMMAND AS command, p.TIME AS seconds, p.STATE AS state,
      EXISTS (SELECT 1 FROM information_schema.innodb_trx t WHERE t.trx_mysql_thread_id = p.ID) AS working
    FROM information_schema.processlist p
    WHERE p.ID <> CONNECTION_ID() AND p.USER NOT IN ('system user', 'event_scheduler') AND p.COMMAND <> 'Daemon'`);
  const prepared = await session.query("XA RECOVER");
  const [counted] = await session.query("SHOW GLOBAL STATUS LIKE 'Connections'");
  const reasons = sessions.map((row) => ({ id: Number(row.id), reason: reasonOf(row, idleMs) }));
  const inUse = reasons.find(({ reason }) => reason !== null)?.reason ?? (prepared.length > 0 ? "a prepared transaction waits" : null);
  const idle = reasons.filter(({ reason }) => reason === null).map(({ id }) => id);
  return { inUse, idle, connections: Number(counted?.Value ?? 0) };
}

function reasonOf({ command, seconds, working }: Row, idleMs: number): string | null {
  if (Number(working) > 0) return "a transaction is open";
  if (command === "Binlog Dump") return "a replication client is connected";
  if (command !== "Sleep") return "a statement runs";
  return Number(seconds) * 1000 < idleMs ? "a session was active a moment ago" : null;
}

/** Closes sessions that are idle still; false: one of them, or another, works now. */
export async function closeIdle(session: Session, idle: readonly number[]): Promise<boolean> {
  for (const id of idle) await session.query(`KILL CONNECTION ${id}`).catch(() => undefined);
  const [row] = await session.query(`
    SELECT COUNT(*) AS busy FROM information_schema.processlist
    WHERE ID <> CONNECTION_ID() AND USER NOT IN ('system user', 'event_scheduler') AND COMMAND NOT IN ('Daemon', 'Killed')
      AND ID NOT IN (${[0, ...idle].join(", ")})`);
  return Number(row?.busy) === 0;
}
