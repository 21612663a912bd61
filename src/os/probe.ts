// Readiness probes from the outside: one attempt each, no connection is kept, no proxy of the environment is asked.
import { connect, type Socket } from "node:net";

export interface ProbeResult {
  ready: boolean;
  /** A short sentence without its full stop: "connection refused on port 20001". */
  reason: string;
}

export interface HttpProbe {
  port: number;
  /** Starts with `/`. */
  path: string;
  /** The one status that counts as ready; null: any below 500. */
  status: number | null;
  timeoutMs: number;
}

/** Ready when the port accepts a connection on 127.0.0.1 or ::1. */
export async function probeTcp(port: number, timeoutMs: number): Promise<ProbeResult> {
  const opened = await openLoopback(port, timeoutMs);
  if (opened.socket === null) return { ready: false, reason: opened.reason };
  opened.socket.destroy();
  return { ready: true, reason: `port ${port} accepts connections` };
}

/** One GET with `Host: localhost:<port>`, on 127.0.0.1 or else ::1. Redirects are not followed: their own status counts. */
export async function probeHttp(probe: HttpProbe): Promise<ProbeResult> {
  const deadlineMs = performance.now() + probe.timeoutMs;
  const opened = await openLoopback(probe.port, probe.timeoutMs);
  if (opened.socket === null) return { ready: false, reason: opened.reason };
  const answer = await requestStatus(opened.socket, probe, Math.max(1, deadlineMs - performance.now()));
  if (typeof answer === "string") return { ready: false, reason: answer };
  const ready = probe.status === null ? answer < 500 : answer === probe.status;
  const wanted = ready || probe.status === null ? "" : ` instead of ${probe.status}`;
  return { ready, reason: `GET ${probe.path} answered ${answer}${wanted}` };
}

type Opened = { socket: Socket; reason: string } | { socket: null; reason: string };

async function openLoopback(port: number, timeoutMs: number): Promise<Opened> {
  const deadlineMs = performance.now() + timeoutMs;
  const first = await open("127.0.0.1", port, timeoutMs);
  if (first.socket) return first;
  const second = await open("::1", port, Math.max(1, deadlineMs - performance.now()));
  return second.socket ? second : first;
}

function open(host: string, port: number, timeoutMs: number): Promise<Opened> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const fail = (reason: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ socket: null, reason });
    };
    const timer = setTimeout(() => fail(`no connection on port ${port} within ${timeoutMs} ms`), timeoutMs);
    // Stays for the socket's whole life, so that a late reset is never an unhandled error.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      fail(
        error.code === "ECONNREFUSED"
          ? `connection refused on port ${port}`
          : `no connection on port ${port} (${error.code ?? error.message})`,
      );
    });
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve({ socket, reason: "" });
    });
  });
}

/** The final status, or a sentence why there is none. Always destroys the socket. */
function requestStatus(socket: Socket, probe: HttpProbe, leftMs: number): Promise<number | string> {
  const { port } = probe;
  return new Promise((resolve) => {
    let received = "";
    const finish = (answer: number | string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(`GET ${probe.path} gave no answer within ${probe.timeoutMs} ms`), leftMs);
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
      const answer = parseStatus(received, port);
      if (answer !== null) finish(answer);
    });
    const onEnd = () => finish(`port ${port} closed the connection without an HTTP answer`);
    socket.once("end", onEnd);
    socket.once("close", onEnd);
    socket.write(
      `GET ${requestTarget(probe.path)} HTTP/1.1\r\nHost: localhost:${port}\r\nUser-Agent: worldtree\r\nAccept: */*\r\nConnection: close\r\n\r\n`,
    );
  });
}

/** What was received so far: a final status, a sentence why there will be none, or null when more is needed. Interim answers (1xx) are passed over. */
export function parseStatus(received: string, port: number): number | string | null {
  if (received.startsWith("\x15\x03")) return `port ${port} speaks TLS, not plain HTTP`;
  const line = /^HTTP\/1\.[01] (\d{3})[ \r\n]/.exec(received);
  if (line) {
    const status = Number(line[1]);
    if (status >= 200 || status === 101) return status;
    const end = received.indexOf("\r\n\r\n");
    return end === -1 ? null : parseStatus(received.slice(end + 4), port);
  }
  const couldBecomeOne = "HTTP/1.".startsWith(received.slice(0, 7)) && received.length < 16;
  return couldBecomeOne ? null : `port ${port} does not answer in HTTP`;
}

function requestTarget(path: string): string {
  const target = path.toWellFormed().replace(/[^\x21-\x7e]/gu, encodeURIComponent);
  return target.startsWith("/") ? target : `/${target}`;
}
