// The listener against a small server of its own: whatever is carried arrives whole, in order, and ends as it ended.
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listenForWake, reached, type WakeListener } from "./wake-listener.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

interface Rig {
  port: number;
  listener: WakeListener;
  /** How often it was asked to wake. */
  wakes: number;
  /** Connects to the server behind. */
  reach: () => Promise<Socket>;
  server: Server;
}

/** A server on a unix socket that does `serve`, and a listener in front of it that nobody has woken. */
async function rig(serve: (socket: Socket) => void, onWake: (made: Rig) => void = (made) => made.listener.carry(made.reach)): Promise<Rig> {
  const directory = mkdtempSync(join(tmpdir(), "wt-wake-"));
  undo.push(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "s");
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  undo.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const port = await freePort();
  const made: Partial<Rig> & { wakes: number } = { port, wakes: 0, server };
  made.reach = () => reached(connect({ path, allowHalfOpen: true }));
  made.listener = await listenForWake({
    port,
    onWake: () => {
      made.wakes++;
      onWake(made as Rig);
    },
    firstWord: "client",
    encodeRefusal: (reason) => Buffer.from(`no: ${reason}`),
  });
  undo.push(() => made.listener?.close());
  return made as Rig;
}

const echo = (socket: Socket) => void socket.pipe(socket);

/** Sends, ends its side, and gives all that comes back until the other side ends. */
function talk(port: number, text: string | Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    const chunks: Buffer[] = [];
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("end", () => resolve(Buffer.concat(chunks)));
    socket.on("connect", () => socket.end(text));
  });
}

describe("carry", () => {
  test("all that wait and all that come later get through; it is woken once", async () => {
    const made = await rig(echo, (one) => setTimeout(() => one.listener.carry(one.reach), 20));
    const asked = Array.from({ length: 50 }, (_, index) => talk(made.port, `question ${index}`));
    expect((await Promise.all(asked)).map(String)).toEqual(asked.map((_, index) => `question ${index}`));
    expect((await talk(made.port, "later")).toString()).toBe("later");
    expect(made.wakes).toBe(1);
  });

  test("bytes of every value arrive unchanged, also when the other side is slow", async () => {
    const slow = (socket: Socket) => {
      socket.pause();
      setTimeout(() => socket.pipe(socket), 30);
    };
    const made = await rig(slow);
    const bytes = Buffer.alloc(8_000_000);
    for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 31 + (at >> 8)) & 0xff;
    const back = await talk(made.port, bytes);
    expect(back.length).toBe(bytes.length);
    expect(back.equals(bytes)).toBe(true);
  });

  test("a client that has said all gets the answer that comes afterwards", async () => {
    const made = await rig((socket) => {
      const chunks: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      socket.on("end", () => socket.end(`after ${Buffer.concat(chunks)}`));
    });
    expect((await talk(made.port, "one")).toString()).toBe("after one");
    expect((await talk(made.port, "two")).toString()).toBe("after two");
  });

  test("a server that drops a connection drops it for the client, and a client's end ends it at the server", async () => {
    const ended: Promise<void>[] = [];
    const made = await rig((socket) => {
      ended.push(new Promise((resolve) => socket.once("close", () => resolve())));
      socket.on("data", (chunk) => String(chunk) === "drop" && socket.destroy());
      socket.on("end", () => socket.end());
    });
    expect((await talk(made.port, "drop")).toString()).toBe("");
    const socket = connect({ host: "127.0.0.1", port: made.port });
    await new Promise<void>((resolve) => socket.once("connect", () => socket.write("stay", () => resolve())));
    while (ended.length < 2) await Bun.sleep(1);
    socket.destroy();
    await Promise.all(ended);
  });

  test("a server that is gone: connections wait again and wake it", async () => {
    const made = await rig(echo);
    expect((await talk(made.port, "one")).toString()).toBe("one");
    const { reach } = made;
    let gone = true;
    made.listener.carry(() => (gone ? Promise.reject(new Error("gone")) : reach()));
    made.reach = async () => {
      gone = false;
      return reach();
    };
    expect((await talk(made.port, "two")).toString()).toBe("two");
    expect(made.wakes).toBe(2);
  });
});

describe("hold and refuse", () => {
  test("after hold new connections wait and wake it, carried ones live on", async () => {
    const made = await rig(echo);
    const old = connect({ host: "127.0.0.1", port: made.port });
    const said = (text: string) =>
      new Promise<string>((resolve) => {
        old.once("data", (chunk) => resolve(String(chunk)));
        old.write(text);
      });
    expect(await said("before")).toBe("before");
    made.listener.hold();
    expect(await said("after")).toBe("after");
    expect((await talk(made.port, "new")).toString()).toBe("new");
    expect(made.wakes).toBe(2);
    old.destroy();
  });

  test("those that wait are told why not, and the next one wakes it again", async () => {
    const made = await rig(echo, (one) => (one.wakes === 1 ? one.listener.refuse("broken") : one.listener.carry(one.reach)));
    expect((await talk(made.port, "one")).toString()).toBe("no: broken");
    expect((await talk(made.port, "two")).toString()).toBe("two");
  });

  test("who connects and says nothing wakes nobody", async () => {
    const made = await rig(echo);
    const socket = connect({ host: "127.0.0.1", port: made.port });
    await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
    socket.destroy();
    expect((await talk(made.port, "one")).toString()).toBe("one");
    expect(made.wakes).toBe(1);
  });
});

test("handOver: those that wait reach the server that has the port now", async () => {
  const made = await rig(echo, () => undefined);
  const asked = talk(made.port, "mine");
  while (made.wakes === 0) await Bun.sleep(1);
  await made.listener.release();
  const server = createServer({ allowHalfOpen: true }, echo);
  await new Promise<void>((resolve) => server.listen(made.port, "127.0.0.1", resolve));
  undo.push(() => server.close());
  made.listener.handOver();
  expect((await asked).toString()).toBe("mine");
});
