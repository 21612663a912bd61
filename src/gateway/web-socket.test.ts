// WebSockets through the gateway, with Bun's and with raw peers.
import { afterEach, describe, expect, test } from "bun:test";
import {
  openPeer,
  type Peer,
  type RawServer,
  requestText,
  responseText,
  routeOf,
  startRawServer,
  startTestGateway,
} from "./raw-peers.conformance.ts";

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

async function gatewayTo(port: number) {
  const gateway = await startTestGateway([routeOf("a.localhost", port)]);
  ending.push(() => gateway.stop());
  return gateway;
}

async function rawServer(onPeer: (peer: Peer) => void = () => undefined): Promise<RawServer> {
  const server = await startRawServer(onPeer);
  ending.push(() => server.close());
  return server;
}

interface Seen {
  protocol: string | null;
  pings: string[];
  closed: Promise<[code: number, reason: string]>;
}

/** Echoes; `close me` is answered with 4001, `ping me` with a ping. */
function echoServer() {
  const closed = Promise.withResolvers<[number, string]>();
  const seen: Seen = { protocol: null, pings: [], closed: closed.promise };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, serving) {
      seen.protocol = request.headers.get("sec-websocket-protocol");
      return serving.upgrade(request) ? undefined : new Response("no", { status: 400 });
    },
    websocket: {
      maxPayloadLength: 64 << 20,
      backpressureLimit: 64 << 20,
      open: (socket) => void socket.send("welcome"),
      message(socket, message) {
        if (message === "close me") socket.close(4001, "as you wish");
        else if (message === "ping me") socket.ping("are you there");
        else socket.send(message);
      },
      pong: (_socket, data) => void seen.pings.push(data.toString()),
      close: (_socket, code, reason) => closed.resolve([code, reason]),
    },
  });
  ending.push(() => server.stop(true));
  return { port: server.port ?? 0, seen };
}

