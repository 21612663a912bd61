// Builds what a template holds, in a private directory: initdb, a role and a database, then the dump, migrations, seed and mask.
import { chownSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import { exec } from "../../os/exec.ts";
import type { ServerUser } from "../../os/server-user.ts";
import type { ResourceCall } from "../resource-driver.ts";
import type { Stage } from "../template-stages.ts";
import type { BranchInputs } from "./branch-inputs.ts";
import { appLogin, connectionOf, randomPassword } from "./connection.ts";
import { adminRole, appRole, linkSettings, readControlState, refuseShared } from "./data-directory.ts";
import { loadSql, restoreDump } from "./load-dump.ts";
import { openSession, PgFailure, quoteLiteral, quoteName, type Session, withSession } from "./pg-session.ts";
import type { BranchOptions } from "./postgres-options.ts";
import { adminTarget, asAdmin, type ServerPlace, type ServerStart, startServer, stopServer } from "./postmaster.ts";
import type { ServerPrograms } from "./server-programs.ts";
import { spawnOnData } from "./server-spawn.ts";

export interface Build {
  place: ServerPlace;
  programs: ServerPrograms;
  user: ServerUser | null;
  options: BranchOptions;
  clock: Clock;
  /** Where to find programs of the machine. */
  path: string;
  /** `resources.db`, for errors. */
  name: string;
}

const loaderRole = "worldtree_loader";

/** Makes an empty cluster with the role and the database in the empty directory `place.data`; leaves it stopped. */
export async function buildBase(build: Build, abort: AbortSignal): Promise<void> {
  const { place, user } = build;
  if (user) chownSync(place.data, user.uid, user.gid);
  await initdb(build, abort);
  await linkSettings(place.data);
  await whileRunning(build, { abort, throwaway: true }, async (port) => {
    await asAdmin(place, port, async (session) => {
      await session.query(`CREATE ROLE ${appRole} LOGIN CREATEDB`);
      await session.query(`CREATE DATABASE ${appRole} OWNER ${appRole}`);
    });
  });
}

/** What one stage of a template does, of what there is to do. */
export interface StageContent {
  inputs: BranchInputs;
  does: Stage["does"];
}

/** Fills a copy of the stage before and leaves it stopped; gives notes about what was passed over. */
export async function buildContent(build: Build, { inputs, does }: StageContent, call: ResourceCall): Promise<string[]> {
  const notes: string[] = [];
  await whileRunning(build, { abort: call.abort, throwaway: true }, async (port) => {
    const password = randomPassword();
    await asAdmin(build.place, port, (session) =>
      session.query(
        `CREATE ROLE ${loaderRole} SUPERUSER LOGIN PASSWORD ${quoteLiteral(password)}; ALTER ROLE ${appRole} PASSWORD ${quoteLiteral(password)}`,
      ),
    );
    if (does.includes("extensions")) await addExtensions(build, port);
    if (inputs.from && does.includes("from")) {
      call.report(`reading ${inputs.from.path}`);
      notes.push(...(await load(build, { port, password, source: inputs.from, key: "from", abort: call.abort })));
      // A migration works on it as the app.
      await withSession(adminTarget(build.place, port, appRole), handOver);
    }
    for (const key of ["migrate", "seed"] as const) {
      const stage = inputs[key];
      if (!stage || !does.includes(key)) continue;
      call.report(`${key}: ${stage.command}`);
      await call.run(stage.command, connectionOf(appLogin({ password, port }), build.options.variable).variables);
    }
    if (inputs.mask && does.includes("mask")) {
      call.report(`masking with ${inputs.mask.path}`);
      await load(build, { port, password, source: inputs.mask, key: "mask", abort: call.abort });
    }
    notes.push(...(await finish(build, port, { masked: does.includes("mask") })));
  });
  return notes;
}

/** A template must come up by itself, answer, have checksums, stop cleanly and share nothing. */
export async function verifyBuild(build: Build, abort: AbortSignal): Promise<void> {
  const { place } = build;
  refuseShared(place.data);
  await whileRunning(build, { abort, throwaway: false }, async (port) => {
    const [row] = await withSession(adminTarget(place, port, appRole), (session) =>
      session.query("SELECT current_setting('data_checksums') AS checksums, count(*) AS relations FROM pg_class"),
    );
    if (row?.checksums !== "on") throw new Error("the template has no checksums");
  });
  if ((await readControlState(place.data)) !== "stopped") throw new Error("the template did not stop cleanly");
}

async function initdb({ place, programs, user, options, name }: Build, abort: AbortSignal): Promise<void> {
  const plain = ["-U", adminRole, "-A", "trust", "--data-checksums", "--no-sync", "--encoding=UTF8", "--wal-segsize=4"];
  const choices = options.locale
    ? [[`--locale=${options.locale}`]]
    : [
        programs.major >= 17 ? ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"] : ["--locale=C.UTF-8"],
        ["--locale=C"],
      ];
  let output = "";
  for (const locale of choices) {
    abort.throwIfAborted();
    const child = spawnOnData({
      command: [join(programs.directory, "initdb"), ...plain, ...locale],
      data: place.data,
      user,
      output: "pipe",
    });
    const texts = [child.stdout, child.stderr].map((stream) => new Response(stream as ReadableStream).text());
    const [stdout = "", stderr = ""] = await Promise.all(texts);
    if ((await child.exited) === 0) return;
    output = `${stdout}\n${stderr}`;
    // A locale that is missing is found before anything is written.
    if (!/locale/.test(stderr)) break;
  }
  const reason = /(?:error|FATAL|PANIC|ERROR): +(.*)/.exec(output)?.[1] ?? output.trim().split("\n").at(-1) ?? "";
  throw new WtError({
    kind: options.locale && /locale/.test(output) ? "config" : "machine",
    code: "initdb_failed",
    message: `${options.locale ? `${name}.locale: ` : ""}initdb of PostgreSQL ${programs.version} failed: ${reason.replace(/\.$/, "")}.`,
    hints: options.locale ? ["`locale -a` lists what this machine has."] : ["Run `wt doctor`."],
    details: { lines: output.trim().split("\n").slice(-12) },
  });
}

interface Running {
  abort: AbortSignal;
  throwaway: boolean;
}

async function whileRunning(build: Build, { abort, throwaway }: Running, work: (port: number) => Promise<void>): Promise<void> {
  const { place, programs, user, clock, options } = build;
  const start = (port: number): ServerStart => ({
    place,
    programs,
    user,
    clock,
    abort,
    settings: { major: programs.major, port, label: "worldtree template", settings: options.settings, throwaway },
  });
  const port = await startOnAnyPort(start);
  // A long statement of a dump or a mask ends with its server.
  const stop = () => void stopServer(place, clock).catch(() => undefined);
  abort.addEventListener("abort", stop, { once: true });
  try {
    await work(port);
  } catch (error) {
    abort.throwIfAborted();
    throw error;
  } finally {
    abort.removeEventListener("abort", stop);
    await stopServer(place, clock);
  }
}

/** A free port may be taken by somebody else before the server binds it. */
async function startOnAnyPort(start: (port: number) => ServerStart): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = await anyPort();
    try {
      await startServer(start(port));
      return port;
    } catch (error) {
      if (!(error instanceof WtError && error.code === "port_taken") || attempt === 5) throw error;
    }
  }
}

