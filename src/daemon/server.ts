// The control API: HTTP on a 0600 unix socket. Handlers decode, call, encode; nothing is decided here.
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { buildHeader, clientHeader } from "../api/endpoints.ts";
import { exitCodes, WtError } from "../errors/wt-error.ts";
import { machineError } from "../os/machine-error.ts";
import { collectWhenIdle } from "./idle-memory.ts";
import { type Handler, routes } from "./routes.ts";
import type { World } from "./world.ts";

export interface ControlServer {
  stop(): Promise<void>;
}

export interface ControlServerOptions {
  world: World;
  build: string;
  startedAtMs: number;
  /** Ends the daemon after the answer was sent. */
  shutDown: (options: { services: boolean }) => void;
}

export function startServer(control: ControlServerOptions): ControlServer {
  const { world, build } = control;
  const { socket } = world.paths;
  mkdirSync(dirname(socket), { recursive: true, mode: 0o700 });
  chmodSync(dirname(socket), 0o700);
  // The ledger's lock is held, so a socket file that is there is a dead daemon's.
  rmSync(socket, { force: true });
  const before = process.umask(0o177);
  const table = routes(control);
  const idle = collectWhenIdle();
  // Also after a start, which is the largest piece of work of all.
  idle.used();
  const listener = {
    unix: socket,
    // Bun cuts a response that is silent for ten seconds, and a setup command or `logs -f` may be; its types hide the option here.
    idleTimeout: 0,
    fetch: async (request: Request) => {
      idle.used();
      const response = await answer(request, table);
      response.headers.set(buildHeader, build);
      return response;
    },
    error: (error: Error) => failure(error),
  };
  const options: Omit<typeof listener, "idleTimeout"> = listener;
  const server = Bun.serve(options);
  process.umask(before);
  return {
    stop: async () => {
      idle.stop();
      rmSync(socket, { force: true });
      await server.stop(true);
    },
  };
}

async function answer(request: Request, table: Readonly<Record<string, Handler>>): Promise<Response> {
  try {
    refuseBrowsers(request);
    const handler = table[new URL(request.url).pathname];
    if (!handler)
      throw new WtError({ kind: "usage", code: "endpoint_unknown", message: `The daemon has no ${new URL(request.url).pathname}.` });
    return await handler(await decoded(request), request);
  } catch (error) {
    return failure(error);
  }
}

/** A page can make a browser send requests to many places, but never with our header and never without an Origin where it matters. */
function refuseBrowsers(request: Request): void {
  const { headers, method } = request;
  if (method === "POST" && headers.has(clientHeader) && !headers.has("origin") && !headers.has("referer")) return;
  throw new WtError({ kind: "refused", code: "not_a_client", message: "This socket answers wt only." });
}

async function decoded(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    throw new WtError({ kind: "usage", code: "body_invalid", message: "The request's body is not JSON." });
  }
}

function failure(thrown: unknown): Response {
  const error = WtError.from(machineError(thrown));
  return Response.json({ error: error.toWire() }, { status: error.kind === "internal" ? 500 : 400 + exitCodes[error.kind] });
}
