// `server:`: a database and a role of its own on a server that is there already. Our notes hold the password; the server holds the rest.
import { WtError } from "../../errors/wt-error.ts";
import { removeTree } from "../../os/files.ts";
import { databaseAbsent } from "../database-absent.ts";
import type { ResourceCall, ResourceConnection, ResourceSpec } from "../resource-driver.ts";
import type { BranchServer } from "./branch-server.ts";
import { connectionOf, randomPassword } from "./connection.ts";
import { postgresOptions, type ServerOptions } from "./postgres-options.ts";
import { copySurroundings } from "./server-copy.ts";
import {
  closeDatabase,
  createDatabase,
  dropDatabase,
  dropHolding,
  ensureRole,
  exchangeDatabase,
  type Holding,
  type HoldingState,
  markWhole,
  openDatabase,
  readHolding,
  refuseUnable,
  retireHolding,
  takeOwnership,
} from "./server-database.ts";
import { type ServerLink, serverRefusal, withServer } from "./server-link.ts";
import { readNotes, type ServerNotes, stateOf, writeNotes } from "./server-notes.ts";
import { serverUrlText } from "./server-url.ts";
import { checkReachable, placeOf, readServerUrl, sharedLogin } from "./shared-database.ts";

export function createDatabaseOnServer(): BranchServer {
  return {
    ...contentVerbs(),
    ...checkpointVerbs(),
    async observe(spec) {
      try {
        const state = await onServer(spec, (link, holding) => stateOf(spec, link, holding));
        if (state === "absent") return { state };
        if (state === "foreign") return { state, reason: `There is a database or role ${spec.label} that is not ours.` };
        const detail = `${spec.label} on ${placeOf(readServerUrl(optionsOf(spec).url))}`;
        const notes = await readNotes(spec);
        if (state !== "whole" || !notes?.complete) return { state: "broken", reason: "it was left half-made; `wt up` makes it anew." };
        return notes.retired ? { state: "broken", reason: "it was put aside; `wt up` brings it back." } : { state: "ready", detail };
      } catch (error) {
        if (!(error instanceof WtError)) throw error;
        return { state: "broken", reason: error.message };
      }
    },
    async connection(spec) {
      const notes = await readNotes(spec);
      return notes?.complete ? connect(spec, spec.label, notes.password) : null;
    },
    sleep: async () => false,
    wake: async () => undefined,
    async usage(spec) {
      const size = await onServer(spec, async (link, { label }) => {
        const [row] = await link.run(`SELECT pg_database_size(oid)::float8 AS bytes FROM pg_database WHERE datname = '${label}'`);
        return Number(row?.bytes ?? 0);
      });
      return { exclusiveBytes: size, sharedBytes: 0, how: "pg_database_size, as the server tells" };
    },
    adopt: async () => undefined,
    close: async () => undefined,
  };
}

