// Clients and servers for the gateway's tests that say exactly the bytes they are told to, and see exactly those they are sent.
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { type GatewayOptions, type ServiceCondition, startGateway } from "./gateway.ts";
import { type Route, RouteTable } from "./route-table.ts";

/** One end of a TCP connection that remembers what it received. */
export interface Peer {
  socket: Socket;
  received(): string;
  bytes(): Buffer;
  send(data: string | Uint8Array): void;
  /** Resolves with everything received so far as soon as `wanted` holds for it; rejects when the connection ends first. */
  until(wanted: string | ((text: string) => boolean)): Promise<string>;
  /** How the connection ended, seen from here. */
  closed: Promise<"end" | "reset">;
}

export function peerOf(socket: Socket): Peer {
  const chunks: Buffer[] = [];
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const one of [...waiting]) one();
  };
  let end: "end" | "reset" | null = null;
  const closed = new Promise<"end" | "reset">((resolve) => {
    const finish = (how: "end" | "reset") => {
      end ??= how;
      resolve(end);
      wake();
    };
    socket.on("error", () => finish("reset"));
    socket.on("end", () => finish("end"));
    socket.on("close", () => finish("end"));
  });
  socket.on("data", (data) => {
    chunks.push(data as Buffer);
    wake();
  });
  const bytes = () => Buffer.concat(chunks);
  const received = () => bytes().toString("latin1");
  const until = (wanted: string | ((text: string) => boolean)) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const text = received();
        const found = typeof wanted === "string" ? text.includes(wanted) : wanted(text);
        if (!found && end === null) return;
        waiting.delete(look);
        if (found) resolve(text);
        else reject(new Error(`The connection ended (${end}) after: ${JSON.stringify(text.slice(0, 2000))}`));
      };
      waiting.add(look);
      look();
    });
  return { socket, received, bytes, send: (data) => void socket.write(data), until, closed };
}

export interface RawServer {
  port: number;
  /** The connections so far, in order. */
  peers: Peer[];
  /** The n-th connection (from 0), when it is there. */
  peer(index: number): Promise<Peer>;
  close(): void;
}

export async function startRawServer(onPeer: (peer: Peer) => void, hostname = "127.0.0.1"): Promise<RawServer> {
  const peers: Peer[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    const peer = peerOf(socket);
    peers.push(peer);
    onPeer(peer);
    server.emit("peer");
  });
  server.listen(0, hostname);
  await once(server, "listening");
  return {
    port: (server.address() as { port: number }).port,
    peers,
    async peer(index) {
      while (peers.length <= index) await once(server, "peer");
      return peers[index]!;
    },
    close() {
      for (const peer of peers) peer.socket.destroy();
      server.close();
    },
  };
}

/** Answers every request that has come whole (without a body) with `answer(head)`. */
export function answerEach(answer: (head: string, peer: Peer) => string | Uint8Array | null): (peer: Peer) => void {
  return (peer) => {
    let used = 0;
    peer.socket.on("data", () => {
      const text = peer.received();
      for (let end = text.indexOf("\r\n\r\n", used); end !== -1; end = text.indexOf("\r\n\r\n", used)) {
        const head = text.slice(used, end);
        used = end + 4;
        const bytes = answer(head, peer);
        if (bytes !== null) peer.send(bytes);
      }
    });
  };
}

export async function openPeer(port: number, hostname = "127.0.0.1"): Promise<Peer> {
  const socket = connect({ port, host: hostname, allowHalfOpen: true });
  await once(socket, "connect");
  return peerOf(socket);
}

export const conditionOf = (change: Partial<ServiceCondition> = {}): ServiceCondition => ({
  state: "Running",
  ready: true,
  starting: false,
  reason: null,
  logTail: [],
  retryAfterMs: null,
  ...change,
});

export function routeOf(host: string, port: number, change: Partial<Route> = {}): Route {
  return { host, prefix: "/", environmentId: "env-1", project: "fibonacci", slug: "my-branch", service: "frontend", port, ...change };
}

/** A gateway on a free port with these routes (of one environment unless they say otherwise). */
export async function startTestGateway(routes: Route[], options: Partial<GatewayOptions> = {}) {
  const table = new RouteTable();
  for (const id of new Set(routes.map((route) => route.environmentId))) {
    table.replace(
      id,
      routes.filter((route) => route.environmentId === id),
    );
  }
  const gateway = await startGateway({ port: 0, table, condition: async () => conditionOf(), ...options });
  return { ...gateway, gateway, table };
}

export function requestText(host: string, change: { method?: string; path?: string; headers?: string[]; body?: string } = {}): string {
  const headers = [`Host: ${host}`, ...(change.headers ?? [])];
  return `${change.method ?? "GET"} ${change.path ?? "/"} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n${change.body ?? ""}`;
}

export function responseText(body: string, headers: string[] = [], status = "200 OK"): string {
  return [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${Buffer.byteLength(body)}`, "", body].join("\r\n");
}
