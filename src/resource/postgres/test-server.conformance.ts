// A PostgreSQL server of a stranger for tests: fresh, private, started and stopped by hand, with nothing of our own drivers in between.
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serverUser } from "../../os/server-user.ts";
import { postgresUrl } from "./connection.ts";
import { type Row, withSession } from "./pg-session.ts";
import { freePort } from "./postgres-harness.conformance.ts";
import { findServerPrograms } from "./server-programs.ts";

export interface TestServer {
  port: number;
  /** Where its socket lies; anybody who gets there may connect as anybody. */
  socketDirectory: string;
  directory: string;
  major: number;
  url(user: string, password: string, database?: string): string;
  /** As its superuser. */
  admin(sql: string, database?: string): Promise<Row[]>;
  dispose(): Promise<void>;
}

export interface TestServerOptions {
  major: number;
  settings?: Record<string, string>;
  /** Lines of pg_hba.conf for TCP; the socket is open. */
  hba?: string;
  /** With a certificate for localhost of its own making. */
  tls?: boolean;
  /** Of the data directory; default: a temporary one. */
  parent?: string;
}

export const superuser = "stranger";

export async function startTestServer({ major, settings = {}, hba, tls = false, parent }: TestServerOptions): Promise<TestServer> {
  const path = process.env.PATH ?? "";
  const user = serverUser(path, { title: "PostgreSQL", user: "postgres" });
  const directory = mkdtempSync(join(parent ?? tmpdir(), "wt-pgs-"));
  const [data, socketDirectory] = [join(directory, "data"), join(directory, "s")];
  mkdirSync(socketDirectory);
  const own = (place: string) => user && chownSync(place, user.uid, user.gid);
  chmodSync(directory, 0o755);
  for (const place of [directory, socketDirectory]) own(place);
  const programs = await findServerPrograms(major, { path, stateDirectory: join(directory, "state"), user });
  const prefix = user?.prefix ?? [];
  const env = { PATH: path, LC_ALL: "C", TZ: "UTC" };
  const initdb = [join(programs.directory, "initdb"), "-D", data, "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
  const made = Bun.spawnSync([...prefix, ...initdb], { cwd: "/", env, stdout: "pipe", stderr: "pipe" });
  if (made.exitCode !== 0) {
    rmSync(directory, { recursive: true, force: true });
    throw new Error(`initdb failed: ${made.stderr.toString()}`);
  }
  if (tls) makeCertificate(data, own);
  const port = await freePort();
  writeFileSync(join(data, "pg_hba.conf"), `local all all trust\n${hba ?? "host all all 127.0.0.1/32 scram-sha-256"}\n`);
  const all: Record<string, string> = {
    port: String(port),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: socketDirectory,
    fsync: "off",
    max_connections: "60",
    password_encryption: "scram-sha-256",
    ...(tls ? { ssl: "on" } : {}),
    ...settings,
  };
  writeFileSync(
    join(data, "postgresql.auto.conf"),
    Object.entries(all)
      .map(([key, value]) => `${key} = '${value}'\n`)
      .join(""),
  );
  own(join(data, "postgresql.auto.conf"));
  const server = Bun.spawn([...prefix, join(programs.directory, "postgres"), "-D", data], {
    cwd: "/",
    env,
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(join(directory, "log")),
  });
  const admin = (sql: string, database = "postgres") =>
    withSession({ socketDirectory, port, user: superuser, database }, (session) => session.query(sql));
  const dispose = async () => {
    server.kill("SIGQUIT");
    await server.exited;
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await untilReady(admin, () => server.exitCode);
  } catch (error) {
    const log = await Bun.file(join(directory, "log")).text();
    await dispose();
    throw new Error(`${String(error)}\n${log}`);
  }
  const url = (name: string, password: string, database = "postgres") =>
    postgresUrl({ user: name, password, host: "127.0.0.1", port, database });
  return { port, socketDirectory, directory, major: programs.major, url, admin, dispose };
}

async function untilReady(admin: (sql: string) => Promise<unknown>, exitCode: () => number | null): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await admin("SELECT 1");
      return;
    } catch (error) {
      if (exitCode() !== null || attempt > 1_000) throw error;
      await Bun.sleep(10);
    }
  }
}

function makeCertificate(data: string, own: (place: string) => unknown): void {
  const [key, certificate] = [join(data, "server.key"), join(data, "server.crt")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const made = Bun.spawnSync([...command, ...subject, "-keyout", key, "-out", certificate], { stdout: "pipe", stderr: "pipe" });
  if (made.exitCode !== 0) throw new Error(`openssl failed: ${made.stderr.toString()}`);
  chmodSync(key, 0o600);
  for (const place of [key, certificate]) own(place);
}
