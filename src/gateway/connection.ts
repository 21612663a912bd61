// The state of one client's connection and of the request that is under way on it.
import type { BodyReader } from "./body-reader.ts";
import type { GatewayOptions } from "./gateway.ts";
import type { RequestHead, ResponseHead } from "./http-head.ts";
import type { Route } from "./route-table.ts";
import type { Upstream, UpstreamPool } from "./upstream-pool.ts";
import { resetWire, setPaused, type Wire } from "./wire.ts";

/** What all connections of one gateway share. */
export interface GatewayCore {
  options: GatewayOptions;
  port: number;
  pool: UpstreamPool<Exchange>;
  clients: Set<Client>;
  counters: { requests: number; activeRequests: number; activeSockets: number };
  lastActivityMs: Map<string, number>;
  /** Goes on with what the client sent ahead. */
  readRequests(client: Client): void;
}

/**
 * - `head`: the next request's head is awaited.
 * - `body`: the request's body is coming in.
 * - `waiting`: the request is complete, its response is not.
 * - `tunnel`: the protocol was switched; bytes pass both ways.
 * - `draining`: everything is said; what still comes in is dropped until the client closes.
 */
export type ClientPhase = "head" | "body" | "waiting" | "tunnel" | "draining";

export interface Client extends Wire {
  core: GatewayCore;
  address: string;
  phase: ClientPhase;
  /** Received and not used yet: part of a head, or requests sent ahead. */
  rest: Buffer | null;
  exchange: Exchange | null;
  /** The loop over `rest` runs; it must not be entered again from inside. */
  parsing: boolean;
  /** When the phase began (for `head` also: when the head's first byte came). */
  sinceMs: number;
}

/** One request and its response. */
export interface Exchange {
  client: Client;
  request: RequestHead;
  route: Route | null;
  requestBody: BodyReader;
  /** The head to send upstream. */
  head: Buffer;
  /** Body bytes that came before there was a connection. */
  early: Uint8Array[];
  earlyBytes: number;
  upgrade: string | null;
  upstream: Upstream<Exchange> | null;
  /** Its upstream connection has served another request before. */
  reused: boolean;
  retried: boolean;
  /** The connection to the client may serve another request. */
  keepAlive: boolean;
  /** The beginning of a response head that has not come whole. */
  partialHead: Buffer | null;
  /** Any byte of a response has come. */
  answered: boolean;
  /** The final response head that has been passed on. */
  response: ResponseHead | null;
  responseBody: BodyReader | null;
  /** Nothing more is to be done for it. */
  over: boolean;
}

/** Tells whoever keeps idle clocks, at most once a second per environment. */
export function noteActivity(core: GatewayCore, environmentId: string): void {
  const { onActivity } = core.options;
  if (!onActivity) return;
  const nowMs = Date.now();
  if (nowMs - (core.lastActivityMs.get(environmentId) ?? 0) < 1000) return;
  core.lastActivityMs.set(environmentId, nowMs);
  onActivity(environmentId);
}

/** Takes the exchange off the books. Idempotent; what happens to the sockets is the caller's to say. */
export function closeExchange(exchange: Exchange): void {
  if (exchange.over) return;
  exchange.over = true;
  exchange.early = [];
  const { core } = exchange.client;
  core.counters.activeRequests--;
  if (exchange.client.phase === "tunnel") core.counters.activeSockets--;
  if (exchange.route) noteActivity(core, exchange.route.environmentId);
  exchange.client.exchange = null;
}

/** The client is gone or sent nonsense: its service learns of it at once. */
export function abandonExchange(exchange: Exchange): void {
  const { upstream, route, client } = exchange;
  closeExchange(exchange);
  exchange.upstream = null;
  if (upstream) client.core.pool.discard(upstream, true);
  else if (route) client.core.pool.cancel(exchange, route.port);
}

/** Ends the client's connection with a reset, so that a cut response does not look like a complete one. */
export function resetClient(client: Client): void {
  if (client.exchange) abandonExchange(client.exchange);
  resetWire(client);
}

/** Of a request sent ahead, or of a body whose upstream is not connected yet. */
const maxWaitingBytes = 64 * 1024;

/** Whether the client is read from: not while its service is slower than it. */
export function updateReading(client: Client): void {
  const { exchange, phase } = client;
  const upstreamWaits = (exchange?.upstream?.pendingBytes ?? 0) > 0;
  if (phase === "tunnel") setPaused(client, upstreamWaits);
  else if (phase === "body") setPaused(client, upstreamWaits || (exchange?.earlyBytes ?? 0) > maxWaitingBytes);
  else setPaused(client, phase === "waiting" && (client.rest?.length ?? 0) > maxWaitingBytes);
}

/** Whether the service is read from: not while the client is slower than it. */
export function updateUpstreamReading(exchange: Exchange): void {
  if (exchange.upstream) setPaused(exchange.upstream, exchange.client.pendingBytes > 0);
}
