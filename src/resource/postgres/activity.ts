// Whether anybody uses a branch now. Asked of the server itself.
import { adminRole } from "./data-directory.ts";
import type { Session } from "./pg-session.ts";

export interface Activity {
  /** Why it must not be stopped; null: nobody uses it. */
  inUse: string | null;
  /** Numbers that change whenever somebody connected or worked: a look later shows whether anything happened between. */
  mark: string;
  /** Sessions that hold a LISTEN, as far as their last statements tell: `<pid>/<start>`. */
  listeners: string[];
}

/** Disconnects sessions that have been idle that long, and waits until they are gone. */
export async function endIdleSessions(session: Session, idleMs: number): Promise<void> {
  const idle = `backend_type = 'client backend' AND usename IS DISTINCT FROM '${adminRole}' AND state = 'idle'
    AND state_change < clock_timestamp() - interval '${Math.max(0, Math.floor(idleMs))} milliseconds'`;
  const ended = await session.query(`SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${idle}`);
  if (ended.length === 0) return;
  const pids = ended.map((row) => row.pid).join(",");
  for (let round = 0; round < 100; round++) {
    const left = await session.query(`SELECT 1 FROM pg_stat_activity WHERE pid IN (${pids}) AND ${idle}`);
    if (left.length === 0) return;
    await session.query("SELECT pg_sleep(0.01)");
  }
}

/**
 * `listeners`: those known from earlier looks; PostgreSQL shows each session's last statement only, so a LISTEN is remembered while its session lives.
 */
export async function readActivity(
  session: Session,
  { major, listeners, idleMs }: { major: number; listeners: string[]; idleMs: number },
): Promise<Activity> {
  const sessions = await session.query(`
    SELECT pid || '/' || extract(epoch FROM backend_start) AS id, state, backend_type, xact_start IS NOT NULL AS working,
      query ~* '^\\s*listen\\M' AS listens, coalesce(extract(epoch FROM clock_timestamp() - state_change) * 1000, 0) AS idle
    FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND (backend_type IN ('client backend', 'walsender') AND usename IS DISTINCT FROM '${adminRole}')`);
  const [prepared] = await session.query("SELECT count(*) AS count FROM pg_prepared_xacts");
  // Each of our own looks is a session of the database postgres.
  const counter = major >= 14 ? "sessions" : "xact_commit + xact_rollback";
  const [counted] = await session.query(`SELECT sum(${counter}) AS count FROM pg_stat_database WHERE datname <> 'postgres'`);
  const alive = new Set(sessions.map((row) => row.id ?? ""));
  const listening = new Set(listeners.filter((id) => alive.has(id)));
  for (const row of sessions) if (row.listens === "t" && row.id) listening.add(row.id);
  let inUse: string | null = null;
  for (const row of sessions) {
    if (row.backend_type === "walsender") inUse ??= "a replication client is connected";
    else if (row.working === "t" || (row.state !== "idle" && row.state !== null)) inUse ??= "a transaction is open";
    else if (listening.has(row.id ?? "")) inUse ??= "a session listens for notifications";
    else if (Number(row.idle) < idleMs) inUse ??= "a session was active a moment ago";
  }
  if (prepared && prepared.count !== "0") inUse ??= "a prepared transaction waits";
  return { inUse, mark: String(counted?.count ?? ""), listeners: [...listening] };
}
