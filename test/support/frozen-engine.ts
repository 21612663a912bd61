// The real engine behind a socket of its own, that can hang: connections are taken, and nothing goes through.
import { createConnection, createServer, type Socket } from "node:net";
import { join } from "node:path";

export interface FrozenEngine extends Disposable {
  /** For DOCKER_HOST. */
  host: string;
  freeze(): void;
  thaw(): void;
}

export async function frozenEngine(directory: string, engine = "/var/run/docker.sock"): Promise<FrozenEngine> {
  const path = join(directory, "engine.sock");
  const open = new Set<Socket>();
  let frozen = false;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket)).on("error", () => undefined);
    if (frozen) return;
    const through = createConnection({ path: engine, allowHalfOpen: true });
    open.add(through);
    through.on("close", () => socket.destroy()).on("error", () => socket.destroy());
    socket.on("close", () => through.destroy());
    socket.pipe(through).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    host: `unix://${path}`,
    freeze() {
      frozen = true;
      for (const socket of open) socket.pause().unpipe();
    },
    thaw() {
      frozen = false;
      for (const socket of open) socket.destroy();
    },
    [Symbol.dispose]() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
