// Builds what a template holds, in a private directory: a data directory, a database and a user, then the dump, migrations and seed.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import { type CloneMethod, makeDataDirectory } from "../../os/clone-method.ts";
import type { ResourceCall } from "../resource-driver.ts";
import type { Stage } from "../template-stages.ts";
import type { BranchInputs } from "./branch-inputs.ts";
import { type Clients, requireClient, withRootWay } from "./client-programs.ts";
import { type DumpPipe, loadSqlFile, pipeDump } from "./load-dump.ts";
import { appLogin, appName, connectionOf, randomPassword } from "./mysql-connection.ts";
import type { BranchOptions } from "./mysql-options.ts";
import { startOnAnyPort, startServer, stopServer } from "./mysql-server.ts";
import { asRoot, quoteName, quoteText, type Session } from "./mysql-session.ts";
import { ensureHome, own, type Runner, type ServerHome, socketName, spawnInHome } from "./server-home.ts";
import { programTitle, type ServerPrograms } from "./server-programs.ts";
import { dataArguments, makingArguments } from "./server-settings.ts";

export interface Build {
  place: ServerHome;
  programs: ServerPrograms;
  runner: Runner;
  options: BranchOptions;
  clock: Clock;
  /** Where to find programs of the machine. */
  path: string;
  /** `resources.db`, for errors. */
  name: string;
}

/** Makes a data directory with the database and the user; leaves it stopped. */
export async function buildBase(build: Build, method: CloneMethod, abort: AbortSignal): Promise<void> {
  const { place, runner } = build;
  await ensureHome(place, runner);
  await makeDataDirectory(place.data, method, build.path);
  own(place.data, runner);
  await install(build, abort);
  await whileRunning(build, { abort, network: false }, async () => {
    await asRoot(place, async (session) => {
      await keepRootAlone(session);
      await session.query(`CREATE DATABASE ${quoteName(appName)}`);
      await ensureApp(session, randomPassword());
    });
  });
}

export interface StageContent {
  inputs: BranchInputs;
  does: Stage["does"];
}

/** Fills a copy of the stage before and leaves it stopped; gives notes about what is worth knowing. */
export async function buildContent(build: Build, content: StageContent, call: ResourceCall): Promise<string[]> {
  const notes: string[] = [];
  await whileRunning(build, { abort: call.abort, network: true }, async (port) => {
    notes.push(...(await fill(build, { ...content, port }, call)));
    // Nobody knows it any more: each branch gets a password of its own.
    await asRoot(build.place, (session) => ensureApp(session, randomPassword()));
  });
  return notes;
}

/**
 * Fills and masks a copy of the empty database in `open`, then writes what is left of it into another one in `build`: what was masked is in no page, no
 * log and no gap of a file there.
 */
export async function buildMasked(
  build: Build,
  open: Build,
  { content, call }: { content: StageContent; call: ResourceCall },
): Promise<string[]> {
  const { inputs } = content;
  const clients = requireClients(build);
  const notes: string[] = [];
  await whileRunning(open, { abort: call.abort, network: true }, async (port) => {
    notes.push(...(await fill(open, { ...content, port }, call)));
    if (inputs.mask) {
      call.report(`masking with ${inputs.mask.path}`);
      await load(open, { path: inputs.mask.path, key: `${build.name}.mask`, abort: call.abort });
    }
    await whileRunning(build, { abort: call.abort, network: false }, async () => {
      const others = (await asRoot(open.place, databases)).filter(
        (name) => !/^(app|information_schema|mysql|performance_schema|sys)$/.test(name),
      );
      if (others.length > 0) notes.push(`other databases are not kept with a mask: ${others.join(", ")}`);
      const [row] = await asRoot(open.place, (session) => session.query(charsetQuery));
      await asRoot(build.place, (session) =>
        session.query(`ALTER DATABASE ${quoteName(appName)} CHARACTER SET ${row?.charset} COLLATE ${row?.collation}`),
      );
      await withRootWay(open.place, (from) =>
        withRootWay(build.place, (to) => {
          const [source, target] = [from, to].map((way) => ({ way, database: appName })) as [DumpPipe["source"], DumpPipe["target"]];
          return pipeDump({ clients, source, target, definer: null, key: `${build.name}.mask`, abort: call.abort });
        }),
      );
      await asRoot(build.place, ensureDefiners);
    });
  });
  return notes;
}

const charsetQuery = `SELECT DEFAULT_CHARACTER_SET_NAME AS charset, DEFAULT_COLLATION_NAME AS collation FROM information_schema.schemata WHERE SCHEMA_NAME = '${appName}'`;

