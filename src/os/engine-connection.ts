// One HTTP request per connection over a unix socket. HTTP/1.0, so that a body is plain bytes until the end: logs and waits that take days need no
// time limit switched off, no pool of connections to share, and no chunks.
import { WtError } from "../errors/wt-error.ts";

export interface EngineRequest {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** With query. */
  path: string;
  /** Bytes are an archive; everything else is sent as JSON. */
  body?: unknown;
  /** The connection does not keep this process from exiting. */
  idle?: boolean;
}

export interface EngineResponse {
  status: number;
  /** To be read to its end or returned; that closes the connection. */
  body: AsyncGenerator<Uint8Array>;
}

/** Beyond this much unread, the engine has to wait. */
const mostUnreadBytes = 1024 * 1024;

/** Resolves with the head of the answer. Throws `WtError` (`engine_down`, `engine_denied`) when nobody answers, and the reason of `abort`. */
export async function requestEngine(socketPath: string, request: EngineRequest, abort: AbortSignal): Promise<EngineResponse> {
  abort.throwIfAborted();
  const received = receive(socketPath, request, abort);
  try {
    let head = Buffer.alloc(0);
    for (;;) {
      const { value, done } = await received.next();
      if (done) throw engineDown(socketPath, new Error("the connection ended before an answer came"));
      head = Buffer.concat([head, value]);
      const end = head.indexOf("\r\n\r\n");
      if (end === -1) continue;
      const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(head.toString("latin1", 0, end))?.[1]);
      if (!status) throw engineDown(socketPath, new Error("the answer is not HTTP"));
      return { status, body: rest(head.subarray(end + 4), received) };
    }
  } catch (error) {
    await received.return(undefined);
    throw error;
  }
}

async function* rest(first: Uint8Array, received: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (first.length > 0) yield first;
    yield* received;
  } finally {
    await received.return(undefined);
  }
}

/** What has come and was not read yet. */
interface Inbox {
  chunks: Uint8Array[];
  unreadBytes: number;
  ended: boolean;
  failure: unknown;
  wake: () => void;
  /** Nothing more comes; null: as it should be. */
  finish(failure: unknown): void;
}

function createInbox(): Inbox {
  return {
    chunks: [],
    unreadBytes: 0,
    ended: false,
    failure: null,
    wake: () => undefined,
    finish(failure) {
      this.failure ??= failure;
      this.ended = true;
      this.wake();
    },
  };
}

async function* receive(socketPath: string, request: EngineRequest, abort: AbortSignal): AsyncGenerator<Uint8Array> {
  const inbox = createInbox();
  const onAbort = () => inbox.finish(abort.reason);
  abort.addEventListener("abort", onAbort, { once: true });
  const socket = await connect(socketPath, requestBytes(request), inbox).catch((error: unknown) => {
    abort.removeEventListener("abort", onAbort);
    throw engineDown(socketPath, error);
  });
  if (request.idle) socket.unref();
  try {
    for (;;) {
      if (inbox.failure !== null) throw inbox.failure;
      const chunk = inbox.chunks.shift();
      if (chunk) {
        inbox.unreadBytes -= chunk.length;
        if (inbox.unreadBytes < mostUnreadBytes) socket.resume();
        yield chunk;
      } else if (inbox.ended) return;
      else await new Promise<void>((resolve) => (inbox.wake = resolve));
    }
  } finally {
    abort.removeEventListener("abort", onAbort);
    socket.terminate();
  }
}

function requestBytes({ method, path, body }: EngineRequest): Buffer {
  const isArchive = body instanceof Uint8Array;
  const content = isArchive ? Buffer.from(body) : Buffer.from(body === undefined ? "" : JSON.stringify(body));
  const head = [`${method} ${path} HTTP/1.0`, "Host: docker", "User-Agent: worldtree"];
  if (body !== undefined) head.push(`Content-Type: application/${isArchive ? "x-tar" : "json"}`);
  if (method === "POST" || method === "PUT") head.push(`Content-Length: ${content.length}`);
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), content]);
}

function connect(unix: string, request: Buffer, inbox: Inbox): Promise<Bun.Socket> {
  let unsent = request;
  const send = (socket: Bun.Socket) => {
    unsent = unsent.subarray(Math.max(0, socket.write(unsent)));
  };
  return Bun.connect({
    unix,
    socket: {
      open: send,
      drain: (socket) => {
        if (unsent.length > 0) send(socket);
      },
      data(socket, data) {
        inbox.chunks.push(new Uint8Array(data));
        inbox.unreadBytes += data.length;
        if (inbox.unreadBytes >= mostUnreadBytes) socket.pause();
        inbox.wake();
      },
      end: () => inbox.finish(null),
      close: () => inbox.finish(null),
      error: (_socket, error) => inbox.finish(engineDown(unix, error)),
    },
  });
}

export function engineDown(socketPath: string, cause: unknown): WtError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? "";
  const details = { socket: socketPath };
  if (code === "EACCES" || code === "EPERM") {
    return new WtError({
      kind: "machine",
      code: "engine_denied",
      message: `You may not talk to the Docker engine at ${socketPath}.`,
      hints: ["Let your user use Docker (`sudo usermod -aG docker $USER`, then log in again), or use rootless Docker."],
      details,
      cause,
    });
  }
  return new WtError({
    kind: "machine",
    code: "engine_down",
    message: `No Docker engine answers at ${socketPath}.`,
    hints: ["Start Docker (`sudo systemctl start docker`, or Docker Desktop), then run the command again."],
    details,
    cause,
  });
}
