import { describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { isPortFree, observePortHolder, readCommand } from "./ports.ts";

async function listen(host: string, port = 0): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(port, host);
  await new Promise((resolve, reject) => server.once("listening", resolve).once("error", reject));
  return { server, port: (server.address() as { port: number }).port };
}

const close = (server: Server) => new Promise((resolve) => server.close(resolve));

describe("isPortFree", () => {
  for (const host of ["127.0.0.1", "::1", "0.0.0.0", "::"]) {
    test(`is false while somebody listens on ${host}, true before and after`, async () => {
      const { server, port } = await listen(host);
      expect(await isPortFree(port)).toBe(false);
      await close(server);
      expect(await isPortFree(port)).toBe(true);
      expect(await isPortFree(port)).toBe(true);
    });
  }

  test("gives every port back that it has tried", async () => {
    const { server, port } = await listen("127.0.0.1");
    await close(server);
    expect(await isPortFree(port)).toBe(true);
    const again = await listen("::", port);
    await close(again.server);
  });
});

describe("observePortHolder", () => {
  test("names the process and its command", async () => {
    const script = `const s = require("node:net").createServer().listen(0, "127.0.0.1", () => console.log(s.address().port))`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
    try {
      const reader = child.stdout.getReader();
      const port = Number(new TextDecoder().decode((await reader.read()).value));
      const holder = await observePortHolder(port);
      expect(holder?.pid).toBe(child.pid);
      expect(holder?.command).toContain(" -e const s = require");
    } finally {
      child.kill("SIGKILL");
      await child.exited;
    }
  });

  test("is null when nobody listens", async () => {
    const { server, port } = await listen("127.0.0.1");
    await close(server);
    expect(await observePortHolder(port)).toBeNull();
  });

  test("readCommand is null for a number that nobody has", async () => {
    expect(await readCommand(2 ** 30)).toBeNull();
  });
});