function contentVerbs(): Pick<BranchServer, "ensure" | "reset" | "remove" | "retire"> {
  return {
    ensure: (spec, call) =>
      onServer(spec, async (link, holding) => {
        call.abort.throwIfAborted();
        const state = await stateOf(spec, link, holding);
        refuseForeign(state, holding);
        if (state !== "whole") await refuseUnable(link, holding);
        const notes = (await readNotes(spec)) ?? { nonce: spec.nonce, password: randomPassword(), retired: false };
        if (state !== "whole" && notes.retired) throw await lost(spec, { ...notes, complete: false });
        // Before the first of it is made: from now on a database without a mark is half of one.
        await writeNotes(spec, { ...notes, complete: state === "whole" });
        try {
          await ensureRole(link, holding, notes.password);
          if (state === "whole") await openDatabase(link, spec.label);
          else {
            await dropDatabase(link, holding, spec.label);
            await fill(spec, { link, holding, name: spec.label, password: notes.password, call });
            await markWhole(link, holding, spec.label);
          }
        } catch (error) {
          if (state !== "whole") await dropHolding(link, holding);
          if (state !== "whole") await removeTree(spec.directory);
          throw call.abort.aborted || error instanceof WtError
            ? error
            : serverRefusal(holding.key, `make the database ${spec.label}`, error);
        }
        await writeNotes(spec, { ...notes, complete: true, retired: false });
        return connect(spec, spec.label, notes.password);
      }),
    reset: (spec, call) =>
      onServer(spec, async (link, holding) => {
        const { password } = await own(spec, link, holding);
        const next = `${spec.label}_n`;
        await dropDatabase(link, holding, next);
        try {
          await fill(spec, { link, holding, name: next, password, call });
          await markWhole(link, holding, next);
          await exchangeDatabase(link, holding, next);
        } catch (error) {
          await dropDatabase(link, holding, next);
          throw error;
        }
        return connect(spec, spec.label, password);
      }),
    retire: (spec) =>
      onServer(spec, async (link, holding) => {
        const state = await stateOf(spec, link, holding);
        refuseForeign(state, holding);
        if (state !== "whole") return false;
        const notes = (await readNotes(spec)) ?? { nonce: spec.nonce, password: randomPassword() };
        // Before anything else: what is missing from here on was lost, and is not made a first time.
        await writeNotes(spec, { ...notes, complete: true, retired: true });
        await retireHolding(link, holding).catch((error: unknown) => {
          throw serverRefusal(holding.key, `put the database ${spec.label} aside`, error);
        });
        return true;
      }),
    async remove(spec) {
      await onServer(spec, async (link, holding) => {
        const state = await stateOf(spec, link, holding);
        refuseForeign(state, holding);
        if (state !== "absent") await dropHolding(link, holding);
        if ((await readHolding(link, holding)) !== "absent") throw new Error(`the database ${spec.label} is still there`);
      });
      await removeTree(spec.directory);
    },
  };
}

function checkpointVerbs(): Pick<BranchServer, "checkpoint" | "restore" | "removeCheckpoint"> {
  return {
    checkpoint: (spec, id) =>
      onServer(spec, async (link, holding) => {
        await own(spec, link, holding);
        const name = checkpointName(spec, id);
        if (await exists(link, name)) {
          throw new WtError({
            kind: "refused",
            code: "checkpoint_exists",
            message: `There is a checkpoint ${id} already.`,
            hints: ["Choose another name."],
          });
        }
        // The server copies only what nobody is connected to.
        await closeDatabase(link, spec.label);
        try {
          await createDatabase(link, holding, { name, from: spec.label });
          await copySurroundings(link, { from: spec.label, to: name, role: spec.label, report: quiet });
        } finally {
          await openDatabase(link, spec.label);
        }
      }),
    restore: (spec, id) =>
      onServer(spec, async (link, holding) => {
        await own(spec, link, holding);
        const name = checkpointName(spec, id);
        if (!(await exists(link, name)))
          throw new WtError({ kind: "not_found", code: "checkpoint_absent", message: `There is no checkpoint ${id}.` });
        const next = `${spec.label}_n`;
        await dropDatabase(link, holding, next);
        await createDatabase(link, holding, { name: next, from: name });
        await copySurroundings(link, { from: name, to: next, role: spec.label, report: quiet });
        await markWhole(link, holding, next);
        await exchangeDatabase(link, holding, next);
      }),
    removeCheckpoint: (spec, id) => onServer(spec, (link, holding) => dropDatabase(link, holding, checkpointName(spec, id))),
  };
}

interface Filling {
  link: ServerLink;
  holding: Holding;
  name: string;
  password: string;
  call: ResourceCall;
}

