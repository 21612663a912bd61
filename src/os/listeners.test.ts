import { describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import fc from "fast-check";
import { parseLsof, parseTcpTable, readHeldSockets, readListeners } from "./listeners.ts";

const header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const row = (local: string, state: string, inode: string) =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0000000000000000 100 0 0 10 0\n`;

describe("parseTcpTable", () => {
  test("only listening sockets of the port that loopback reaches", () => {
    const text = [
      header,
      row("0100007F:4E20", "0A", "11"),
      row("00000000:4E20", "0A", "12"),
      row("0500A8C0:4E20", "0A", "13"),
      row("0100007F:4E21", "0A", "14"),
      row("0100007F:4E20", "01", "15"),
      row("00000000000000000000000000000000:4E20", "0A", "16"),
      row("00000000000000000000000001000000:4E20", "0A", "17"),
      row("0000000000000000FFFF00000100007F:4E20", "0A", "18"),
      row("0000000000000000FFFF00000500A8C0:4E20", "0A", "19"),
      row("000080FE00000000FF00000001000000:4E20", "0A", "20"),
    ].join("");
    expect(parseTcpTable(text, 20_000).map((listener) => listener.inode)).toEqual(["11", "12", "16", "17", "18"]);
  });

  test("never fails", () => {
    fc.assert(fc.property(fc.string(), fc.nat(65535), (text, port) => expect(parseTcpTable(header + text, port)).toEqual([])));
  });
});

test("parseLsof keeps each holder's sockets on loopback or on every address", () => {
  const text = "p812\nf23\nn127.0.0.1:8080\nf24\nn[::1]:8080\np900\nf3\nn*:8080\np901\nf3\nn192.168.0.5:8080\n";
  expect(parseLsof(text)).toEqual([
    { address: "127.0.0.1", inode: null, holders: [812] },
    { address: "[::1]", inode: null, holders: [812] },
    { address: "*", inode: null, holders: [900] },
  ]);
  fc.assert(fc.property(fc.string(), (any) => void parseLsof(any)));
});

test.if(process.platform === "linux")("a socket of this process is found among its files", async () => {
  for (const host of ["127.0.0.1", "::1", "0.0.0.0", "::"]) {
    const server = createServer().listen(0, host);
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const listeners = await readListeners(port);
    expect(listeners).toHaveLength(1);
    const inodes = new Set(listeners?.flatMap((listener) => listener.inode ?? []));
    expect(readHeldSockets(process.pid, inodes)).toEqual(inodes);
    expect(readHeldSockets(process.pid, new Set(["0"]))).toEqual(new Set());
    await new Promise((resolve) => server.close(resolve));
    expect(await readListeners(port)).toEqual([]);
  }
});
