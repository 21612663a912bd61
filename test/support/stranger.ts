// Programs of somebody else that hold ports.
import { freePort } from "./hermetic-world.ts";

export interface Stranger extends AsyncDisposable {
  pid: number;
  alive: () => boolean;
}

/** Listens on a port, and is alive when it is let go. */
export async function stranger(port: number, host = "127.0.0.1"): Promise<Stranger> {
  const code = `require("node:http").createServer((_, answer) => answer.end("stranger")).listen(${port}, "${host}", () => console.log("up"))`;
  const child = Bun.spawn(["node", "-e", code], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    env: { PATH: process.env.PATH ?? "" },
  });
  await child.stdout.getReader().read();
  return {
    pid: child.pid,
    alive: () => child.exitCode === null && child.signalCode === null,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** A port from which on four are free now, below the range of leases. */
export async function freeBase(): Promise<number> {
  for (;;) {
    const base = 10_000 + ((await freePort()) % 9_000);
    const free = [0, 1, 2, 3].map((offset) => {
      try {
        Bun.listen({ hostname: "127.0.0.1", port: base + offset, socket: { data: () => undefined } }).stop(true);
        return true;
      } catch {
        return false;
      }
    });
    if (free.every(Boolean)) return base;
  }
}
