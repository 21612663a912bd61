// Large bodies pass in flat memory, and a slow side slows the other one down.
import { afterEach, expect, test } from "bun:test";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { startOwnProcess } from "./own-process.conformance.ts";

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

const megabyte = 1 << 20;
const totalBytes = 300 * megabyte;
const block = Buffer.alloc(megabyte, 7);

/** Writes `totalBytes` as fast as the socket takes them; `taken` is what it took so far. */
function pour(socket: Socket) {
  const state = { taken: 0, done: Promise.resolve() };
  state.done = (async () => {
    while (state.taken < totalBytes) {
      const flowing = socket.write(block);
      state.taken += block.length;
      if (!flowing) await once(socket, "drain");
    }
  })();
  return state;
}

/** Reads `wanted` bytes, with pauses; calls `between` in each. */
function sip(socket: Socket, wanted: number, between: () => Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    let read = 0;
    let sincePause = 0;
    socket.on("data", (data) => {
      read += data.length;
      sincePause += data.length;
      if (read >= wanted) resolve();
      else if (sincePause > 10 * megabyte) {
        sincePause = 0;
        socket.pause();
        void between().then(() => socket.resume());
      }
    });
    socket.resume();
  });
}

async function serverSocket(): Promise<{ port: number; socket: Promise<Socket> }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = once(server, "connection").then(([one]) => one as Socket);
  void socket.then((one) => ending.push(() => one.destroy()));
  ending.push(() => server.close());
  return { port: (server.address() as { port: number }).port, socket };
}

for (const direction of ["download", "upload"] as const) {
  test(`a ${direction} of 300 MB through a slow reader`, async () => {
    const upstream = await serverSocket();
    const gateway = await startOwnProcess({ "a.localhost": upstream.port });
    ending.push(() => gateway.stop());
    const client = connect(gateway.port, "127.0.0.1");
    ending.push(() => client.destroy());
    client.on("error", () => undefined).pause();
    client.write(`POST / HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: ${direction === "upload" ? totalBytes : 0}\r\n\r\n`);
    const service = await upstream.socket;
    if (direction === "download") service.write(`HTTP/1.1 200 OK\r\nContent-Length: ${totalBytes}\r\n\r\n`);
    const before = (await gateway.report()).rssBytes;
    const [writer, reader] = direction === "download" ? [service, client] : [client, service];
    const poured = pour(writer);
    // Nobody reads: the writer comes to a stand when the kernel's buffers are full.
    let seen = -1;
    while (seen !== poured.taken) {
      seen = poured.taken;
      await Bun.sleep(200);
    }
    expect(seen).toBeLessThan(64 * megabyte);
    let peak = 0;
    await sip(reader, totalBytes, async () => {
      peak = Math.max(peak, (await gateway.report()).rssBytes);
    });
    await poured.done;
    expect((peak - before) / megabyte).toBeLessThan(64);
  }, 60_000);
}
