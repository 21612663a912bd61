// What of a head is passed on: hop-by-hop fields end here, forwarding fields are ours. Pure.
import type { HeaderField, RequestHead, ResponseHead } from "./http-head.ts";

/** Upgrades that would put a second HTTP behind our back: such a request is passed on without its Upgrade. */
const refusedUpgrades = /^(?:h2c?|http\/.*|tls\/.*)$/i;

/** Counts how often a request came through a gateway; more than `maxHops` is a loop. */
export const hopsHeader = "x-wt-hops";
export const maxHops = 8;

/** The protocol the client asks to switch to, if it may be passed on. */
export function requestedUpgrade(head: RequestHead): string | null {
  if (head.http10 || head.framing.kind !== "none" || !head.connection.includes("upgrade")) return null;
  const offers = head.fields.filter((field) => field.name === "upgrade").map((field) => field.value);
  const [offer] = offers;
  return offers.length !== 1 || !offer || offer.split(",").some((item) => refusedUpgrades.test(item.trim())) ? null : offer;
}

export function hopsOf(head: RequestHead): number {
  const field = head.fields.find((one) => one.name === hopsHeader);
  const hops = Number(field?.value ?? 0);
  return Number.isInteger(hops) && hops > 0 ? hops : 0;
}

export interface Forwarding {
  clientAddress: string;
  gatewayPort: number;
  upgrade: string | null;
  /** Keep the upstream's connection for the next request. */
  keepAlive: boolean;
}

/** The head the upstream gets, latin1, ready to be sent. Host, order and duplicates stay as the client wrote them. */
export function forwardedRequestHead(head: RequestHead, forwarding: Forwarding): string {
  let text = `${head.method} ${head.target} HTTP/${head.http10 ? "1.0" : "1.1"}\r\n`;
  for (const field of head.fields) if (passesUpstream(field, head)) text += `${field.line}\r\n`;
  if (forwarding.upgrade) text += `Connection: Upgrade\r\nUpgrade: ${forwarding.upgrade}\r\n`;
  else if (!forwarding.keepAlive) text += "Connection: close\r\n";
  const port = /:(\d+)$/.exec(head.host)?.[1] ?? String(forwarding.gatewayPort);
  text += `X-Forwarded-For: ${forwarding.clientAddress}\r\nX-Forwarded-Host: ${head.host}\r\nX-Forwarded-Proto: http\r\n`;
  return `${text}X-Forwarded-Port: ${port}\r\nX-Wt-Hops: ${hopsOf(head) + 1}\r\n\r\n`;
}

export interface ResponseForwarding {
  upgrade: boolean;
  close: boolean;
  /** The service's own port, and the Host the client asked for. */
  port: number;
  host: string;
}

/** The head the client gets. The framing fields stay, since the body's bytes are passed on as they are. */
export function forwardedResponseHead(head: ResponseHead, options: ResponseForwarding): string {
  let text = `HTTP/1.1 ${head.statusText}\r\n`;
  for (const field of head.fields) {
    if (isHopByHop(field.name, head.connection)) continue;
    text += `${field.name === "location" ? publicLocation(field, options) : field.line}\r\n`;
  }
  if (options.upgrade) {
    text += "Connection: Upgrade\r\n";
    for (const field of head.fields) if (field.name === "upgrade") text += `${field.line}\r\n`;
  } else if (options.close) {
    text += "Connection: close\r\n";
  }
  return `${text}\r\n`;
}

const ownAddress = /^http:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]):(\d+)(?=[/?#]|$)/i;

/** Apps that make URLs from the address they listen on (Next.js does) would send the browser past the gateway, to another origin. */
function publicLocation(field: HeaderField, { port, host }: ResponseForwarding): string {
  const [own = "", named] = ownAddress.exec(field.value) ?? [];
  return Number(named) === port ? `Location: http://${host}${field.value.slice(own.length)}` : field.line;
}

function passesUpstream(field: HeaderField, head: RequestHead): boolean {
  const { name } = field;
  if (name.startsWith("x-forwarded-") || name === "forwarded" || name === "x-real-ip" || name === hopsHeader) return false;
  return !isHopByHop(name, head.connection);
}

/** Fields about routing and framing stay even if a sender lists them in `Connection`: dropping them would change what the message is. */
const neverDropped = new Set(["host", "content-length", "transfer-encoding", "expect", "content-type", "content-encoding", "set-cookie"]);
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "upgrade",
  "http2-settings",
]);

function isHopByHop(name: string, connection: readonly string[]): boolean {
  if (hopByHop.has(name)) return true;
  return connection.length > 0 && connection.includes(name) && !neverDropped.has(name);
}