async function openSocket(gatewayPort: number, protocols?: string[]) {
  // Bun's own option: headers of the handshake.
  const options = { headers: { Host: "a.localhost" }, ...(protocols ? { protocols } : {}) };
  const socket = new WebSocket(`ws://127.0.0.1:${gatewayPort}/hmr`, options as unknown as string[]);
  socket.binaryType = "arraybuffer";
  const inbox: (string | Buffer)[] = [];
  let wake: () => void = () => undefined;
  socket.onmessage = (event) => {
    inbox.push(typeof event.data === "string" ? event.data : Buffer.from(event.data));
    wake();
  };
  const closed = new Promise<[number, string]>((resolve) => {
    socket.onclose = (event) => resolve([event.code, event.reason]);
  });
  const next = async () => {
    while (inbox.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return inbox.shift();
  };
  expect(await next()).toBe("welcome");
  return { socket, next, closed };
}

describe("WebSocket", () => {
  test("carries text, binary and large messages, and names its subprotocol", async () => {
    const { port, seen } = echoServer();
    const gateway = await gatewayTo(port);
    const { socket, next } = await openSocket(gateway.port, ["vite-hmr"]);
    expect([socket.protocol, seen.protocol]).toEqual(["vite-hmr", "vite-hmr"]);
    expect(gateway.stats()).toMatchObject({ activeRequests: 1, activeSockets: 1 });
    const large = Buffer.alloc(8 << 20, "0123456789abcdef");
    for (const message of ["text ✓", "", large.toString("latin1")]) {
      socket.send(message);
      expect((await next()) === message).toBe(true);
    }
    socket.send(large);
    expect(large.equals((await next()) as Buffer)).toBe(true);
  });

  test("carries pings and pongs", async () => {
    const { port, seen } = echoServer();
    const { socket, next } = await openSocket((await gatewayTo(port)).port);
    socket.send("ping me");
    socket.send("after");
    expect(await next()).toBe("after");
    // The pong went out before this echo was asked for.
    socket.send("later");
    expect(await next()).toBe("later");
    expect(seen.pings).toEqual(["are you there"]);
  });

  test("carries close codes and reasons both ways, and leaves nothing open", async () => {
    const fromServer = echoServer();
    const first = await gatewayTo(fromServer.port);
    const one = await openSocket(first.port);
    one.socket.send("close me");
    expect(await one.closed).toEqual([4001, "as you wish"]);
    const fromClient = echoServer();
    const second = await gatewayTo(fromClient.port);
    const two = await openSocket(second.port);
    two.socket.close(4002, "enough");
    expect(await fromClient.seen.closed).toEqual([4002, "enough"]);
    await two.closed;
    for (const gateway of [first, second]) {
      while (gateway.stats().activeRequests > 0) await new Promise((resolve) => setImmediate(resolve));
      expect(gateway.stats()).toMatchObject({ requests: 1, activeSockets: 0 });
    }
  });

  test("an end of either side without a word ends the other", async () => {
    for (const side of ["client", "service"] as const) {
      for (const end of ["end", "destroy", "resetAndDestroy"] as const) {
        const { client, peer, gateway } = await switched();
        const [leaving, staying] = side === "client" ? [client, peer] : [peer, client];
        leaving.socket[end]();
        await staying.closed;
        staying.socket.end();
        while (gateway.stats().activeSockets > 0) await new Promise((resolve) => setImmediate(resolve));
        expect(gateway.stats()).toEqual({ requests: 1, activeRequests: 0, activeSockets: 0 });
      }
    }
  });
});

const handshake = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"];

/** A raw tunnel. */
async function switched() {
  const upstream = await rawServer();
  const gateway = await gatewayTo(upstream.port);
  const client = await openPeer(gateway.port);
  ending.push(() => client.socket.destroy());
  client.send(requestText("a.localhost", { headers: handshake }));
  const peer = await upstream.peer(0);
  await peer.until("\r\n\r\n");
  peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst frame");
  await client.until("first frame");
  return { client, peer, gateway };
}

describe("an upgrade", () => {
  test("is passed on with its headers, and its bytes both ways untouched", async () => {
    const { client, peer } = await switched();
    expect(peer.received()).toContain("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    expect(peer.received()).toContain("\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    expect(client.received()).toBe("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst frame");
    client.send("GET / HTTP/1.1\r\n\r\n\0\xff");
    await peer.until("GET / HTTP/1.1\r\n\r\n\0");
    peer.send("last frame");
    await client.until("last frame");
  });

  test("that the service refuses gives its answer, and the connection goes on", async () => {
    const upstream = await rawServer((peer) =>
      peer.socket.on("data", () => peer.send(responseText("not here", ["X-Why: no"], "404 Not Found"))),
    );
    const gateway = await gatewayTo(upstream.port);
    const client = await openPeer(gateway.port);
    client.send(requestText("a.localhost", { headers: handshake }));
    const answer = await client.until("not here");
    expect(answer).toStartWith("HTTP/1.1 404 Not Found\r\nX-Why: no\r\n");
    client.send(requestText("a.localhost"));
    await client.until((text) => text.split("not here").length === 3);
    expect(gateway.stats()).toMatchObject({ requests: 2, activeSockets: 0 });
    client.socket.destroy();
  });

  test("that nobody asked for is refused", async () => {
    const upstream = await rawServer((peer) =>
      peer.socket.on("data", () => peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")),
    );
    const gateway = await gatewayTo(upstream.port);
    const client = await openPeer(gateway.port);
    client.send(requestText("a.localhost", { headers: ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"] }));
    expect(await client.until("HTTP/1.1 502")).not.toContain(" 101 ");
    client.socket.destroy();
  });

  test("to a service that is not there gives its page", async () => {
    const upstream = await rawServer();
    upstream.close();
    const gateway = await gatewayTo(upstream.port);
    const client = await openPeer(gateway.port);
    client.send(requestText("a.localhost", { headers: handshake }));
    await client.until("upstream_refused");
    client.socket.destroy();
  });

  test("a side that does not read stops the other, both ways", async () => {
    for (const side of ["client", "service"] as const) {
      const { client, peer } = await switched();
      const [writer, reader] = side === "client" ? [client, peer] : [peer, client];
      reader.socket.pause();
      const block = Buffer.alloc(1 << 20, 1);
      let sent = 0;
      // Writes until the kernel's buffers are full all the way; were nobody to stop the writer, it would reach the end.
      const full = await new Promise<boolean>((resolve) => {
        const pump = () => {
          if (sent >= 256) return resolve(false);
          sent++;
          let flushed = false;
          writer.socket.write(block, () => {
            flushed = true;
            clearTimeout(timer);
            pump();
          });
          const timer = setTimeout(() => resolve(!flushed), 500);
        };
        pump();
      });
      expect([side, full]).toEqual([side, true]);
      reader.socket.resume();
      const before = sent;
      await reader.until(() => reader.bytes().length >= before * block.length);
    }
  });
});
