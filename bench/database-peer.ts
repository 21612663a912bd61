// What databases are compared with: one server that all share, with PostgreSQL's own defaults, and `CREATE DATABASE … TEMPLATE` in it.
import { chownSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { serverUser } from "../src/os/server-user.ts";
import { findServerPrograms, type ServerPrograms } from "../src/resource/postgres/server-programs.ts";
import { freePort } from "./bench-world.ts";
import { type Answers, type Dataset, firstAnswers, withClient } from "./database-content.ts";
import { timeCommand } from "./measure.ts";

export const measuredMajor = 18;

export interface Postgres {
  programs: ServerPrograms;
  user: { uid: number; gid: number; prefix: string[] } | null;
}

/** PostgreSQL 18 of this machine or from npm; copies that are made of it lie in `stateDirectory`. */
export async function findPostgres(stateDirectory: string): Promise<Postgres> {
  const path = process.env.PATH ?? "";
  const user = serverUser(path, { title: "PostgreSQL", user: "postgres" });
  return { programs: await findServerPrograms(measuredMajor, { path, stateDirectory, user }), user };
}

export interface SharedServer {
  url(database: string): string;
  stop(): Promise<void>;
}

/** A cluster with a database of every dataset, stopped, without spare WAL: to be copied to where it is measured. Gives their object ids. */
export async function makeCluster(
  postgres: Postgres,
  data: string,
  datasets: readonly Dataset[],
): Promise<Record<Dataset["name"], string>> {
  mkdirSync(data, { mode: 0o700 });
  if (postgres.user) chownSync(data, postgres.user.uid, postgres.user.gid);
  const initdb = ["initdb", "-D", data, "-U", "bench", "-A", "trust", "--no-sync", "--encoding=UTF8", "--locale=C"];
  await timeCommand(asServerUser(postgres, initdb), { cwd: "/", env: { PATH: "/usr/bin:/bin", LC_ALL: "C" } });
  const server = await startShared(postgres, data, ["fsync=off", "full_page_writes=off", "max_wal_size=64MB", "wal_recycle=off"]);
  const oids = { small: "", large: "" };
  try {
    for (const { name, file } of datasets) {
      await withClient(server.url("postgres"), (client) => client.unsafe(`CREATE DATABASE ${name}`));
      await withClient(server.url(name), async (client) => {
        await client.unsafe(readFileSync(file, "utf8")).simple();
        await client.unsafe("VACUUM (FREEZE, ANALYZE)");
      });
      await withClient(server.url("postgres"), async (client) => {
        await client.unsafe(`ALTER DATABASE ${name} IS_TEMPLATE true ALLOW_CONNECTIONS false`);
        await client.unsafe("CHECKPOINT");
        const [row] = await client.unsafe(`SELECT oid::text AS oid FROM pg_database WHERE datname = '${name}'`);
        oids[name] = row.oid;
      });
    }
  } finally {
    await server.stop();
  }
  return oids;
}

export async function startShared(postgres: Postgres, data: string, settings: readonly string[] = []): Promise<SharedServer> {
  const port = freePort();
  const all = ["listen_addresses=127.0.0.1", `port=${port}`, "unix_socket_directories=", ...settings];
  const command = asServerUser(postgres, ["postgres", "-D", data, ...all.flatMap((setting) => ["-c", setting])]);
  const child = Bun.spawn(command, { cwd: "/", env: { PATH: "/usr/bin:/bin", LC_ALL: "C" }, stdio: ["ignore", "ignore", "ignore"] });
  const url = (database: string) => `postgres://bench@127.0.0.1:${port}/${database}`;
  const deadline = performance.now() + 60_000;
  const answers = () =>
    firstAnswers(url("postgres"), "SELECT 1", 0).then(
      () => true,
      () => false,
    );
  while (!(await answers())) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error(`The shared server in ${data} did not start.`);
    await Bun.sleep(20);
  }
  return {
    url,
    async stop() {
      child.kill("SIGINT");
      await child.exited;
    },
  };
}

function asServerUser({ programs, user }: Postgres, [program = "", ...rest]: string[]): string[] {
  return [...(user?.prefix ?? []), join(programs.directory, program), ...rest];
}

/** The ways PostgreSQL has to copy a template database. */
export const strategies = {
  "TEMPLATE, wal_log": "wal_log",
  "TEMPLATE, file_copy": "file_copy",
  "TEMPLATE, file_copy + clone": "file_copy",
} as const;

export type Strategy = keyof typeof strategies;

/** Makes a database from the template and asks it. */
export async function createOnShared(
  server: SharedServer,
  { dataset, strategy, name }: { dataset: Dataset; strategy: Strategy; name: string },
): Promise<Answers> {
  return withClient(server.url("postgres"), async (client) => {
    await client.unsafe(`SET file_copy_method = ${strategy.endsWith("clone") ? "clone" : "copy"}`);
    const startMs = performance.now();
    await client.unsafe(`CREATE DATABASE ${name} TEMPLATE ${dataset.name} STRATEGY ${strategies[strategy]}`);
    return firstAnswers(server.url(name), dataset.query, startMs);
  });
}

/** Drops databases, and leaves the server with nothing to do. */
export async function dropFromShared(server: SharedServer, names: readonly string[]): Promise<void> {
  await withClient(server.url("postgres"), async (client) => {
    for (const name of names) await client.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  });
  await checkpoint(server);
}

export async function checkpoint(server: SharedServer): Promise<void> {
  await withClient(server.url("postgres"), (client) => client.unsafe("CHECKPOINT"));
}