function requireClients({ path, name }: Build): Clients {
  const what = `${name}.mask: a masked database can only be written anew with`;
  return { client: requireClient("client", path, what), dump: requireClient("dump", path, what) };
}

/** The dump, then the commands of the repository as the app; its password is known to nobody else. */
async function fill(build: Build, { inputs, does, port }: StageContent & { port: number }, call: ResourceCall): Promise<string[]> {
  const { place } = build;
  const [password, notes]: [string, string[]] = [randomPassword(), []];
  await asRoot(place, (session) => ensureApp(session, password));
  if (inputs.from && does.includes("from")) {
    const { path } = inputs.from;
    const key = `${build.name}.from`;
    call.report(`reading ${path}`);
    const before = await asRoot(place, databases);
    await load(build, { path, key, abort: call.abort });
    notes.push(...(await asRoot(place, (session) => settleDump(session, { key, path, before, password }))));
  }
  for (const key of ["migrate", "seed"] as const) {
    const { command } = inputs[key] ?? {};
    if (command === undefined || !does.includes(key)) continue;
    call.report(`${key}: ${command}`);
    await call.run(command, connectionOf(appLogin({ password, port }), build.options).variables);
  }
  return notes;
}

function load({ place, path: searchPath }: Build, given: { path: string; key: string; abort: AbortSignal }): Promise<void> {
  return withRootWay(place, (way) => loadSqlFile({ ...given, way, database: appName, definer: null, searchPath }));
}

/** A template must come up by itself, answer, and stop cleanly. */
export async function verifyBuild(build: Build, abort: AbortSignal): Promise<void> {
  await whileRunning(build, { abort, network: false }, async () => {
    await asRoot(build.place, (session) => session.query("SELECT COUNT(*) AS tables FROM information_schema.tables"));
  });
  await defuse(build.place);
}

/** What must not be the same in two copies, or is made anew at every start. */
export async function defuse({ data, home }: Pick<ServerHome, "data" | "home">): Promise<void> {
  for (const name of await readdir(data)) {
    if (/^(auto\.cnf|ibtmp\d+|ib_buffer_pool|.*\.(pid|err)|master\.info|relay-log\.info|multi-master\.info)$/.test(name))
      await rm(join(data, name), { force: true });
  }
  for (const name of [socketName, `${socketName}.lock`, "pid"]) await rm(join(home, name), { force: true });
}

async function install({ place, programs, runner, options }: Build, abort: AbortSignal): Promise<void> {
  const common = (home: string) => [...dataArguments(home, runner.kind === "root"), ...makingArguments(options.settings)];
  const { installer } = programs;
  const child = spawnInHome({
    place,
    runner,
    output: "pipe",
    command: (home) =>
      installer === null
        ? [programs.server, "--no-defaults", "--initialize-insecure", ...common(home)]
        : [
            installer,
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
            ...common(home),
          ],
  });
  const kill = () => child.kill("SIGKILL");
  abort.addEventListener("abort", kill, { once: true });
  try {
    const texts = [child.stdout, child.stderr].map((stream) => new Response(stream as ReadableStream).text());
    const [stdout = "", stderr = ""] = await Promise.all(texts);
    const code = await child.exited;
    abort.throwIfAborted();
    if (code === 0) return;
    throw installError(programs, `${stdout}\n${stderr}`);
  } finally {
    abort.removeEventListener("abort", kill);
  }
}

function installError(programs: ServerPrograms, output: string): WtError {
  const lines = output.trim().split("\n");
  const error = lines.find((line) => /\[ERROR\]|^ERROR/.test(line)) ?? lines.find((line) => /error|cannot|denied|No space/i.test(line));
  const reason = (error ?? lines.at(-1) ?? "").replace(/^.*?\[ERROR\]\s*|^ERROR:\s*\d*\s*/, "").trim();
  const full = /No space left on device|errno: 28\b|Error: 28\b/i.test(output);
  return new WtError({
    kind: "machine",
    code: full ? "disk_full" : "mysql_install_failed",
    message: full
      ? "The database cannot be made: the disk is full."
      : `${programTitle(programs)} could not make a data directory: ${reason.replace(/\.$/, "") || "it printed nothing"}.`,
    hints: [full ? "Free some space, then run `wt up`." : "Run `wt doctor`."],
    details: { lines: lines.slice(-12) },
  });
}

/** Of the accounts that an installation makes, those that answer to the network go, and root is left to the socket. */
async function keepRootAlone(session: Session): Promise<void> {
  const kept = ["root", "mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema"];
  for (const { User, Host } of await session.query("SELECT User, Host FROM mysql.user")) {
    if (Host === "localhost" && kept.includes(String(User))) continue;
    await session.query(`DROP USER ${quoteAccount(String(User), String(Host))}`);
  }
}

