// A browser's end of Vite's socket for hot updates, through the gateway.
import type { HermeticWorld } from "./hermetic-world.ts";

export interface HotUpdates extends Disposable {
  /** Paths of modules that were announced as changed so far, in order. */
  readonly updates: string[];
  /** The next one that was not given out yet. */
  next(): Promise<string>;
}

interface Message {
  type: string;
  updates?: { acceptedPath: string }[];
}

/** Connected when it resolves; `base` is Vite's, with slashes at both ends. */
export async function listenForUpdates(world: HermeticWorld, host: string, base: string): Promise<HotUpdates> {
  const client = await (await world.fetch(host, `${base}@vite/client`)).text();
  const token = /wsToken = "([^"]+)"/.exec(client)?.[1];
  if (token === undefined) throw new Error(`${host}${base}@vite/client holds no token for the socket: ${client.slice(0, 300)}`);
  const origin = `http://${host}:${world.gatewayPort}`;
  const socket = new WebSocket(`ws://127.0.0.1:${world.gatewayPort}${base}?token=${token}`, {
    headers: { host: `${host}:${world.gatewayPort}`, origin },
    protocols: ["vite-hmr"],
  } as unknown as string[]);
  const updates: string[] = [];
  const waiting: ((module: string) => void)[] = [];
  let given = 0;
  const connected = Promise.withResolvers<void>();
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.type === "connected") connected.resolve();
    if (message.type !== "update") return;
    updates.push(...(message.updates ?? []).map(({ acceptedPath }) => acceptedPath));
    while (waiting.length > 0 && given < updates.length) waiting.shift()?.(updates[given++] ?? "");
  };
  socket.onclose = ({ code, reason }) => connected.reject(new Error(`The socket of ${host} was closed: ${code} ${reason}`));
  await connected.promise;
  return {
    updates,
    next: () => new Promise((resolve) => (given < updates.length ? resolve(updates[given++] ?? "") : waiting.push(resolve))),
    [Symbol.dispose]: () => socket.close(),
  };
}
