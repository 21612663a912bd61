// What services answer: heads, bodies, a switched protocol, or nothing.
import { bodyReader, readBody } from "./body-reader.ts";
import { closeExchange, type Exchange, noteActivity, resetClient, updateReading, updateUpstreamReading } from "./connection.ts";
import type { UpstreamFailure } from "./error-page.ts";
import { forwardedResponseHead, type ResponseForwarding } from "./forward-head.ts";
import { MalformedHttp, parseResponseHead, type ResponseHead } from "./http-head.ts";
import { answerFailure, drainClient } from "./local-answer.ts";
import type { DialFailure, PoolEvents, Upstream } from "./upstream-pool.ts";
import { finishWire, flushWire, sendOn, setPaused } from "./wire.ts";

const maxHeadBytes = 256 * 1024;
/** Up to this size a head and the first bytes of its body are copied together, to go out in one call. */
const maxJoinedBytes = 64 * 1024;
/** Methods that may be sent again when a reused connection turns out to be closed. */
const repeatable = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

export const upstreamEvents: PoolEvents<Exchange> = {
  connected: (exchange, upstream) => sendRequest(exchange, upstream),
  unreachable: (exchange, failure: DialFailure) => void answerFailure(exchange, failure),
  data: upstreamData,
  ended: upstreamEnded,
  drained(exchange) {
    if (exchange.upstream && flushWire(exchange.upstream)) updateReading(exchange.client);
  },
  closed(exchange) {
    if (exchange.over) return;
    exchange.upstream = null;
    upstreamLost(exchange);
  },
};

export function beginUpstream(exchange: Exchange, port: number): void {
  const { pool } = exchange.client.core;
  const careful = !repeatable.has(exchange.request.method) || !exchange.requestBody.done;
  const upstream = pool.acquire(exchange, port, { fresh: exchange.upgrade !== null || exchange.retried, careful });
  if (upstream) sendRequest(exchange, upstream);
}

function sendRequest(exchange: Exchange, upstream: Upstream<Exchange>): void {
  const { client } = exchange;
  exchange.upstream = upstream;
  exchange.reused = upstream.reused;
  const parts = [exchange.head, ...exchange.early];
  exchange.early = [];
  exchange.earlyBytes = 0;
  sendOn(upstream, parts.length === 1 ? exchange.head : Buffer.concat(parts));
  updateReading(client);
}

function upstreamData(exchange: Exchange, given: Buffer): void {
  if (exchange.client.phase === "tunnel") {
    sendOn(exchange.client, given);
    updateUpstreamReading(exchange);
    return;
  }
  exchange.answered = true;
  try {
    let bytes: Buffer | null = given;
    while (bytes && exchange.response === null && !exchange.over) bytes = readResponseHead(exchange, bytes);
    if (bytes && !exchange.over) passBody(exchange, { head: null, bytes });
  } catch (error) {
    if (!(error instanceof MalformedHttp)) throw error;
    failExchange(exchange, "malformed");
  }
}

/** Gives back what follows a head that needs another one (100, 103); null when everything is used. */
function readResponseHead(exchange: Exchange, given: Buffer): Buffer | null {
  const bytes = exchange.partialHead ? Buffer.concat([exchange.partialHead, given]) : given;
  exchange.partialHead = null;
  const end = bytes.indexOf("\r\n\r\n");
  if (end === -1) {
    if (bytes.length > maxHeadBytes) throw new MalformedHttp(502, "The response's headers are too large.");
    exchange.partialHead = bytes;
    return null;
  }
  const head = parseResponseHead(bytes.toString("latin1", 0, end), exchange.request.method);
  const following = bytes.subarray(end + 4);
  if (head.status === 101) {
    switchProtocol(exchange, head, following);
    return null;
  }
  if (head.status < 200) {
    const text = forwardedResponseHead(head, forwarding(exchange, { close: false }));
    if (!exchange.request.http10) sendOn(exchange.client, Buffer.from(text, "latin1"));
    return following.length > 0 ? following : null;
  }
  beginResponse(exchange, head, following);
  return null;
}

function beginResponse(exchange: Exchange, head: ResponseHead, following: Buffer): void {
  const { client } = exchange;
  if (exchange.request.http10 && head.framing.kind === "chunked") throw new MalformedHttp(502, "HTTP/1.0 has no chunks.");
  // A request whose body is not complete may never be: what would follow it cannot be told from its rest.
  if (head.framing.kind === "close" || !exchange.requestBody.done) exchange.keepAlive = false;
  exchange.response = head;
  exchange.responseBody = bodyReader(head.framing);
  if (exchange.upstream && isEventStream(head)) client.core.pool.detach(exchange.upstream);
  const text = forwardedResponseHead(head, forwarding(exchange, { close: !exchange.keepAlive }));
  passBody(exchange, { head: text, bytes: following });
}

