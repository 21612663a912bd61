// The few words of the Redis protocol (RESP2) that it takes to look after a server.
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export type RedisReply = string | number | null | RedisReply[];
export type RedisAddress = { path: string } | { host: string; port: number; tls?: boolean };

/** What the server answered with `-`: `LOADING …`, `ERR …`. */
export class RedisReplyError extends Error {}

export interface RedisLink {
  /** Rejects with `RedisReplyError` for an error reply, with another error when the connection ends. */
  send(...words: string[]): Promise<RedisReply>;
  close(): void;
}

/** How the daemon's own connections are called in CLIENT LIST. */
export const linkName = "wt-daemon";

const silenceMs = 5_000;
const greetingMs = 2_000;

/** Connects and, with a password, logs in. Rejects when nobody listens, or with `RedisReplyError` when the password is another. */
export async function openRedisLink(address: RedisAddress, password: string, user = ""): Promise<RedisLink> {
  const socket = "tls" in address && address.tls ? connectTls({ ...address, servername: address.host }) : connect(address);
  const link = linkOver(socket);
  try {
    if (password !== "") await sendInTime(link, ["AUTH", ...(user === "" ? [] : [user]), password], greetingMs);
    await sendInTime(link, ["CLIENT", "SETNAME", linkName], greetingMs);
    return link;
  } catch (error) {
    link.close();
    throw error;
  }
}

function linkOver(socket: Socket): RedisLink {
  const waiting: { resolve: (reply: RedisReply) => void; reject: (error: Error) => void }[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let ended: Error | null = null;
  const end = (error: Error) => {
    ended ??= error;
    for (const each of waiting.splice(0)) each.reject(ended);
    socket.destroy();
  };
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    try {
      for (let parsed = parseReply(rest, 0); parsed && waiting.length > 0; parsed = parseReply(rest, 0)) {
        rest = rest.subarray(parsed.end);
        const next = waiting.shift();
        if (parsed.reply instanceof RedisReplyError) next?.reject(parsed.reply);
        else next?.resolve(parsed.reply);
      }
    } catch (error) {
      end(error instanceof Error ? error : new Error(String(error)));
    }
  });
  socket.on("error", end);
  socket.on("close", () => end(new Error("the connection was closed")));
  return {
    send: (...words) =>
      new Promise<RedisReply>((resolve, reject) => {
        if (ended) return reject(ended);
        waiting.push({ resolve, reject });
        socket.write(encodeCommand(words));
      }),
    close: () => end(new Error("the connection was closed")),
  };
}

/** Rejects when the server says nothing for a while; a blocked server must not block the daemon. */
export async function sendInTime(link: RedisLink, words: string[], limitMs = silenceMs): Promise<RedisReply> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer for ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([link.send(...words), silence]);
  } finally {
    clearTimeout(timer);
  }
}

export function encodeCommand(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}

/** One reply from `start` on; null while it is not complete. Throws for what is no reply. */
export function parseReply(bytes: Buffer, start: number): { reply: RedisReply | RedisReplyError; end: number } | null {
  const lineEnd = bytes.indexOf("\r\n", start);
  if (lineEnd === -1) return null;
  const text = bytes.toString("utf8", start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case "+":
      return { reply: text, end };
    case "-":
      return { reply: new RedisReplyError(text), end };
    case ":":
      return { reply: lengthOf(text), end };
    case "$": {
      const length = lengthOf(text);
      if (length < 0) return { reply: null, end };
      if (bytes.length < end + length + 2) return null;
      return { reply: bytes.toString("utf8", end, end + length), end: end + length + 2 };
    }
    case "*":
      return parseList(bytes, end, lengthOf(text));
    default:
      throw new Error("this is no Redis server");
  }
}

function parseList(bytes: Buffer, start: number, length: number): { reply: RedisReply; end: number } | null {
  if (length < 0) return { reply: null, end: start };
  const list: RedisReply[] = [];
  let end = start;
  for (let index = 0; index < length; index++) {
    const parsed = parseReply(bytes, end);
    if (!parsed) return null;
    list.push(parsed.reply instanceof RedisReplyError ? parsed.reply.message : parsed.reply);
    end = parsed.end;
  }
  return { reply: list, end };
}

function lengthOf(text: string): number {
  const number = Number(text);
  if (text === "" || !Number.isSafeInteger(number)) throw new Error("this is no Redis server");
  return number;
}

export function encodeReplyError(message: string): string {
  return `-ERR ${message.replace(/[\r\n]+/g, " ")}\r\n`;
}
