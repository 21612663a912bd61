// Holds the port of a server that sleeps. The first connection that uses it wakes it; the connections that came meanwhile are kept
// and handed over. Then either the server owns the port itself (`release`, `handOver`), and connections that come in between are refused, or the
// listener goes on holding it and carries every connection to wherever the server listens (`carry`), and none ever is.
import { connect, createServer, type Server, type Socket } from "node:net";

export interface WakeListener {
  /** Gives the port free for the server. Connections that wait are kept. */
  release(): Promise<void>;
  /** Connects those that wait with the server. */
  handOver(): void;
  /**
   * Carries every connection, those that wait first, to the server that `reach` connects to, byte by byte. When `reach` rejects, connections wait
   * again and `onWake` is called.
   */
  carry(reach: () => Promise<Socket>): void;
  /** No more: connections that come from now on wait, and the first that is used calls `onWake`. Those that are carried live on. */
  hold(): void;
  /** Tells those that wait why it did not wake, in the words of `encodeRefusal`. The next one that is used calls `onWake` again. */
  refuse(reason: string): void;
  /** Ends it all, handed-over and carried connections included. */
  close(): Promise<void>;
}

/** Connections that may wait at once; more are turned away. */
const mostWaiting = 200;
const silenceMs = 60_000;

interface Waiting {
  socket: Socket;
  received: Buffer[];
}

export interface WakeOptions {
  port: number;
  /** Called once for all that wait. */
  onWake: () => void;
  /** Where the server speaks first, a client that connected and stays for a moment wants something. */
  firstWord: "client" | "server";
  /** An error in the server's own protocol. */
  encodeRefusal: (reason: string) => Buffer;
}

/** Who connects and is gone again within this time only looked whether the port is open. */
const glanceMs = 15;

/** Listens on 127.0.0.1. Rejects with the system's error (`EADDRINUSE`) when the port is held. */
export async function listenForWake({ port, onWake, firstWord, encodeRefusal }: WakeOptions): Promise<WakeListener> {
  const waiting = new Set<Waiting>();
  const bridged = new Set<Socket>();
  let woken = false;
  let carrier: (() => Promise<Socket>) | null = null;
  const wake = () => {
    if (woken) return;
    woken = true;
    onWake();
  };
  const hold = () => {
    carrier = null;
    woken = false;
  };
  const carryOver = async (entry: Waiting, reach: () => Promise<Socket>) => {
    readyForBridge(entry.socket, bridged);
    const upstream = await reach().catch(() => null);
    if (upstream) return join(entry, upstream, bridged);
    if (entry.socket.destroyed) return;
    // The server ended a moment ago.
    if (carrier === reach) hold();
    waiting.add(entry);
    if (carrier) carryAll(carrier);
    else wake();
  };
  const carryAll = (reach: () => Promise<Socket>) => {
    const entries = [...waiting];
    waiting.clear();
    for (const entry of entries) void carryOver(entry, reach);
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const entry: Waiting = { socket, received: [] };
    socket.on("error", () => socket.destroy());
    if (carrier) return void carryOver(entry, carrier);
    if (waiting.size >= mostWaiting) return void socket.destroy();
    waiting.add(entry);
    socket.setTimeout(silenceMs, () => socket.destroy());
    socket.once("close", () => waiting.delete(entry));
    socket.once("end", () => entry.received.length === 0 && waiting.has(entry) && socket.destroy());
    // Somebody who only looks whether the port is open wakes nobody.
    if (firstWord === "server") setTimeout(() => waiting.has(entry) && wake(), glanceMs);
    socket.once("data", (chunk: Buffer) => {
      socket.pause();
      entry.received.push(chunk);
      wake();
    });
  });
  await listen(server, port);
  const release = () => new Promise<void>((resolve) => (server.listening ? stopAccepting(server, resolve) : resolve()));
  return {
    release,
    handOver() {
      // Over TCP, never the private socket: the server itself must ask for the password.
      carryAll(() => reachTcp(port));
    },
    carry(reach) {
      carrier = reach;
      carryAll(reach);
    },
    hold,
    refuse(reason) {
      for (const { socket } of waiting) socket.end(encodeRefusal(reason));
      waiting.clear();
      hold();
    },
    async close() {
      carrier = null;
      for (const { socket } of waiting) socket.destroy();
      for (const socket of bridged) socket.destroy();
      await release();
    },
  };
}

/** `close` of the server waits for its connections; that it listens no more is all that counts. */
function stopAccepting(server: Server, done: () => void): void {
  server.close();
  setImmediate(done);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
      server.off("error", reject);
      server.on("error", () => undefined);
      resolve();
    });
  });
}

function reachTcp(port: number): Promise<Socket> {
  return reached(connect({ host: "127.0.0.1", port, allowHalfOpen: true }));
}

/** Resolves with the socket once it is connected, paused; rejects with the system's error. */
export function reached(socket: Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.pause();
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

/** What comes before the server is reached must not flow away. */
function readyForBridge(socket: Socket, bridged: Set<Socket>): void {
  socket.pause();
  socket.removeAllListeners("data");
  socket.setTimeout(0);
  bridged.add(socket);
  socket.once("close", () => bridged.delete(socket));
}

/** Each end's bytes and its end go to the other as they come, no faster than the other takes them. */
function join({ socket, received }: Waiting, upstream: Socket, bridged: Set<Socket>): void {
  if (socket.destroyed) return void upstream.destroy();
  bridged.add(upstream);
  upstream.once("close", () => bridged.delete(upstream));
  for (const [one, other] of [
    [socket, upstream],
    [upstream, socket],
  ] as const) {
    one.setNoDelay(true);
    one.on("error", () => one.destroy());
    one.once("close", () => other.destroySoon());
  }
  for (const chunk of received) upstream.write(chunk);
  if (socket.readableEnded) upstream.end();
  else socket.pipe(upstream);
  upstream.pipe(socket);
}
