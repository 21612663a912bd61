// The way to the daemon: over its unix socket, starting or replacing it when need be. Requests go out at once and only what goes wrong costs time.
import { dirname } from "node:path";
import { buildHeader, clientHeader } from "../api/endpoints.ts";
import type { DaemonView } from "../api/operations.ts";
import { type ClientRequest, type DaemonFetch, daemonLost } from "../client/daemon-client.ts";
import { WtError } from "../errors/wt-error.ts";
import { buildId } from "../os/build-id.ts";
import type { WorldPaths } from "../os/paths.ts";
import type { Environment } from "./terminal.ts";

export interface DaemonConnection {
  /** Starts a daemon when none listens, and replaces one of another build (its services run on). */
  fetch: DaemonFetch;
  /** Neither starts nor replaces: null when none listens. */
  fetchIfRunning: (path: string, request: ClientRequest) => Promise<Response | null>;
  /** `GET`-like question who listens; null when nobody does. */
  observe(): Promise<DaemonView | null>;
}

export interface ConnectOptions {
  paths: WorldPaths;
  env: Environment;
  /** Of this program; only said to people, `build` decides. */
  version: string;
  /** One sentence about something that takes time, such as replacing a daemon. */
  onNotice: (text: string) => void | Promise<void>;
  /** For tests: another program than this one. */
  daemonCommand?: string[];
  build?: string;
}

/** Asking one of these twice changes nothing, so the request itself finds out whether the right daemon listens. */
const repeatable = new Set([
  "/v1/daemon",
  "/v1/environments/list",
  "/v1/environments/status",
  "/v1/environments/watch",
  "/v1/variables",
  "/v1/trust",
  "/v1/gateway",
  "/v1/doctor",
  "/v1/logs",
  "/v1/resources/list",
  "/v1/resources/connection",
  "/v1/checkpoints/list",
  "/v1/agents/list",
]);

export function connectDaemon(options: ConnectOptions): DaemonConnection {
  const build = () => options.build ?? buildId();
  const direct = (path: string, request: ClientRequest) => sendOverSocket(options.paths, path, request);
  let ready: Promise<void> | undefined;

  /** Once per process: afterwards a request that fails just fails. */
  const ensureReady = () => {
    ready ??= import("./daemon-start.ts").then(({ ensureDaemon }) => ensureDaemon({ ...options, build: build(), send: direct }));
    return ready;
  };

  return {
    async fetch(path, request) {
      if (!repeatable.has(path)) await ensureReady();
      if (ready) return await attempt(direct, path, request);
      const response = await direct(path, request).catch((error) => {
        // A daemon that dies at this very moment is as good as none: asking the next one does no harm.
        if (isNobodyListening(error) || isConnectionLost(error)) return null;
        throw error;
      });
      if (response?.headers.get(buildHeader) === build()) return response;
      await response?.body?.cancel();
      await ensureReady();
      return await attempt(direct, path, request);
    },
    async fetchIfRunning(path, request) {
      return await direct(path, request).catch((error) => {
        if (isNobodyListening(error)) return null;
        throw error;
      });
    },
    observe: () => observeDaemon(direct),
  };
}

type Send = (path: string, request: ClientRequest) => Promise<Response>;

/** Null when nobody listens; throws when somebody does who is no daemon of ours. */
export async function observeDaemon(send: Send): Promise<DaemonView | null> {
  let response: Response;
  try {
    response = await send("/v1/daemon", request({}));
  } catch (error) {
    if (isNobodyListening(error) || isConnectionLost(error)) return null;
    throw error;
  }
  if (!response.ok || response.headers.get(buildHeader) === null) {
    throw new WtError({
      kind: "machine",
      code: "daemon_not_ours",
      message: `Something that is not a wt daemon answers on its socket (HTTP status ${response.status}).`,
      hints: ["Find it and stop it: wt doctor"],
    });
  }
  const view = (await response.json()) as DaemonView;
  return { ...view, build: view.build ?? response.headers.get(buildHeader) ?? "" };
}

export function request(body: unknown): ClientRequest {
  return { method: "POST", headers: { "content-type": "application/json", [clientHeader]: "cli" }, body: JSON.stringify(body) };
}

export function isNobodyListening(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === "ENOENT" || code === "ECONNREFUSED" || code === "FailedToOpenSocket";
}

export function isConnectionLost(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === "ECONNRESET" || code === "ConnectionClosed" || code === "EPIPE";
}

async function attempt(send: Send, path: string, init: ClientRequest): Promise<Response> {
  try {
    return await send(path, init);
  } catch (error) {
    if (isNobodyListening(error) || isConnectionLost(error)) throw daemonLost(error);
    throw error;
  }
}

async function sendOverSocket(paths: WorldPaths, path: string, init: ClientRequest): Promise<Response> {
  if (!paths.socket.startsWith(paths.runtime)) await refuseForeignDirectory(dirname(paths.socket));
  // `timeout: false`: an operation or a followed log may be silent for longer than the five minutes after which Bun would end it.
  const options: RequestInit & { unix: string; timeout: false } = { ...init, unix: paths.socket, timeout: false };
  return await fetch(`http://wt${path}`, options);
}

/** The short socket path lies in a directory where others may write too; what another user made there must not get our environment. */
async function refuseForeignDirectory(directory: string): Promise<void> {
  const stat = await Bun.file(directory)
    .stat()
    .catch(() => null);
  if (!stat || stat.uid === process.getuid?.()) return;
  throw new WtError({
    kind: "machine",
    code: "socket_directory_foreign",
    message: `The directory of the daemon's socket, ${directory}, belongs to another user.`,
    hints: ["Set XDG_RUNTIME_DIR to a directory of your own, then try again."],
    details: { path: directory },
  });
}
