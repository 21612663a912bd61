// What stands behind the fake of Neon: a database of a real server for each branch, and for each compute a door that lets clients of its branch
// in. Neon's branches do not disturb the one they are made from; these close its connections for a moment, as the server's templates demand.
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { quoteLiteral, quoteName } from "../pg-session.ts";
import type { TestServer } from "../test-server.conformance.ts";

export const fakeRole = "neondb_owner";
export const fakeDatabase = "neondb";

export interface FakeStorage {
  /** A branch without a source is the root, and empty. */
  create(branch: string, source: string | null): Promise<void>;
  /** `branch` gets the content and passwords of `source`; its own go to `kept`. */
  exchange(branch: string, source: string, kept: string): Promise<void>;
  drop(branch: string): Promise<void>;
  setPassword(branch: string, password: string): Promise<void>;
  bytes(branch: string): Promise<number>;
  openDoor(branch: string, hooks: { entered: () => void }): Promise<FakeDoor>;
  disposeAll(): Promise<void>;
}

export interface FakeDoor {
  port: number;
  disconnect(): void;
  close(): void;
}

let worlds = 0;

export function createFakeStorage(server: TestServer): FakeStorage {
  const world = `fk${process.pid}x${++worlds}`;
  const database = (branch: string) => `${world}_${branch}`;
  const login = (branch: string) => `${world}_${branch}_login`;
  const doors: FakeDoor[] = [];
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = queue.then(work);
    queue = result.catch(() => undefined);
    return result;
  };
  const copy = async (to: string, from: string | null) => {
    const template = from === null ? "template0" : database(from);
    if (from !== null) await disconnectAll(server, template);
    await server.admin(`CREATE DATABASE ${quoteName(database(to))} TEMPLATE ${quoteName(template)} OWNER ${quoteName(fakeRole)}`);
    // Inside of a session it looks as at Neon: everything belongs to the one owner.
    await server.admin(`CREATE ROLE ${quoteName(login(to))} LOGIN IN ROLE ${quoteName(fakeRole)};
      ALTER ROLE ${quoteName(login(to))} SET role = ${quoteLiteral(fakeRole)}`);
    if (from !== null) await copyPassword(server, login(from), login(to));
  };
  const drop = async (branch: string) => {
    await server.admin(`DROP DATABASE IF EXISTS ${quoteName(database(branch))} WITH (FORCE)`);
    await server.admin(`DROP ROLE IF EXISTS ${quoteName(login(branch))}`);
  };
  return {
    create: (branch, source) =>
      inTurn(async () => {
        if (source === null) await server.admin(ensureOwner);
        await copy(branch, source);
      }),
    exchange: (branch, source, kept) =>
      inTurn(async () => {
        await copy(kept, branch);
        await copy(`${branch}_next`, source);
        await drop(branch);
        await server.admin(`ALTER DATABASE ${quoteName(database(`${branch}_next`))} RENAME TO ${quoteName(database(branch))}`);
        await server.admin(`ALTER ROLE ${quoteName(login(`${branch}_next`))} RENAME TO ${quoteName(login(branch))}`);
      }),
    drop: (branch) => inTurn(() => drop(branch)),
    setPassword: (branch, password) =>
      inTurn(async () => void (await server.admin(`ALTER ROLE ${quoteName(login(branch))} PASSWORD ${quoteLiteral(password)}`))),
    bytes: (branch) =>
      inTurn(async () => Number((await server.admin(`SELECT pg_database_size(${quoteLiteral(database(branch))}) AS bytes`))[0]?.bytes)),
    async openDoor(branch, hooks) {
      const door = await openDoor(server.port, { user: login(branch), database: database(branch), ...hooks });
      doors.push(door);
      return door;
    },
    disposeAll: () =>
      inTurn(async () => {
        for (const door of doors) door.close();
        const databases = await server.admin(`SELECT datname AS name FROM pg_database WHERE datname LIKE ${quoteLiteral(`${world}\\_%`)}`);
        for (const { name } of databases) await server.admin(`DROP DATABASE ${quoteName(name ?? "")} WITH (FORCE)`);
        const roles = await server.admin(`SELECT rolname AS name FROM pg_roles WHERE rolname LIKE ${quoteLiteral(`${world}\\_%`)}`);
        for (const { name } of roles) await server.admin(`DROP ROLE ${quoteName(name ?? "")}`);
      }),
  };
}