function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

async function addExtensions({ place, options, name }: Build, port: number): Promise<void> {
  await withSession(adminTarget(place, port, appRole), async (session) => {
    for (const extension of options.extensions) {
      await session.query(`CREATE EXTENSION IF NOT EXISTS ${quoteName(extension)} CASCADE`).catch((error: unknown) => {
        if (!(error instanceof PgFailure)) throw error;
        throw new WtError({
          kind: "config",
          code: "extension_missing",
          message: `${name}.extensions: the extension ${extension} cannot be made: ${error.message.replace(/\.$/, "")}.`,
          hints: ["Install it for this PostgreSQL, or choose another one with `version:`."],
        });
      });
    }
  });
}

interface Load {
  port: number;
  password: string;
  source: NonNullable<BranchInputs["from"]>;
  key: string;
  abort: AbortSignal;
}

async function load(build: Build, { port, password, source, key, abort }: Load): Promise<string[]> {
  if (source.kind === "sql") {
    const session = await openSession({ ...adminTarget(build.place, port, appRole), user: loaderRole });
    try {
      return await loadSql({ session, path: source.path, key: `${build.name}.${key}`, abort });
    } finally {
      session.close();
    }
  }
  const connection = { PGHOST: "127.0.0.1", PGPORT: String(port), PGUSER: loaderRole, PGPASSWORD: password };
  await restoreDump({ path: source.path, programs: build.programs, searchPath: build.path, connection, abort });
  return [];
}

