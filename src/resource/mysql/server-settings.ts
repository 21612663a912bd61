// How a lean server of one environment is told what to do. Pure.
import { socketName } from "./server-home.ts";

export interface ServerSettings {
  /** The server's home, as it sees it. */
  home: string;
  /** null: none but its private socket. */
  port: number | null;
  /** The user's, which win over the lean ones. */
  settings: Record<string, string>;
  isRoot: boolean;
}

/** For one developer, not for a machine of its own. What the server does not know it passes over (`loose`). */
const lean: Record<string, string> = {
  innodb_buffer_pool_size: "32M",
  innodb_log_file_size: "16M",
  loose_innodb_redo_log_capacity: "16M",
  innodb_log_buffer_size: "4M",
  innodb_use_native_aio: "OFF",
  innodb_buffer_pool_load_at_startup: "OFF",
  innodb_buffer_pool_dump_at_shutdown: "OFF",
  loose_aria_pagecache_buffer_size: "4M",
  loose_aria_log_file_size: "8M",
  key_buffer_size: "1M",
  max_connections: "100",
  table_open_cache: "400",
  table_definition_cache: "400",
  max_allowed_packet: "64M",
  character_set_server: "utf8mb4",
  performance_schema: "OFF",
  // A copy must not do what its source does by the clock.
  event_scheduler: "OFF",
};

/** Content of these is part of what `data` is from its making on. */
const fixedFiles: Record<string, string> = {
  innodb_data_file_path: "ibdata1:4M:autoextend",
  innodb_temp_data_file_path: "ibtmp1:4M:autoextend",
  innodb_autoextend_increment: "4",
};

export function serverArguments({ home, port, settings, isRoot }: ServerSettings): string[] {
  const wanted = { ...lean, ...settings };
  for (const name of Object.keys(settings)) delete wanted[`loose_${name}`];
  return [
    "--no-defaults",
    ...dataArguments(home, isRoot),
    // Seen from the data directory: a path of any length fits into a socket's address.
    `--socket=../${socketName}`,
    "--pid-file=../pid",
    ...(port === null ? ["--skip-networking"] : [`--port=${port}`, "--bind-address=127.0.0.1"]),
    "--skip-name-resolve",
    "--skip-log-bin",
    "--loose-mysqlx=OFF",
    "--loose-skip-slave-start",
    ...Object.entries(wanted).map(([name, value]) => `--${name}=${value}`),
  ];
}

/** Also for the program that makes the data directory. */
export function dataArguments(home: string, isRoot: boolean): string[] {
  const files = Object.entries(fixedFiles).map(([name, value]) => `--${name}=${value}`);
  return [`--datadir=${home}/data`, `--tmpdir=${home}/tmp`, ...(isRoot ? ["--user=root"] : []), ...files];
}

/** What of the user's settings the data directory depends on from its making on. */
export function makingArguments(settings: Record<string, string>): string[] {
  return ["lower_case_table_names", "character_set_server", "collation_server", "innodb_page_size", "innodb_log_file_size"].flatMap(
    (name) => {
      const value = settings[name] ?? lean[name];
      return value === undefined ? [] : [`--${name}=${value}`];
    },
  );
}