function forwarding(exchange: Exchange, { close }: { close: boolean }): ResponseForwarding {
  return { upgrade: false, close, port: exchange.route?.port ?? 0, host: exchange.request.host };
}

function isEventStream(head: ResponseHead): boolean {
  return head.fields.some((field) => field.name === "content-type" && field.value.startsWith("text/event-stream"));
}

function passBody(exchange: Exchange, part: { head: string | null; bytes: Buffer }): void {
  const { client, responseBody } = exchange;
  if (!responseBody) return;
  const { head, bytes } = part;
  const end = readBody(responseBody, bytes, 0);
  const body = end === bytes.length ? bytes : bytes.subarray(0, end);
  if (head === null) {
    sendOn(client, body);
  } else if (body.length <= maxJoinedBytes) {
    const joined = Buffer.allocUnsafe(head.length + body.length);
    joined.write(head, 0, "latin1");
    joined.set(body, head.length);
    sendOn(client, joined);
  } else {
    sendOn(client, Buffer.from(head, "latin1"));
    sendOn(client, body);
  }
  if (responseBody.done) finishResponse(exchange, end < bytes.length);
  else updateUpstreamReading(exchange);
}

function finishResponse(exchange: Exchange, surplus: boolean): void {
  const { client, upstream, response } = exchange;
  const requestDone = exchange.requestBody.done;
  closeExchange(exchange);
  exchange.upstream = null;
  if (upstream && response) {
    const reusable = requestDone && !surplus && !upstream.peerEnded && upstream.pendingBytes === 0 && keepsAlive(response, exchange);
    setPaused(upstream, false);
    if (reusable) client.core.pool.release(upstream);
    else client.core.pool.discard(upstream, !requestDone);
  }
  if (!exchange.keepAlive || !requestDone) {
    drainClient(client);
    return;
  }
  client.phase = "head";
  client.sinceMs = Date.now();
  client.core.readRequests(client);
  updateReading(client);
}

function keepsAlive(response: ResponseHead, exchange: Exchange): boolean {
  if (exchange.request.http10 || response.framing.kind === "close" || response.connection.includes("close")) return false;
  return !response.http10 || response.connection.includes("keep-alive");
}

function switchProtocol(exchange: Exchange, head: ResponseHead, following: Buffer): void {
  const { client, upstream } = exchange;
  if (!exchange.upgrade || !upstream) throw new MalformedHttp(502, "Nobody asked to switch protocols.");
  exchange.response = head;
  client.phase = "tunnel";
  client.core.counters.activeSockets++;
  client.core.pool.detach(upstream);
  for (const wire of [client, upstream]) wire.socket?.setKeepAlive(true, 30_000);
  sendOn(client, Buffer.from(forwardedResponseHead(head, { ...forwarding(exchange, { close: false }), upgrade: true }), "latin1"));
  sendOn(client, following);
  if (client.rest) sendOn(upstream, client.rest);
  client.rest = null;
  updateUpstreamReading(exchange);
  updateReading(client);
}

function upstreamEnded(exchange: Exchange): void {
  const { client, upstream } = exchange;
  if (client.phase === "tunnel") {
    client.sinceMs = Date.now();
    finishWire(client);
  } else if (exchange.responseBody?.kind === "close") {
    exchange.responseBody.done = true;
    finishResponse(exchange, false);
  } else {
    exchange.upstream = null;
    if (upstream) client.core.pool.discard(upstream, true);
    upstreamLost(exchange);
  }
}

/** The connection is gone before the response was complete. */
function upstreamLost(exchange: Exchange): void {
  const { route, client } = exchange;
  if (client.phase === "tunnel") {
    closeExchange(exchange);
    drainClient(client);
  } else if (exchange.response || exchange.retried || !route || !mayRepeat(exchange)) {
    failExchange(exchange, "reset");
  } else {
    exchange.retried = true;
    beginUpstream(exchange, route.port);
  }
}

/** Nothing came back on a connection that was used before: the service had closed it and cannot have seen the request. */
function mayRepeat(exchange: Exchange): boolean {
  const bare = exchange.request.framing.kind === "none" && exchange.upgrade === null;
  return bare && exchange.reused && !exchange.answered && repeatable.has(exchange.request.method);
}

function failExchange(exchange: Exchange, failure: UpstreamFailure): void {
  const { client, upstream, response } = exchange;
  exchange.upstream = null;
  if (upstream) client.core.pool.discard(upstream, true);
  if (!response) {
    if (exchange.route) noteActivity(client.core, exchange.route.environmentId);
    void answerFailure(exchange, failure);
  } else if (response.framing.kind === "close") {
    // The end of the connection is the end of the body: only a reset tells that it is cut.
    resetClient(client);
  } else {
    closeExchange(exchange);
    drainClient(client);
  }
}
