// A stopped PGDATA: what it says about itself, what must not be in it before it is copied, what is taken out of a copy.
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { appendFile, chown, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { fileIn, isOverlay, layersOf } from "../../os/overlay-directory.ts";

export interface ServerSettings {
  major: number;
  port: number;
  /** Shown in process lists. */
  label: string;
  /** The user's own, over ours. */
  settings: Record<string, string>;
  /** Faster and not safe against a power cut: only for what is synced as a whole before anybody relies on it. */
  throwaway?: boolean;
  /** Only on its private socket: somebody else holds the port and carries connections there. They may be anybody's, so even the superuser needs a password. */
  carried?: boolean;
}

export const adminRole = "worldtree";
export const appRole = "app";

/** The text of `wt.conf`, which is read last. */
export function settingsText(
  { major, port, label, settings, throwaway = false, carried = false }: ServerSettings,
  socketDirectory = ".",
): string {
  const values: Record<string, string> = {
    listen_addresses: carried ? "" : "127.0.0.1",
    max_connections: "60",
    shared_buffers: "16MB",
    // A live server's backup functions need it; what only builds a template has no use for them.
    wal_level: throwaway ? "minimal" : "replica",
    max_wal_senders: "0",
    min_wal_size: "16MB",
    max_wal_size: "512MB",
    checkpoint_timeout: "30min",
    log_checkpoints: "off",
    password_encryption: "scram-sha-256",
    timezone: "UTC",
    log_timezone: "UTC",
    ...(throwaway ? { fsync: "off", full_page_writes: "off", wal_recycle: "off" } : {}),
    ...settings,
    port: String(port),
    // Relative to the data directory, which is closed to others; so its path can never be too long.
    unix_socket_directories: socketDirectory,
    unix_socket_permissions: "0700",
    cluster_name: label.slice(0, 63),
    archive_mode: "off",
    max_logical_replication_workers: "0",
    shared_preload_libraries: "",
    logging_collector: "off",
    log_destination: "stderr",
    ...(major >= 14 && process.platform === "linux" ? { recovery_init_sync_method: "syncfs" } : {}),
    ...(major >= 18 ? { io_method: "sync" } : {}),
  };
  const lines = Object.entries(values).map(([key, value]) => `${key} = '${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`);
  return `# Written by worldtree at every start; changes are lost. Use \`settings:\` of the resource in wt.yaml.\n${lines.join("\n")}\n`;
}

const hostRules = `# Written by worldtree. The socket lies in this directory, which nobody else can enter.
local all all trust
host all ${adminRole} 127.0.0.1/32 reject
host all all 127.0.0.1/32 scram-sha-256
`;

const carriedRules = `# Written by worldtree. Connections that are carried here from the port come by the socket like its own.
local all ${adminRole} password
local all all scram-sha-256
`;

/** Makes a fresh PGDATA read our settings. */
export async function linkSettings(data: string): Promise<void> {
  await appendFile(join(data, "postgresql.conf"), "\ninclude 'wt.conf'\n");
}

/** Written before every start: existing files keep their owner. */
export async function writeSettings(data: string, settings: ServerSettings): Promise<void> {
  const [place] = layersOf(data);
  const owner = lstatSync(place);
  for (const [name, text] of [
    ["wt.conf", settingsText(settings, isOverlay(data) ? "../run" : ".")],
    ["pg_hba.conf", settings.carried ? carriedRules : hostRules],
    // What `ALTER SYSTEM` left would win over every file.
    ["postgresql.auto.conf", ""],
  ] as const) {
    await writeFile(join(place, name), text, { mode: 0o600 });
    if (process.getuid?.() === 0) await chown(join(place, name), owner.uid, owner.gid);
  }
}

export type ControlState = "stopped" | "running" | "unreadable";

/** What pg_control says: `stopped` means a clean stop, `running` also a crash. */
export async function readControlState(data: string): Promise<ControlState> {
  try {
    const control = await readFile(fileIn(data, "global/pg_control"));
    // ControlFileData begins with the system identifier (8 bytes) and two version numbers (4 each); the state follows. 1 is DB_SHUTDOWNED.
    return control.readInt32LE(16) === 1 ? "stopped" : "running";
  } catch {
    return "unreadable";
  }
}

export function readMajor(data: string): number | null {
  try {
    return Number(readFileSync(fileIn(data, "PG_VERSION"), "utf8").trim()) || null;
  } catch {
    return null;
  }
}

/** Refuses what a copy would share with its source: a write in one would appear in the other. */
export function refuseShared(data: string): void {
  for (const layer of layersOf(data)) {
    const spaces = existsSync(join(layer, "pg_tblspc")) ? readdirSync(join(layer, "pg_tblspc")) : [];
    if (spaces.length > 0)
      throw shared(data, "it has tablespaces, which lie outside of it", "Leave tablespaces out of the dump (`pg_dump --no-tablespaces`).");
    for (const name of ["pg_wal", "base", "global", "pg_xact"]) {
      if (lstatSync(join(layer, name), { throwIfNoEntry: false })?.isSymbolicLink())
        throw shared(data, `${name} is a link to a place outside of it`, "Build it anew without `--waldir`.");
    }
  }
}

/** Takes out of a fresh copy what belongs to the server it was copied from. What lies below an overlay was sealed without it. */
export async function defuse(data: string): Promise<void> {
  const [place] = layersOf(data);
  for (const name of readdirSync(place)) {
    if (name === "postmaster.pid" || name === "postmaster.opts" || name.startsWith(".s.PGSQL.") || name.endsWith(".signal")) {
      await rm(join(place, name), { force: true });
    }
  }
  const slots = join(place, "pg_replslot");
  for (const name of existsSync(slots) ? readdirSync(slots) : []) await rm(join(slots, name), { recursive: true, force: true });
}

function shared(data: string, why: string, hint: string): WtError {
  return new WtError({
    kind: "refused",
    code: "postgres_not_copyable",
    message: `The database in ${data} cannot be copied safely: ${why}.`,
    hints: [hint],
  });
}
