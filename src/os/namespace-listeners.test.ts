import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { listeningAddresses, readNamespaceListening } from "./namespace-listeners.ts";

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 102 1 0000000000000000 100 0 0 10 0
   2: 0100007F:1F40 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 103 1 0000000000000000 100 0 0 10 0
`;

test("addresses that listen on a port, and no connections", () => {
  expect(listeningAddresses(table, 8000)).toEqual(["00000000"]);
  expect(listeningAddresses(table, 8001)).toEqual(["0100007F"]);
  expect(listeningAddresses(table, 8002)).toEqual([]);
});

async function listen(host: string): Promise<{ port: number } & Disposable> {
  const server = createServer().listen(0, host);
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  return { port: typeof address === "object" && address ? address.port : 0, [Symbol.dispose]: () => void server.close() };
}

test.skipIf(process.platform !== "linux")(
  "a process's own namespace: all addresses, loopback, nobody, and a process that is not the one meant",
  async () => {
    using everywhere = await listen("0.0.0.0");
    using loopback = await listen("127.0.0.1");
    const proof = ":";
    expect(readNamespaceListening(process.pid, proof, everywhere.port)).toBe("reachable");
    expect(readNamespaceListening(process.pid, proof, loopback.port)).toBe("loopback");
    expect(readNamespaceListening(process.pid, proof, 1)).toBe("nobody");
    expect(readNamespaceListening(process.pid, "another container", everywhere.port)).toBeNull();
    expect(readNamespaceListening(0, proof, everywhere.port)).toBeNull();
  },
);
