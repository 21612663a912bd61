// Answers the gateway gives itself.
import { type Client, closeExchange, type Exchange, type GatewayCore } from "./connection.ts";
import { failureAnswer, type LocalAnswer, plainAnswer, pollAnswer, type UpstreamFailure } from "./error-page.ts";
import type { ServiceCondition } from "./gateway.ts";
import type { RequestHead } from "./http-head.ts";
import type { Route } from "./route-table.ts";
import { finishWire, sendOn, setPaused } from "./wire.ts";

/** Sends an answer and ends the exchange; the connection is kept when the request was complete and the client wants it kept. */
export function answerLocally(exchange: Exchange, answer: LocalAnswer): void {
  if (exchange.over) return;
  const { client, request } = exchange;
  const keep = exchange.keepAlive && exchange.requestBody.done;
  closeExchange(exchange);
  sendAnswer(client, answer, { keep, head: request.method === "HEAD" });
  if (keep) {
    client.phase = "head";
    client.sinceMs = Date.now();
  }
}

/** Sends an answer to what was no request, and closes. */
export function refuseClient(client: Client, status: number, message: string): void {
  if (client.exchange) closeExchange(client.exchange);
  sendAnswer(client, plainAnswer(status, message), { keep: false, head: false });
}

/** Answers for a service that could not be reached; says what state it is in. */
export async function answerFailure(exchange: Exchange, failure: UpstreamFailure): Promise<void> {
  const { route, request, client } = exchange;
  if (!route || exchange.over) return;
  const condition = await readCondition(client.core, route);
  const mayReload = request.method === "GET" || request.method === "HEAD";
  answerLocally(exchange, failureAnswer({ route, condition, failure, html: wantsHtml(request), mayReload }));
}

/** Answers the waiting page's question whether somebody listens now. */
export async function answerPoll(exchange: Exchange, route: Route): Promise<void> {
  const { core } = exchange.client;
  const serves = async () => (await core.options.serves?.(route.environmentId, route.service)) ?? true;
  const reachable = async () => (await serves().catch(() => false)) && (await isListening(route.port));
  const [condition, ready] = await Promise.all([readCondition(core, route), reachable()]);
  answerLocally(exchange, pollAnswer(condition, ready));
}

export function wantsHtml(request: RequestHead): boolean {
  return request.fields.some((field) => field.name === "accept" && field.value.includes("text/html"));
}

function sendAnswer(client: Client, answer: LocalAnswer, options: { keep: boolean; head: boolean }): void {
  const body = Buffer.from(answer.body);
  let head = `HTTP/1.1 ${answer.status} ${reasons[answer.status] ?? "Error"}\r\n`;
  for (const [name, value] of answer.headers) head += `${name}: ${value}\r\n`;
  head += `Content-Length: ${body.length}\r\n${options.keep ? "" : "Connection: close\r\n"}\r\n`;
  sendOn(client, options.head ? Buffer.from(head) : Buffer.concat([Buffer.from(head), body]));
  if (options.keep) return;
  drainClient(client);
}

/** Everything is said: FIN after what waits; the rest of the request is read and dropped, since closing on unread bytes would reset the answer away. */
export function drainClient(client: Client): void {
  client.phase = "draining";
  client.rest = null;
  client.sinceMs = Date.now();
  setPaused(client, false);
  finishWire(client);
}

const conditionDeadlineMs = 2000;

async function readCondition(core: GatewayCore, route: Route): Promise<ServiceCondition> {
  const unknown: ServiceCondition = { state: "Unknown", ready: false, starting: false, reason: null, logTail: [], retryAfterMs: null };
  const deadline = Promise.withResolvers<ServiceCondition>();
  const timer = setTimeout(() => deadline.resolve(unknown), conditionDeadlineMs);
  try {
    const condition = await Promise.race([core.options.condition(route.environmentId, route.service), deadline.promise]);
    return { ...condition, logTail: condition.logTail.map((line) => Bun.stripANSI(line)) };
  } catch {
    return unknown;
  } finally {
    clearTimeout(timer);
  }
}

async function isListening(port: number): Promise<boolean> {
  for (const hostname of ["127.0.0.1", "::1"]) {
    try {
      const socket = await Bun.connect({ hostname, port, socket: { data: () => undefined } });
      socket.end();
      return true;
    } catch {
      // The other family, then.
    }
  }
  return false;
}

const reasons: Record<number, string> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  408: "Request Timeout",
  421: "Misdirected Request",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
  508: "Loop Detected",
};
