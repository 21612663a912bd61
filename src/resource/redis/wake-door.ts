// Holds the port of a Redis that sleeps. The first connection that says something wakes it; what came meanwhile is handed over to it.
import { connect, createServer, type Socket } from "node:net";
import { encodeReplyError } from "./redis-link.ts";

export interface WakeDoor {
  /** Gives the port free at once; connections that wait are kept. */
  release(): Promise<void>;
  /** Connects those that wait with the server, which owns the port now. */
  handOver(): void;
  /** Answers those that wait with an error. */
  refuse(reason: string): void;
  /** Listens no more, and ends the connections that still wait. */
  close(): Promise<void>;
}

/** Connections that may wait at once; more are turned away. */
const mostWaiting = 500;

export interface DoorOptions {
  port: number;
  /** Called for every first word. */
  onUse: () => void;
  /** Sockets of connections that were handed over, while they last. */
  handed: Set<Socket>;
}

/** Listens on 127.0.0.1. Rejects with the system's error (`EADDRINUSE`) when the port is held. */
export async function openWakeDoor({ port, onUse, handed }: DoorOptions): Promise<WakeDoor> {
  const waiting = new Map<Socket, Buffer[]>();
  let open = true;
  const server = createServer((socket) => {
    if (!open || waiting.size >= mostWaiting) return void socket.destroy();
    waiting.set(socket, []);
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => waiting.delete(socket));
    // Who only looks whether the port is open wakes nobody: clients of Redis speak first.
    socket.once("data", (chunk: Buffer) => {
      socket.pause();
      waiting.get(socket)?.push(chunk);
      onUse();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port, exclusive: true }, resolve);
  });
  server.removeAllListeners("error");
  server.on("error", () => undefined);

  const release = async () => {
    if (!server.listening) return;
    // Its callback waits for every connection to end; that it listens no more is all that counts.
    server.close();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    release,
    handOver() {
      for (const [socket, received] of waiting) bridge({ socket, received, port }, handed);
      waiting.clear();
    },
    refuse(reason) {
      for (const [socket, received] of waiting) {
        if (received.length === 0) continue;
        waiting.delete(socket);
        socket.end(encodeReplyError(reason));
      }
    },
    async close() {
      open = false;
      await release();
      for (const socket of waiting.keys()) socket.destroy();
    },
  };
}

function bridge(one: { socket: Socket; received: Buffer[]; port: number }, handed: Set<Socket>): void {
  const { socket, received, port } = one;
  socket.removeAllListeners("data");
  const upstream = connect({ host: "127.0.0.1", port });
  upstream.setNoDelay(true);
  for (const [from, to] of [
    [socket, upstream],
    [upstream, socket],
  ] as const) {
    handed.add(from);
    from.on("error", () => from.destroy());
    from.once("close", () => {
      handed.delete(from);
      to.destroySoon();
    });
  }
  for (const chunk of received) upstream.write(chunk);
  socket.pipe(upstream);
  upstream.pipe(socket);
}