async function handOver(session: Session): Promise<void> {
  await session.query(`REASSIGN OWNED BY ${loaderRole} TO ${appRole}`);
  await joinRoles(session);
}

/** Everything loaded becomes the app's; statistics and hint bits are written once here instead of in every branch. */
async function finish({ place }: Build, port: number, { masked }: { masked: boolean }): Promise<string[]> {
  const notes: string[] = [];
  await withSession(adminTarget(place, port, appRole), async (session) => {
    await session.query(`REASSIGN OWNED BY ${loaderRole} TO ${appRole}`);
    await session.query(`DROP OWNED BY ${loaderRole}`);
    await session.query(`DROP ROLE ${loaderRole}`);
    await joinRoles(session);
    const servers = await session.query("SELECT srvname FROM pg_foreign_server");
    for (const { srvname } of servers) notes.push(`the foreign server ${srvname} still leads out of this database`);
    for (const { subname } of await session.query("SELECT subname FROM pg_subscription")) {
      await session.query(`ALTER SUBSCRIPTION ${quoteName(subname ?? "")} DISABLE`);
      await session.query(`ALTER SUBSCRIPTION ${quoteName(subname ?? "")} SET (slot_name = NONE)`);
      await session.query(`DROP SUBSCRIPTION ${quoteName(subname ?? "")}`);
      notes.push(`the subscription ${subname} was taken out`);
    }
    await session.query(`ALTER ROLE ${appRole} PASSWORD NULL`);
    // Frozen rows are never written again: a branch that only reads them goes on sharing their blocks.
    if (!masked) await session.query("VACUUM (FREEZE, ANALYZE)");
    else {
      // What was masked is still in dead rows, in the gaps of pages, in samples of the planner and in the log: all of it is written anew.
      await session.query("ANALYZE");
      await session.query("VACUUM (FULL, FREEZE)");
      await session.query("SELECT pg_switch_wal()");
    }
    await session.query("CHECKPOINT");
  });
  return notes;
}

/** Roles a dump brought along own things that the app must be able to change. */
async function joinRoles(session: Session): Promise<void> {
  const roles = await session.query(
    `SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND NOT rolsuper AND rolname <> ${quoteLiteral(appRole)}`,
  );
  for (const { rolname } of roles) await session.query(`GRANT ${quoteName(rolname ?? "")} TO ${appRole}`);
}

/** Everything of this file system on the disk: a template is only relied on after this. */
export async function syncFileSystem(path: string): Promise<void> {
  const result = await exec(["sync", "-f", path], { cwd: "/", env: { PATH: "/usr/bin:/bin" } }).catch(() => null);
  if (result?.code !== 0) await exec(["sync"], { cwd: "/", env: { PATH: "/usr/bin:/bin" } });
}
