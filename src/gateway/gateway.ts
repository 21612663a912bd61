// The reverse proxy that gives each environment its URL: parses heads, relays bytes, keeps nothing.
import { WtError } from "../errors/wt-error.ts";
import { observePortHolder, type PortHolder } from "../os/ports.ts";
import { clientClosed, clientData, clientDrained, clientEnded, createClient, readRequests, sweepClient } from "./client-side.ts";
import { type Client, type GatewayCore, resetClient } from "./connection.ts";
import type { RouteTable } from "./route-table.ts";
import { createUpstreamPool } from "./upstream-pool.ts";
import { upstreamEvents } from "./upstream-side.ts";
import { resetWire } from "./wire.ts";

/** What a service's page says while it cannot be reached. */
export interface ServiceCondition {
  /** A word such as `Starting`, `CrashLoopBackOff`, `Stopped`. */
  state: string;
  ready: boolean;
  /** On its way: worth waiting for. */
  starting: boolean;
  /** A sentence. */
  reason: string | null;
  logTail: string[];
  retryAfterMs: number | null;
}

export interface GatewayOptions {
  /** 0: any free one. */
  port: number;
  table: RouteTable;
  /** Asked only when a service cannot be reached. */
  condition: (environmentId: string, service: string) => Promise<ServiceCondition>;
  /**
   * Asked before every request: false where what listens on the service's port would not be the service. Then nothing is sent there, and the
   * client gets the page of a service that cannot be reached. Default: always true.
   */
  serves?: (environmentId: string, service: string) => boolean | Promise<boolean>;
  /** Called at most once a second per environment while it is used. */
  onActivity?: (environmentId: string) => void;
}

export interface GatewayStats {
  /** Since the start. */
  requests: number;
  /** Under way now, switched ones included. */
  activeRequests: number;
  /** WebSockets and other switched protocols open now. */
  activeSockets: number;
}

export interface Gateway {
  readonly port: number;
  stats(): GatewayStats;
  /** Ends every connection. Idempotent. */
  stop(): Promise<void>;
}

/** More than this many clients at once are turned away. */
const maxClients = 8192;
const sweepMs = 1000;

/**
 * Listens on both loopback addresses.
 * Throws `WtError` (`machine`): `gateway_port_taken`, `gateway_port_denied`.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const core: GatewayCore = {
    options,
    port: options.port,
    pool: createUpstreamPool(upstreamEvents),
    clients: new Set(),
    counters: { requests: 0, activeRequests: 0, activeSockets: 0 },
    lastActivityMs: new Map(),
    readRequests,
  };
  const listeners = await listenOnLoopback(core);
  core.port = listeners[0]?.port ?? options.port;
  let stopped = false;
  return {
    port: core.port,
    stats: () => ({ ...core.counters }),
    async stop() {
      if (stopped) return;
      stopped = true;
      for (const listener of listeners) listener.stop();
      for (const client of [...core.clients]) resetClient(client);
      core.pool.close();
    },
  };
}

type Listener = Bun.TCPSocketListener<Client | undefined>;

async function listenOnLoopback(core: GatewayCore): Promise<Listener[]> {
  const sweeping = createSweep(core);
  // With port 0 the one that IPv4 got may be taken on IPv6; then another is drawn.
  for (let attempt = 0; ; attempt++) {
    const first = await listen(core, { hostname: "127.0.0.1", port: core.options.port, sweeping });
    try {
      return [first, ...(hasIpv6Loopback() ? [await listen(core, { hostname: "::1", port: first.port, sweeping })] : [])];
    } catch (error) {
      first.stop(true);
      if (core.options.port !== 0 || attempt === 20) throw error;
    }
  }
}

function hasIpv6Loopback(): boolean {
  try {
    Bun.listen({ hostname: "::1", port: 0, socket: { data: () => undefined } }).stop(true);
    return true;
  } catch {
    return false;
  }
}

async function listen(core: GatewayCore, options: { hostname: string; port: number; sweeping: () => void }): Promise<Listener> {
  const { hostname, port, sweeping } = options;
  try {
    return Bun.listen<Client | undefined>({
      hostname,
      port,
      allowHalfOpen: true,
      socket: {
        open(socket) {
          if (core.clients.size >= maxClients) return void socket.terminate();
          socket.setNoDelay(true);
          socket.data = createClient(core, socket as Bun.Socket<unknown>);
          sweeping();
        },
        data(socket, bytes) {
          if (socket.data) clientData(socket.data, bytes);
        },
        drain(socket) {
          if (socket.data) clientDrained(socket.data);
        },
        end(socket) {
          if (socket.data) clientEnded(socket.data);
        },
        close(socket) {
          if (socket.data) clientClosed(socket.data);
        },
        error(socket) {
          if (socket.data) resetWire(socket.data);
        },
      },
    });
  } catch (error) {
    throw await listenError(error, hostname, port);
  }
}

/** Gives a function that keeps the sweep going while there is a connection; an idle gateway wakes for nothing. */
function createSweep(core: GatewayCore): () => void {
  let timer: ReturnType<typeof setInterval> | null = null;
  return () => {
    timer ??= setInterval(() => {
      const nowMs = Date.now();
      for (const client of [...core.clients]) sweepClient(client, nowMs);
      core.pool.sweep(nowMs);
      if (core.clients.size > 0 || core.pool.busy() || timer === null) return;
      clearInterval(timer);
      timer = null;
    }, sweepMs);
    timer.unref();
  };
}

async function listenError(error: unknown, hostname: string, port: number): Promise<WtError> {
  const code = (error as NodeJS.ErrnoException).code;
  const address = hostname === "::1" ? `[::1]:${port}` : `${hostname}:${port}`;
  if (code === "EACCES" || code === "EPERM") {
    return new WtError({
      kind: "machine",
      code: "gateway_port_denied",
      message: `The system does not let you listen on ${address}.`,
      hints: ["Choose a port above 1023 with WT_GATEWAY_PORT."],
      details: { port },
      cause: error,
    });
  }
  if (code !== "EADDRINUSE") return WtError.from(error);
  const holder = nameOf(await observePortHolder(port));
  return new WtError({
    kind: "machine",
    code: "gateway_port_taken",
    message: `The gateway cannot listen on ${address}: ${holder ? `${holder} holds the port` : "another program holds the port"}.`,
    hints: ["Stop that program, or choose another port with WT_GATEWAY_PORT."],
    details: { port, holder },
    cause: error,
  });
}

function nameOf(holder: PortHolder | null): string | null {
  if (!holder) return null;
  if (holder.command) return holder.pid === null ? holder.command : `${holder.command} (pid ${holder.pid})`;
  return holder.pid === null ? null : `process ${holder.pid}`;
}
