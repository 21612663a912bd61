// A copy of a running server by PostgreSQL's own backup functions: nobody is disconnected or made to wait. The files are copied while they change;
// the log written meanwhile, copied last, makes them whole again when the copy first starts ("Making a Base Backup Using the Low Level API").
import { existsSync } from "node:fs";
import { chmod, chown, copyFile, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { makeDataDirectory } from "../../os/clone-method.ts";
import { exec } from "../../os/exec.ts";
import type { LiveSource } from "./live-capture.ts";
import type { Row, Session } from "./pg-session.ts";
import { withSession } from "./pg-session.ts";
import { adminTarget } from "./postmaster.ts";

/** What belongs to the running server and not to its data. */
const passedOver = new Set(["postmaster.pid", "postmaster.opts"]);
/** Directories whose content a start makes anew; the log's segments are copied apart. */
const leftEmpty = new Set(["pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"]);

/** Copies into `to`, which is absent. Throws, and may then leave a part of it. */
export async function copyByBackup(source: LiveSource): Promise<void> {
  const { place, port, major, to, probe, path } = source;
  await withSession(adminTarget(place, port), async (session) => {
    // While this session lives, no segment of the log that is written from now on goes.
    const slot = `worldtree_${crypto.randomUUID().replaceAll("-", "")}`;
    await session.query(`SELECT pg_create_physical_replication_slot('${slot}', true, true)`);
    await session.query(major >= 15 ? "SELECT pg_backup_start('worldtree', true)" : "SELECT pg_start_backup('worldtree', true, false)");
    source.abort?.throwIfAborted();
    if (!(await makeDataDirectory(to, probe.method, path))) await mkdir(to, { mode: 0o700 });
    await giveToServer(source, to);
    await copyFiles(source);
    source.abort?.throwIfAborted();
    await copyControl(source);
    const stopped = await stopBackup(session, major);
    await writeFile(join(to, "backup_label"), stopped.label, { mode: 0o600 });
    await giveToServer(source, join(to, "backup_label"));
    await copyLog(source, stopped);
  });
}

interface StoppedBackup {
  label: string;
  firstSegment: string;
  lastSegment: string;
}

async function stopBackup(session: Session, major: number): Promise<StoppedBackup> {
  const call = major >= 15 ? "pg_backup_stop(false)" : "pg_stop_backup(false, false)";
  const [row] = await session.query(`SELECT labelfile, pg_walfile_name(lsn) AS last FROM ${call}`);
  const label = textOf(row, "labelfile");
  const firstSegment = /\(file ([0-9A-F]{24})\)/.exec(label)?.[1];
  if (!firstSegment) throw new Error("the backup's label names no segment of the log");
  return { label, firstSegment, lastSegment: textOf(row, "last") };
}

function textOf(row: Row | undefined, name: string): string {
  const text = row?.[name];
  if (typeof text !== "string" || text === "") throw new Error(`the server gave no ${name} for its backup`);
  return text;
}

async function copyFiles({ place, to, path, abort }: LiveSource): Promise<void> {
  const names = await readdir(place.data);
  const whole: string[] = [];
  for (const name of names) {
    if (passedOver.has(name) || name.startsWith(".s.PGSQL.")) continue;
    if (!leftEmpty.has(name)) whole.push(join(place.data, name));
    else await makeEmpty(join(place.data, name), join(to, name));
  }
  const flags = process.platform === "darwin" ? ["/bin/cp", "-c", "-R", "-p"] : ["cp", "-a", "--reflink=auto"];
  const env = { PATH: `${path}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: "C" };
  const result = await exec([...flags, ...whole, `${to}/`], { cwd: "/", env, ...(abort ? { abort } : {}) });
  if (result.code === 0) return;
  for (const line of result.stderr.trim().split("\n")) {
    const again = replacedFile(line, place.data);
    if (again !== null) await copyAgain(join(place.data, again), join(to, again));
    else if (!isVanished(line)) throw copyFailed(to, line);
  }
}

/** A table that was dropped meanwhile: the log says so too. */
export function isVanished(line: string): boolean {
  return /: No such file or directory$/.test(line);
}

/** The file, below `data`, that cp passed over because another one took its name in that moment; null: the line says something else. */
export function replacedFile(line: string, data: string): string | null {
  const found = /skipping file '(.+)', as it was replaced while being copied/.exec(line)?.[1];
  return found?.startsWith(`${data}/`) ? found.slice(data.length + 1) : null;
}

async function copyAgain(from: string, to: string): Promise<void> {
  const { uid, gid, mode } = await stat(from);
  await copyFile(from, to);
  await chmod(to, mode & 0o777);
  if (process.getuid?.() === 0) await chown(to, uid, gid);
}

async function makeEmpty(from: string, to: string): Promise<void> {
  const { uid, gid, mode } = await stat(from);
  await mkdir(to, { mode: mode & 0o777 });
  if (process.getuid?.() === 0) await chown(to, uid, gid);
  // `archive_status` and the like: a start wants them to be there.
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.isDirectory() && to.endsWith("/pg_wal")) await makeEmpty(join(from, entry.name), join(to, entry.name));
  }
}

/** The file that a start reads first is written in place: two readings that agree were not taken in the middle of a write. */
async function copyControl({ place, to }: LiveSource): Promise<void> {
  const from = join(place.data, "global/pg_control");
  let before = await readFile(from);
  for (;;) {
    const now = await readFile(from);
    if (now.equals(before)) break;
    before = now;
  }
  await writeFile(join(to, "global/pg_control"), before);
}

async function copyLog(source: LiveSource, { firstSegment, lastSegment }: StoppedBackup): Promise<void> {
  const from = join(source.place.data, "pg_wal");
  const segments = (await readdir(from)).filter((name) => /^[0-9A-F]{24}$/.test(name) && name >= firstSegment && name <= lastSegment);
  if (!segments.includes(firstSegment) || !segments.includes(lastSegment))
    throw new Error("a segment of the log that the copy needs is gone");
  for (const name of segments) await copyAgain(join(from, name), join(source.to, "pg_wal", name));
}

async function giveToServer({ place }: LiveSource, path: string): Promise<void> {
  if (process.getuid?.() !== 0 || !existsSync(path)) return;
  const { uid, gid } = await stat(place.data);
  await chown(path, uid, gid);
}

function copyFailed(to: string, line: string): WtError {
  return new WtError({
    kind: "machine",
    code: "postgres_copy_failed",
    message: `The database could not be copied to ${to}: ${line.replace(/^(\/bin\/)?cp: /, "").replace(/\.$/, "")}.`,
    hints: ["Run `wt doctor`."],
  });
}