/** Makes the database and what is in it. */
async function fill(spec: ResourceSpec, { link, holding, name, password, call }: Filling): Promise<void> {
  const options = optionsOf(spec);
  call.report(options.from === null ? `making an empty database ${name}` : `copying ${options.from} to ${name}`);
  await createDatabase(link, holding, { name, from: options.from });
  call.abort.throwIfAborted();
  await withServer({ url: options.url, key: holding.key, database: name }, (inside) => takeOwnership(inside, holding)).catch(
    (error: unknown) => {
      if (error instanceof WtError && error.code === "database_unreachable") throw notReached(error, { key: holding.key, name });
      throw serverRefusal(holding.key, `give ${spec.label} what is in ${name}`, error);
    },
  );
  // After that: it may hold `default_transaction_read_only`.
  if (options.from !== null) await copySurroundings(link, { from: options.from, to: name, role: spec.label, report: call.report });
  const connection = connect(spec, name, password);
  await checkReachable(connection.values.url ?? "", holding.key).catch((error: unknown) => {
    throw notReached(error, { key: holding.key, name });
  });
  for (const key of ["migrate", "seed"] as const) {
    const command = options[key];
    if (command === null) continue;
    call.report(`${key}: ${command}`);
    await call.run(command, connection.variables);
    call.abort.throwIfAborted();
  }
}

/** The way the app will take: a pooler or the server's pg_hba.conf may not let the new role in where they let us in. */
function notReached(error: unknown, { key, name }: { key: string; name: string }): WtError {
  const reason = error instanceof WtError ? error.message.replace(/^.*? does not answer: /, "") : String(error);
  return new WtError({
    kind: "config",
    code: "database_not_reached",
    message: `${key}: the database ${name} was made and taken back, since nobody gets into it: ${reason}`,
    hints: ["Where this address is a pooler such as PgBouncer, name the server itself; else let new roles in by password in pg_hba.conf."],
  });
}

function onServer<T>(spec: ResourceSpec, work: (link: ServerLink, holding: Holding) => Promise<T>): Promise<T> {
  const holding = { label: spec.label, nonce: spec.nonce, key: `resources.${spec.name}.server` };
  return withServer({ url: optionsOf(spec).url, key: holding.key }, (link) => work(link, holding));
}

function optionsOf(spec: ResourceSpec): ServerOptions {
  const options = postgresOptions(spec.options);
  if (options.mode !== "server") throw new Error(`the resource ${spec.name} names no server`);
  return options;
}

/** As the server is reached by us, TLS and all, but as the environment's own role. */
function connect(spec: ResourceSpec, database: string, password: string): ResourceConnection {
  const options = optionsOf(spec);
  const url = serverUrlText({ ...readServerUrl(options.url), user: spec.label, password, database });
  return connectionOf(sharedLogin(url), options.variable);
}

async function own(spec: ResourceSpec, link: ServerLink, holding: Holding): Promise<ServerNotes> {
  const state = await stateOf(spec, link, holding);
  refuseForeign(state, holding);
  const notes = await readNotes(spec);
  if (state === "whole" && notes) return notes;
  throw databaseAbsent(spec.label);
}

/** Once: whoever asks again, having been told, gets a new one. */
async function lost(spec: ResourceSpec, notes: ServerNotes): Promise<WtError> {
  await writeNotes(spec, { ...notes, retired: false });
  return new WtError({
    kind: "machine",
    code: "resource_lost",
    message: `The database ${spec.label} was kept on ${placeOf(readServerUrl(optionsOf(spec).url))} and is not there any more.`,
    hints: ["`wt up` makes a new one, without what that one held."],
  });
}

function refuseForeign(state: HoldingState, { label, key }: Holding): void {
  if (state !== "foreign") return;
  throw new WtError({
    kind: "refused",
    code: "database_foreign",
    message: `${key}: there is a database or role ${label} on that server that is not ours.`,
    hints: ["Nothing was changed. Rename or drop it by hand if it is no longer needed."],
  });
}

function checkpointName(spec: ResourceSpec, id: string): string {
  return `wtc_${new Bun.CryptoHasher("sha256").update(`${spec.label}\0${id}`).digest("hex").slice(0, 40)}`;
}

async function exists(link: ServerLink, name: string): Promise<boolean> {
  return (await link.run(`SELECT 1 FROM pg_database WHERE datname = '${name}'`)).length > 0;
}

function quiet(): void {
  // Nobody waits for progress.
}
