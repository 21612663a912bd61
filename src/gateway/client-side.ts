// What clients send: heads, bodies, frames of a switched protocol. Responses are the matter of `upstream-side.ts`.
import { bodyReader, readBody } from "./body-reader.ts";
import {
  abandonExchange,
  type Client,
  type Exchange,
  type GatewayCore,
  noteActivity,
  resetClient,
  updateReading,
  updateUpstreamReading,
} from "./connection.ts";
import { noPathAnswer, plainAnswer, pollHeader } from "./error-page.ts";
import { forwardedRequestHead, hopsOf, maxHops, requestedUpgrade } from "./forward-head.ts";
import { MalformedHttp, parseRequestHead, type RequestHead } from "./http-head.ts";
import { answerFailure, answerLocally, answerPoll, refuseClient, wantsHtml } from "./local-answer.ts";
import { hostName, type Route } from "./route-table.ts";
import { beginUpstream } from "./upstream-side.ts";
import { finishWire, flushWire, markPeerEnded, resetWire, sendOn, setPaused, wireState } from "./wire.ts";

const maxHeadBytes = 128 * 1024;
const idleClientMs = 75_000;
const slowHeadMs = 30_000;
const drainMs = 5000;
const halfClosedMs = 10_000;

export function createClient(core: GatewayCore, socket: Bun.Socket<unknown>): Client {
  const client: Client = {
    ...wireState(),
    socket,
    core,
    address: socket.remoteAddress,
    phase: "head",
    rest: null,
    exchange: null,
    parsing: false,
    sinceMs: Date.now(),
  };
  core.clients.add(client);
  return client;
}

export function clientData(client: Client, bytes: Buffer): void {
  const { exchange } = client;
  switch (client.phase) {
    case "draining":
      return;
    case "tunnel":
      if (exchange?.upstream) tunnelData(client, exchange, bytes);
      return;
    case "body":
      if (exchange) bodyData(client, exchange, bytes);
      break;
    default:
      if (client.phase === "head" && client.rest === null) client.sinceMs = Date.now();
      client.rest = client.rest === null ? bytes : Buffer.concat([client.rest, bytes]);
  }
  readRequests(client);
  updateReading(client);
}

/** FIN. A client that ends while its response is due has gone; half-closing is not told apart from it, as with other proxies. */
export function clientEnded(client: Client): void {
  markPeerEnded(client);
  const { exchange } = client;
  if (client.phase === "tunnel" && exchange?.upstream) {
    client.sinceMs = Date.now();
    finishWire(exchange.upstream);
  } else if (exchange) {
    resetClient(client);
  } else if (client.phase !== "draining") {
    client.phase = "draining";
    client.sinceMs = Date.now();
    finishWire(client);
  }
}

export function clientDrained(client: Client): void {
  if (!flushWire(client)) return;
  if (client.phase === "draining") client.sinceMs = Date.now();
  if (client.exchange) updateUpstreamReading(client.exchange);
}

export function clientClosed(client: Client): void {
  client.core.clients.delete(client);
  client.socket = null;
  client.broken = true;
  client.rest = null;
  if (client.exchange) abandonExchange(client.exchange);
}

/** Ends what has been silent too long in a state in which silence means nothing. Responses, bodies and tunnels may be silent for ever. */
export function sweepClient(client: Client, nowMs: number): void {
  const silentMs = nowMs - client.sinceMs;
  const halfClosed = client.peerEnded || client.exchange?.upstream?.peerEnded === true;
  if (client.phase === "tunnel" && halfClosed && silentMs > halfClosedMs) resetClient(client);
  if (client.phase === "draining" && client.pendingBytes === 0 && silentMs > drainMs) resetWire(client);
  if (client.phase !== "head" || client.pendingBytes > 0) return;
  if (client.rest !== null && silentMs > slowHeadMs) refuseClient(client, 408, "The request's head did not come whole.");
  else if (client.rest === null && silentMs > idleClientMs) finishWire(client);
}

/** Starts with the requests that came whole, one at a time. */
export function readRequests(client: Client): void {
  if (client.parsing) return;
  client.parsing = true;
  try {
    while (client.phase === "head" && client.rest !== null && readRequest(client, client.rest));
  } catch (error) {
    if (!(error instanceof MalformedHttp)) throw error;
    if (client.exchange) abandonExchange(client.exchange);
    refuseClient(client, error.status, error.message);
  } finally {
    client.parsing = false;
  }
}

