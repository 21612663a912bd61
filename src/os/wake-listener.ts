// Holds the port of a server that sleeps. The first connection that uses it wakes it; the connections that came meanwhile are kept
// and handed over. Later ones reach the server itself: it owns the port as soon as it is awake.
import { connect, createServer, type Server, type Socket } from "node:net";

export interface WakeListener {
  /** Gives the port free for the server. Connections that wait are kept. */
  release(): Promise<void>;
  /** Connects those that wait with the server. */
  handOver(): void;
  /** Tells those that wait why it did not wake, in the words of `encodeRefusal`. */
  refuse(reason: string): void;
  /** Ends it all, handed-over connections included. */
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
  /** Called once. */
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
  const server = createServer((socket) => {
    if (waiting.size >= mostWaiting) return void socket.destroy();
    const entry: Waiting = { socket, received: [] };
    waiting.add(entry);
    socket.setTimeout(silenceMs, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.once("close", () => waiting.delete(entry));
    const wake = () => {
      if (woken) return;
      woken = true;
      onWake();
    };
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
      for (const entry of waiting) bridge(entry, port, bridged);
      waiting.clear();
    },
    refuse(reason) {
      for (const { socket } of waiting) socket.end(encodeRefusal(reason));
      waiting.clear();
    },
    async close() {
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

function bridge({ socket, received }: Waiting, port: number, bridged: Set<Socket>): void {
  // What comes before the server is reached must not flow away.
  socket.pause();
  socket.removeAllListeners("data");
  socket.setTimeout(0);
  // Over TCP, never the private socket: the server itself must ask for the password.
  const upstream = connect({ host: "127.0.0.1", port });
  for (const [one, other] of [
    [socket, upstream],
    [upstream, socket],
  ] as const) {
    bridged.add(one);
    one.setNoDelay(true);
    one.on("error", () => one.destroy());
    one.once("close", () => {
      bridged.delete(one);
      other.destroySoon();
    });
  }
  upstream.once("connect", () => {
    for (const chunk of received) upstream.write(chunk);
    socket.pipe(upstream);
    upstream.pipe(socket);
  });
}