const ensureOwner = `DO $$ BEGIN CREATE ROLE ${fakeRole}; EXCEPTION WHEN duplicate_object THEN NULL; END $$`;

async function disconnectAll(server: TestServer, database: string): Promise<void> {
  const inside = `datname = ${quoteLiteral(database)} AND pid <> pg_backend_pid()`;
  await server.admin(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE ${inside}`);
}

async function copyPassword(server: TestServer, from: string, to: string): Promise<void> {
  const [row] = await server.admin(`SELECT rolpassword AS verifier FROM pg_authid WHERE rolname = ${quoteLiteral(from)}`);
  if (row?.verifier) await server.admin(`ALTER ROLE ${quoteName(to)} PASSWORD ${quoteLiteral(row.verifier)}`);
}

interface DoorTarget {
  user: string;
  database: string;
  entered: () => void;
}

/** Clients come as the role and to the database that the API names; the door takes them to those of its branch. */
async function openDoor(serverPort: number, target: DoorTarget): Promise<FakeDoor> {
  const open = new Set<Socket>();
  const door: Server = createServer((client) => {
    open.add(client);
    client.on("error", () => client.destroy());
    client.on("close", () => open.delete(client));
    let received: Buffer = Buffer.alloc(0);
    client.on("data", function read(chunk: Buffer) {
      received = Buffer.concat([received, chunk]);
      if (received.length < 8 || received.length < received.readInt32BE(0)) return;
      const [length, code] = [received.readInt32BE(0), received.readInt32BE(4)];
      if (code === 80_877_103 || code === 80_877_104) {
        received = received.subarray(length);
        client.write("N");
        return;
      }
      client.off("data", read);
      const first = code === 80_877_102 ? received : startup(received.subarray(8, length), target);
      if (typeof first === "string") return void client.end(errorPacket(first));
      target.entered();
      const upstream = dial({ host: "127.0.0.1", port: serverPort });
      upstream.on("error", () => client.destroy());
      upstream.on("close", () => client.destroy());
      client.on("close", () => upstream.destroy());
      upstream.write(first);
      if (code !== 80_877_102) upstream.write(received.subarray(length));
      client.pipe(upstream);
      upstream.pipe(client);
    });
  });
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
  const address = door.address();
  const disconnect = () => {
    for (const client of open) client.destroy();
  };
  return {
    port: typeof address === "object" && address ? address.port : 0,
    disconnect,
    close() {
      disconnect();
      door.close();
    },
  };
}

/** The startup message for the branch, or why the client is not let in. */
function startup(body: Buffer, target: DoorTarget): Buffer | string {
  const words = body.toString("utf8").split("\0");
  const parameters = new Map<string, string>();
  for (let index = 0; words[index]; index += 2) parameters.set(words[index] ?? "", words[index + 1] ?? "");
  if (parameters.get("user") !== fakeRole) return `role "${parameters.get("user")}" does not exist`;
  if ((parameters.get("database") ?? parameters.get("user")) !== fakeDatabase)
    return `database "${parameters.get("database")}" does not exist`;
  parameters.set("user", target.user).set("database", target.database);
  const text = Buffer.from(`${[...parameters].map(([key, value]) => `${key}\0${value}\0`).join("")}\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(text.length + 8, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, text]);
}

function errorPacket(message: string): Buffer {
  const body = Buffer.from(`SFATAL\0C28000\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