/**
 * Everything an app and its tools do, databases of their own included. Not a wall against the app, whose own server this is: it keeps mistakes away
 * from files and from the server as such.
 */
const appRights =
  "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EVENT, TRIGGER, PROCESS, RELOAD, SHOW DATABASES";

/** The app's user with this password. Also where a dump has brought accounts of its own along. */
export async function ensureApp(session: Session, password: string): Promise<void> {
  const account = quoteAccount(appName, "%");
  await session.query(`CREATE USER IF NOT EXISTS ${account}`);
  await session.query(`ALTER USER ${account} IDENTIFIED BY '${password}'`);
  await session.query(`GRANT ${appRights} ON *.* TO ${account}`);
}

/** `'app'@'%'`; accounts are no place for expressions. */
export function quoteAccount(user: string, host: string): string {
  return [user, host].map((text) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`).join("@");
}

async function databases(session: Session): Promise<string[]> {
  const rows = await session.query("SELECT SCHEMA_NAME AS name FROM information_schema.schemata");
  return rows.map((row) => String(row.name));
}

interface Dump {
  key: string;
  path: string;
  before: readonly string[];
  password: string;
}

/** A dump may bring accounts, databases and definers along that are not here. */
async function settleDump(session: Session, { key, path, before, password }: Dump): Promise<string[]> {
  await session.query("FLUSH PRIVILEGES");
  await keepRootAlone(session);
  await ensureApp(session, password);
  const notes: string[] = [];
  const [own] = await session.query(`SELECT COUNT(*) AS tables FROM information_schema.tables WHERE table_schema = '${appName}'`);
  const others = (await databases(session)).filter((name) => !before.includes(name) && name !== appName);
  if (others.length > 0 && Number(own?.tables) === 0) {
    throw new WtError({
      kind: "config",
      code: "database_source",
      message: `${key}: ${path} makes the database ${others[0]} and puts its tables there, not into the environment's own.`,
      hints: [`Make the dump of one database, without --databases: \`mariadb-dump --routines ${others[0]} > dump.sql\`.`],
    });
  }
  if (others.length > 0) notes.push(`the dump made other databases too: ${others.join(", ")}`);
  notes.push(...(await ensureDefiners(session)));
  return notes;
}

/** Views, triggers and routines run as who defined them. Accounts that are not here are made, locked, so that what they defined works. */
async function ensureDefiners(session: Session): Promise<string[]> {
  const rows = await session.query(`
    SELECT DEFINER AS definer FROM information_schema.views WHERE TABLE_SCHEMA NOT IN ('sys', 'mysql')
    UNION SELECT DEFINER FROM information_schema.triggers WHERE TRIGGER_SCHEMA NOT IN ('sys', 'mysql')
    UNION SELECT DEFINER FROM information_schema.routines WHERE ROUTINE_SCHEMA NOT IN ('sys', 'mysql')
    UNION SELECT DEFINER FROM information_schema.events`);
  const notes: string[] = [];
  for (const definer of rows.map((row) => String(row.definer))) {
    const at = definer.lastIndexOf("@");
    const [user, host] = [definer.slice(0, at), definer.slice(at + 1)];
    const [known] = await session.query(`SELECT 1 AS known FROM mysql.user WHERE User = ${quoteText(user)} AND Host = ${quoteText(host)}`);
    if (at < 0 || known) continue;
    await session.query(`CREATE USER ${quoteAccount(user, host)} ACCOUNT LOCK`);
    await session.query(`GRANT ${appRights} ON *.* TO ${quoteAccount(user, host)}`);
    notes.push(`the dump's objects were defined by ${definer}; a locked account of that name was made`);
  }
  return notes;
}

interface Running {
  abort: AbortSignal;
  /** Commands of the repository reach it over a port. */
  network: boolean;
}

async function whileRunning(build: Build, { abort, network }: Running, work: (port: number) => Promise<void>): Promise<void> {
  const { place, programs, runner, clock, options } = build;
  const start = { place, programs, runner, settings: options.settings, clock, abort };
  const port = network ? await startOnAnyPort(start) : 0;
  if (!network) await startServer({ ...start, port: null });
  const clean = await work(port).then(
    () => stopServer(place, clock),
    (error: unknown) => stopServer(place, clock).then(() => Promise.reject(error)),
  );
  if (!clean) throw new WtError({ kind: "machine", code: "mysql_not_stopped", message: `The server in ${place.data} had to be killed.` });
}