/** False when the head is not complete yet. */
function readRequest(client: Client, given: Buffer): boolean {
  let bytes = given;
  // An empty line before a request is to be ignored.
  while (bytes.length >= 2 && bytes[0] === 13 && bytes[1] === 10) bytes = bytes.subarray(2);
  const end = bytes.indexOf("\r\n\r\n");
  if (end === -1 || end > maxHeadBytes) {
    if (bytes.length > maxHeadBytes) throw new MalformedHttp(431, "The request's headers are too large.");
    if (hasBareLineFeed(bytes)) throw new MalformedHttp(400, "The request has a bare line feed.");
    client.rest = bytes.length === 0 ? null : bytes;
    return false;
  }
  const head = parseRequestHead(bytes.toString("latin1", 0, end));
  client.rest = null;
  startExchange(client, head);
  if (bytes.length === end + 4) return true;
  const remainder = bytes.subarray(end + 4);
  if (client.phase === "body" && client.exchange) bodyData(client, client.exchange, remainder);
  else if (client.phase !== "draining") client.rest = remainder;
  return true;
}

function hasBareLineFeed(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) if (at === 0 || bytes[at - 1] !== 13) return true;
  return false;
}

function startExchange(client: Client, request: RequestHead): void {
  const { core } = client;
  core.counters.requests++;
  core.counters.activeRequests++;
  const exchange: Exchange = {
    client,
    request,
    route: null,
    requestBody: bodyReader(request.framing),
    head: noBytes,
    early: [],
    earlyBytes: 0,
    upgrade: null,
    upstream: null,
    reused: false,
    retried: false,
    keepAlive: !request.http10 && !request.connection.includes("close"),
    partialHead: null,
    answered: false,
    response: null,
    responseBody: null,
    over: false,
  };
  client.exchange = exchange;
  client.phase = exchange.requestBody.done ? "waiting" : "body";
  const { table } = core.options;
  const match = table.match(request.host, request.target);
  if (match.kind === "route") {
    startRoute(exchange, match.route);
  } else if (match.kind === "unknown_host") {
    answerLocally(exchange, unknownHost(request.host));
  } else {
    const routes = table.all().filter((route) => route.host === match.host);
    const path = request.target.split("?", 1)[0] ?? "/";
    answerLocally(exchange, noPathAnswer({ host: match.host, path, routes, html: wantsHtml(request) }));
  }
}

function startRoute(exchange: Exchange, route: Route): void {
  const { client, request } = exchange;
  const { core } = client;
  exchange.route = route;
  if (request.fields.some((field) => field.name === pollHeader)) return void answerPoll(exchange, route);
  noteActivity(core, route.environmentId);
  if (route.port === core.port || hopsOf(request) >= maxHops) return void answerFailure(exchange, "loop");
  exchange.upgrade = requestedUpgrade(request);
  const forwarding = { clientAddress: client.address, gatewayPort: core.port, upgrade: exchange.upgrade, keepAlive: !request.http10 };
  exchange.head = Buffer.from(forwardedRequestHead(request, forwarding), "latin1");
  const serves = core.options.serves?.(route.environmentId, route.service) ?? true;
  if (serves === true) beginUpstream(exchange, route.port);
  else void beginIfServed(exchange, route, serves);
}

/** The port of a service that is not there may be somebody else's meanwhile, who must not get what is meant for it. */
async function beginIfServed(exchange: Exchange, route: Route, serves: boolean | Promise<boolean>): Promise<void> {
  const served = await Promise.resolve(serves).catch(() => false);
  if (exchange.over) return;
  if (served) beginUpstream(exchange, route.port);
  else await answerFailure(exchange, "refused");
}

/** A page of another site that had its name point here (DNS rebinding) must learn nothing. */
function unknownHost(host: string) {
  const local = hostName(host).endsWith(".localhost");
  return plainAnswer(421, local ? "No environment has this host name. `wt list` shows those there are." : "");
}

function bodyData(client: Client, exchange: Exchange, bytes: Buffer): void {
  let end: number;
  try {
    end = readBody(exchange.requestBody, bytes, 0);
  } catch (error) {
    if (!(error instanceof MalformedHttp)) throw error;
    if (exchange.response) {
      resetClient(client);
    } else {
      abandonExchange(exchange);
      refuseClient(client, error.status, error.message);
    }
    return;
  }
  const part = end === bytes.length ? bytes : bytes.subarray(0, end);
  if (exchange.upstream) {
    sendOn(exchange.upstream, part);
  } else {
    exchange.early.push(part);
    exchange.earlyBytes += part.length;
  }
  if (!exchange.requestBody.done) return;
  client.phase = "waiting";
  if (end < bytes.length) client.rest = bytes.subarray(end);
}

function tunnelData(client: Client, exchange: Exchange, bytes: Buffer): void {
  if (exchange.route) noteActivity(client.core, exchange.route.environmentId);
  if (exchange.upstream && !sendOn(exchange.upstream, bytes)) setPaused(client, true);
}

const noBytes = Buffer.alloc(0);
