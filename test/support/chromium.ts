// A real browser for tests: headless Chromium driven over the DevTools protocol, with a profile of its own that is removed at the end.
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { holdInTest } from "./held-in-test.ts";
import { eventually } from "./hermetic-world.ts";

export interface Browser extends AsyncDisposable {
  open(url: string): Promise<Page>;
}

export interface Page {
  /** Every URL the page asked for, WebSockets included, in order. */
  readonly requests: string[];
  /** WebSockets, with how many frames came in and whether the handshake succeeded. */
  readonly webSockets: PageSocket[];
  /** What the page wrote to its console as an error, and uncaught exceptions. */
  readonly errors: string[];
  /** Value of a JavaScript expression; promises are awaited. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until the expression is `value`; gives the last value seen. */
  waitFor<T>(expression: string, value: T, deadlineMs?: number): Promise<T | null>;
  screenshot(path: string, options?: { dark?: boolean; width?: number; height?: number }): Promise<void>;
}

export interface PageSocket {
  url: string;
  open: boolean;
  received: number;
}

/** Path of a Chromium or Chrome; null: none is installed. */
export function findChromium(): string | null {
  return (
    ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"].map((name) => Bun.which(name)).find((path) => path) ?? null
  );
}

export async function startChromium(): Promise<Browser> {
  const program = findChromium();
  if (!program) throw new Error("There is no Chromium here.");
  const profile = mkdtempSync(join(tmpdir(), "wt-chromium-"));
  const child = Bun.spawn([program, ...chromiumOptions, `--user-data-dir=${profile}`, "about:blank"], {
    env: { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile, XDG_RUNTIME_DIR: profile },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const hold = holdInTest(() => {
    child.kill("SIGKILL");
    return end();
  });
  const end = async () => {
    hold.release();
    const killer = setTimeout(() => child.kill("SIGKILL"), 5000);
    await child.exited;
    clearTimeout(killer);
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  try {
    const connection = await connect(await debuggerUrl(child.stderr));
    return {
      open: (url) => openPage(connection, url),
      [Symbol.asyncDispose]: async () => {
        connection.send("Browser.close").catch(() => null);
        await end();
      },
    };
  } catch (error) {
    child.kill("SIGKILL");
    await end();
    throw error;
  }
}

const chromiumOptions = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-proxy-server",
  "--remote-debugging-port=0",
];

/** Chromium says on stderr where it listens; the rest of what it says is read away, so that it never blocks. */
async function debuggerUrl(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const found = Promise.withResolvers<string>();
  const read = async () => {
    let text = "";
    for await (const part of stderr) {
      text = (text + new TextDecoder().decode(part)).slice(-10_000);
      const url = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
      if (url) found.resolve(url);
    }
    found.reject(new Error(`Chromium ended before it listened:\n${text}`));
  };
  read().catch(found.reject);
  const timer = setTimeout(() => found.reject(new Error("Chromium did not listen within 30 s.")), 30_000);
  return await found.promise.finally(() => clearTimeout(timer));
}

type Params = Record<string, unknown>;

interface Connection {
  send<T>(method: string, params?: Params, sessionId?: string): Promise<T>;
  on(sessionId: string, listener: (method: string, params: Params) => void): void;
}

interface Message {
  id?: number;
  method?: string;
  sessionId?: string;
  params?: Params;
  result?: unknown;
  error?: { message: string };
}

async function connect(url: string): Promise<Connection> {
  const socket = new WebSocket(url);
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const listeners = new Map<string, (method: string, params: Params) => void>();
  const opened = Promise.withResolvers<void>();
  let last = 0;
  socket.onopen = () => opened.resolve();
  socket.onclose = () => {
    opened.reject(new Error("Chromium refused the connection."));
    for (const request of waiting.values()) request.reject(new Error("Chromium is gone."));
  };
  socket.onmessage = (event) => {
    const message = JSON.parse(String(event.data)) as Message;
    if (message.id === undefined) {
      listeners.get(message.sessionId ?? "")?.(message.method ?? "", message.params ?? {});
      return;
    }
    const request = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) request?.reject(new Error(message.error.message));
    else request?.resolve(message.result);
  };
  await opened.promise;
  return {
    send<T>(method: string, params: Params = {}, sessionId?: string): Promise<T> {
      last += 1;
      const request = Promise.withResolvers<unknown>();
      waiting.set(last, request);
      socket.send(JSON.stringify({ id: last, method, params, sessionId }));
      return request.promise as Promise<T>;
    },
    on: (sessionId, listener) => void listeners.set(sessionId, listener),
  };
}

async function openPage(connection: Connection, url: string): Promise<Page> {
  const { targetId } = await connection.send<{ targetId: string }>("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await connection.send<{ sessionId: string }>("Target.attachToTarget", { targetId, flatten: true });
  const send = <T>(method: string, params?: Params) => connection.send<T>(method, params, sessionId);
  const heard = listen(connection, sessionId);
  for (const domain of ["Network", "Page", "Runtime"]) await send(`${domain}.enable`);
  const evaluate = async <T>(expression: string): Promise<T> => {
    const answer = await send<Evaluated>("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    const problem = answer.exceptionDetails;
    if (problem) throw new Error(`${expression}: ${problem.exception?.description ?? problem.text}`);
    return answer.result.value as T;
  };
  await send("Page.navigate", { url });
  return {
    ...heard,
    evaluate,
    waitFor: (expression, value, deadlineMs = 30_000) =>
      // While a page loads there is nothing to ask.
      eventually(
        () => evaluate<typeof value>(expression).catch(() => null),
        (seen) => seen === value,
        deadlineMs,
      ),
    async screenshot(path, { dark = false, width = 1000, height = 700 } = {}) {
      await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
      await send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }] });
      const { data } = await send<{ data: string }>("Page.captureScreenshot", { format: "png" });
      await writeFile(path, Buffer.from(data, "base64"));
    },
  };
}

interface Evaluated {
  result: { value?: unknown };
  exceptionDetails?: { text: string; exception?: { description?: string } };
}

function listen(connection: Connection, sessionId: string): Pick<Page, "requests" | "webSockets" | "errors"> {
  const requests: string[] = [];
  const errors: string[] = [];
  const sockets = new Map<unknown, PageSocket>();
  const webSockets: PageSocket[] = [];
  connection.on(sessionId, (method, params) => {
    const socket = sockets.get(params.requestId);
    if (method === "Network.requestWillBeSent") requests.push((params.request as { url: string }).url);
    else if (method === "Network.webSocketCreated") {
      const made = { url: String(params.url), open: false, received: 0 };
      sockets.set(params.requestId, made);
      webSockets.push(made);
      requests.push(made.url);
    } else if (method === "Network.webSocketHandshakeResponseReceived" && socket) {
      socket.open = (params.response as { status: number }).status === 101;
    } else if (method === "Network.webSocketFrameReceived" && socket) socket.received += 1;
    else if (method === "Runtime.exceptionThrown") errors.push(JSON.stringify(params.exceptionDetails));
    else if (method === "Runtime.consoleAPICalled" && params.type === "error") errors.push(JSON.stringify(params.args));
  });
  return { requests, webSockets, errors };
}
