// Listening, routing, header fidelity, and what the gateway says itself.
import { afterEach, describe, expect, test } from "bun:test";
import type { ServiceCondition } from "./gateway.ts";
import { startGateway } from "./gateway.ts";
import {
  answerEach,
  conditionOf,
  openPeer,
  type RawServer,
  requestText,
  responseText,
  routeOf,
  startRawServer,
  startTestGateway,
} from "./raw-peers.conformance.ts";
import { RouteTable } from "./route-table.ts";

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

async function gatewayTo(routes: Parameters<typeof startTestGateway>[0], options: Parameters<typeof startTestGateway>[1] = {}) {
  const gateway = await startTestGateway(routes, options);
  ending.push(() => gateway.stop());
  return gateway;
}

async function rawServer(...given: Parameters<typeof startRawServer>): Promise<RawServer> {
  const server = await startRawServer(...given);
  ending.push(() => server.close());
  return server;
}

/** A port on which nobody listens. */
async function deadPort(): Promise<number> {
  const server = await startRawServer(() => undefined);
  server.close();
  return server.port;
}

/** Sends one request and gives the whole response, until the gateway closes. */
async function exchange(port: number, text: string, hostname = "127.0.0.1"): Promise<string> {
  const client = await openPeer(port, hostname);
  client.send(text);
  await client.closed;
  client.socket.end();
  return client.received();
}

const closing = "Connection: close";

describe("listening", () => {
  test("answers on both loopback families and on nothing else", async () => {
    const upstream = await rawServer(answerEach(() => responseText("hello")));
    const { port } = await gatewayTo([routeOf("a.localhost", upstream.port)]);
    for (const hostname of ["127.0.0.1", "::1"]) {
      expect(await exchange(port, requestText("a.localhost", { headers: [closing] }), hostname)).toEndWith("\r\n\r\nhello");
    }
  });

  test("says who holds a taken port, on either family", async () => {
    for (const hostname of ["127.0.0.1", "::1"]) {
      const stranger = await rawServer(() => undefined, hostname);
      const started = startGateway({ port: stranger.port, table: new RouteTable(), condition: async () => conditionOf() });
      const error = await started.then(
        () => null,
        (reason) => reason,
      );
      expect(error).toMatchObject({ kind: "machine", code: "gateway_port_taken", details: { port: stranger.port } });
      expect(error.message).toContain(String(stranger.port));
      if (process.platform === "linux") expect(error.message).toContain(`pid ${process.pid}`);
    }
  });

  test("frees its port when it stops, and ends what is open", async () => {
    const first = await gatewayTo([]);
    const client = await openPeer(first.port);
    await Promise.all([first.stop(), client.closed]);
    const second = await startGateway({ port: first.port, table: new RouteTable(), condition: async () => conditionOf() });
    expect(second.port).toBe(first.port);
    await second.stop();
    await second.stop();
  });
});

describe("routing", () => {
  test("sends each host and prefix to its own service, also on one connection", async () => {
    const named = (name: string) => rawServer(answerEach((head) => responseText(`${name} ${head.split(" ")[1]}`)));
    const [web, api, other] = await Promise.all([named("web"), named("api"), named("other")]);
    const { port } = await gatewayTo([
      routeOf("a.localhost", web.port),
      routeOf("a.localhost", api.port, { prefix: "/api" }),
      routeOf("b.localhost", other.port, { environmentId: "env-2" }),
    ]);
    const client = await openPeer(port);
    const asked = [
      ["a.localhost", "/", "web /"],
      ["a.localhost:99", "/api/x?y=1", "api /api/x?y=1"],
      ["A.LOCALHOST.", "/apix", "web /apix"],
      ["b.localhost", "/api", "other /api"],
    ];
    for (const [host, path, answer] of asked) {
      client.send(requestText(host!, { path: path! }));
      await client.until(`\r\n\r\n${answer}`);
    }
  });

  test("answers 421 to unknown hosts and tells nothing", async () => {
    const upstream = await rawServer(answerEach(() => responseText("secret")));
    const { port } = await gatewayTo([routeOf("my-branch.localhost", upstream.port)]);
    for (const host of [
      "evil.example",
      "localhost",
      "127.0.0.1",
      "x.my-branch.localhost",
      "branch.localhost",
      `my-branch.localhost.evil.example:${port}`,
    ]) {
      const answer = await exchange(port, requestText(host, { headers: [closing, "Accept: text/html"] }));
      expect(answer).toStartWith("HTTP/1.1 421 ");
      expect(answer).not.toContain("my-branch");
      expect(answer).not.toContain(String(upstream.port));
      if (host.endsWith(".localhost")) expect(answer).toContain("wt list");
      else expect(answer).toEndWith("\r\n\r\n");
    }
    expect(upstream.peers).toHaveLength(0);
  });

  test("names the routes of that host alone when the path has none", async () => {
    const { port } = await gatewayTo([
      routeOf("a.localhost", 1, { prefix: "/api", service: "backend" }),
      routeOf("docs.a.localhost", 1, { prefix: "/secret", service: "docs" }),
    ]);
    const json = await fetch(`http://127.0.0.1:${port}/x`, { headers: { Host: "a.localhost" } });
    expect(json.status).toBe(404);
    const text = await json.text();
    expect(JSON.parse(text).error).toMatchObject({
      kind: "not_found",
      code: "no_route",
      hints: ["These paths are served: /api (backend)."],
    });
    const html = await fetch(`http://127.0.0.1:${port}/<script>`, { headers: { Host: "a.localhost", Accept: "text/html" } });
    const page = await html.text();
    expect(page).toContain('href="/api"');
    for (const answer of [text, page]) expect(answer).not.toContain("secret");
    expect(page).not.toContain("<script>");
  });

  test("ends a request that goes in circles", async () => {
    const table = new RouteTable();
    const gateway = await startGateway({ port: 0, table, condition: async () => conditionOf() });
    ending.push(() => gateway.stop());
    table.replace("env-1", [routeOf("self.localhost", gateway.port)]);
    expect(await exchange(gateway.port, requestText("self.localhost", { headers: [closing] }))).toStartWith("HTTP/1.1 508 ");
    // Through an app that sends everything on to its own URL.
    const app = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => fetch(`http://127.0.0.1:${gateway.port}/`, { headers: request.headers }),
    });
    ending.push(() => app.stop(true));
    table.replace("env-2", [routeOf("loop.localhost", app.port ?? 0, { environmentId: "env-2" })]);
    const answer = await fetch(`http://127.0.0.1:${gateway.port}/`, { headers: { Host: "loop.localhost" } });
    expect([answer.status, ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([508, "loop"]);
  });
});

describe("headers", () => {
  test("pass upstream as they are, hop-by-hop ones and forged forwarding apart", async () => {
    const upstream = await rawServer(answerEach(() => responseText("")));
    const { port } = await gatewayTo([routeOf("a.localhost", upstream.port)]);
    const headers = [
      "X-Dup: one",
      "Accept-Encoding: br",
      "x-dUp: two",
      "Cookie: a=1",
      "Cookie: b=2",
      "Connection: keep-alive, X-Named, close",
      "X-Named: gone",
      "Keep-Alive: timeout=5",
      "TE: trailers",
      "Proxy-Authorization: x",
      "Proxy-Connection: x",
      "Upgrade: h2c",
      "HTTP2-Settings: x",
      "Forwarded: for=6.6.6.6",
      "X-Forwarded-For: 6.6.6.6",
      "X-Forwarded-Host: evil",
      "x-forwarded-prefix: /x",
      "X-Real-IP: 6.6.6.6",
      "Authorization: Basic x",
    ];
    await exchange(port, requestText("A.localhost", { path: "/%7e?q=%zz", headers }));
    expect((await upstream.peer(0)).received().split("\r\n")).toEqual([
      "GET /%7e?q=%zz HTTP/1.1",
      "Host: A.localhost",
      "X-Dup: one",
      "Accept-Encoding: br",
      "x-dUp: two",
      "Cookie: a=1",
      "Cookie: b=2",
      "Authorization: Basic x",
      "X-Forwarded-For: 127.0.0.1",
      "X-Forwarded-Host: A.localhost",
      "X-Forwarded-Proto: http",
      `X-Forwarded-Port: ${port}`,
      "X-Wt-Hops: 1",
      "",
      "",
    ]);
  });

  test("come back as they are: duplicates, every Set-Cookie, redirects, compressed bytes", async () => {
    const body = Bun.gzipSync(Buffer.from("compressed"));
    const upstream = await rawServer(
      answerEach(() => {
        const head = [
          "HTTP/1.1 302 Gone Elsewhere",
          "Set-Cookie: a=1; Path=/",
          "set-cookie: b=2",
          "Location: http://127.0.0.1:9/x",
          "Content-Encoding: gzip",
        ];
        const hop = [
          "Connection: X-Hop, keep-alive",
          "X-Hop: gone",
          "Keep-Alive: timeout=5",
          "Proxy-Authenticate: x",
          `Content-Length: ${body.length}`,
        ];
        return Buffer.concat([Buffer.from(`${[...head, ...hop].join("\r\n")}\r\n\r\n`), body]);
      }),
    );
    const { port } = await gatewayTo([routeOf("a.localhost", upstream.port)]);
    const client = await openPeer(port);
    client.send(requestText("a.localhost", { headers: [closing] }));
    await client.closed;
    const [head, ...rest] = client.received().split("\r\n\r\n");
    expect(head?.split("\r\n")).toEqual([
      "HTTP/1.1 302 Gone Elsewhere",
      "Set-Cookie: a=1; Path=/",
      "set-cookie: b=2",
      "Location: http://127.0.0.1:9/x",
      "Content-Encoding: gzip",
      `Content-Length: ${body.length}`,
      "Connection: close",
    ]);
    expect(rest.join("\r\n\r\n")).toBe(Buffer.from(body).toString("latin1"));
  });

  test("that redirect to the service's own address lead to the public host; all other redirects stay", async () => {
    const upstream = await rawServer(
      answerEach((head) => responseText("", [`location: ${decodeURIComponent(/\?(\S+)/.exec(head)?.[1] ?? "")}`])),
    );
    const { port } = await gatewayTo([routeOf("a.localhost", upstream.port)]);
    const own = upstream.port;
    const moved = [`http://localhost:${own}/x?y=1#z`, `http://127.0.0.1:${own}`, `HTTP://[::1]:${own}?q`, `http://0.0.0.0:${own}/`];
    const kept = [
      "/x",
      `http://localhost:${own}1/x`,
      `http://localhost:${port}/x`,
      `http://localhost/x`,
      `https://localhost:${own}/x`,
      `http://localhost:${own}@example.org/`,
      `http://example.org/?next=http://localhost:${own}/`,
    ];
    const seen: (string | undefined)[] = [];
    for (const location of [...moved, ...kept]) {
      const path = `/?${encodeURIComponent(location)}`;
      const answer = await exchange(port, requestText(`a.localhost:${port}`, { path, headers: [closing] }));
      seen.push(/^location: .*$/im.exec(answer)?.[0]);
    }
    expect(seen).toEqual([
      ...["/x?y=1#z", "", "?q", "/"].map((rest) => `Location: http://a.localhost:${port}${rest}`),
      ...kept.map((location) => `location: ${location}`),
    ]);
  });

  test("of 64 KiB are accepted both ways; larger ones than 128 KiB are not", async () => {
    const big = "x".repeat(64 * 1024);
    const upstream = await rawServer(answerEach((head) => responseText(String(head.includes(`Cookie: ${big}`)), [`X-Big: ${big}`])));
    const { port } = await gatewayTo([routeOf("a.localhost", upstream.port)]);
    const answer = await exchange(port, requestText("a.localhost", { headers: [`Cookie: ${big}`, closing] }));
    expect(answer).toContain(`X-Big: ${big}\r\n`);
    expect(answer).toEndWith("true");
    expect(await exchange(port, requestText("a.localhost", { headers: [`Cookie: ${big}${big}${big}`] }))).toStartWith("HTTP/1.1 431 ");
  });

  test("that could be read in two ways are refused and reach no service", async () => {
    const upstream = await rawServer(answerEach(() => responseText("")));
    const { port } = await gatewayTo([routeOf("a.localhost", upstream.port)]);
    const bad = [
      "GET / HTTP/1.1\nHost: a.localhost\n\n",
      requestText("a.localhost", { headers: ["Content-Length: 4", "Transfer-Encoding: chunked"] }),
      requestText("a.localhost", { headers: ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"] }),
      requestText("a.localhost", { headers: ["X: 1", " folded"] }),
      requestText("a.localhost", { headers: ["Host: b.localhost"] }),
      "GET / HTTP/1.1\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ];
    for (const text of bad) expect(await exchange(port, text)).toMatch(/^HTTP\/1\.1 400 /);
    expect(upstream.peers).toHaveLength(0);
  });
});

describe("a service that cannot be reached", () => {
  const json = { headers: { Host: "a.localhost", Accept: "application/json" } };
  const html = { headers: { Host: "a.localhost", Accept: "text/html,*/*" } };

  async function gatewayToDead(condition: Partial<ServiceCondition>) {
    const asked: string[] = [];
    const gateway = await gatewayTo([routeOf("a.localhost", await deadPort(), { service: "backend" })], {
      condition: async (environmentId, service) => {
        asked.push(`${environmentId}/${service}`);
        return conditionOf(condition);
      },
    });
    return { url: `http://127.0.0.1:${gateway.port}/`, asked };
  }

  test("and is starting: 503 with what tools need", async () => {
    const condition = { state: "Starting", starting: true, ready: false, logTail: ["\x1b[32mone\x1b[0m", "two"], retryAfterMs: 1500 };
    const { url, asked } = await gatewayToDead(condition);
    const answer = await fetch(url, json);
    expect([answer.status, answer.headers.get("retry-after"), answer.headers.get("cache-control")]).toEqual([503, "2", "no-store"]);
    expect(await answer.json()).toEqual({
      error: {
        kind: "unhealthy",
        code: "service_starting",
        message: "The service backend of my-branch is starting.",
        hints: ["wt logs backend -e my-branch", "wt restart backend -e my-branch"],
      },
      state: "Starting",
      retryAfterMs: 1500,
      logs: ["one", "two"],
    });
    expect(asked).toEqual(["env-1/backend"]);
  });

  test("and has failed: 502 with the reason, without a stack", async () => {
    const { url } = await gatewayToDead({
      state: "CrashLoopBackOff",
      ready: false,
      reason: "It ended with code 1 five times.",
      logTail: ["Error: no database"],
    });
    const answer = await fetch(url, json);
    expect(answer.status).toBe(502);
    const body = (await answer.json()) as { error: { code: string; message: string }; logs: string[] };
    expect(body).toMatchObject({
      state: "CrashLoopBackOff",
      retryAfterMs: null,
      logs: ["Error: no database"],
      error: { code: "upstream_refused" },
    });
    expect(body.error.message).toEndWith("It ended with code 1 five times.");
    expect(JSON.stringify(body)).not.toMatch(/ECONNREFUSED|\bat /);
  });

  test("and is stopped: says so, and how to start it", async () => {
    const { url } = await gatewayToDead({ state: "Stopped", ready: false });
    expect(await (await fetch(url, json)).json()).toMatchObject({
      error: { code: "service_stopped", message: "The service backend of my-branch is stopped.", hints: ["wt up backend -e my-branch"] },
    });
    expect(await (await fetch(url, html)).text()).toContain("<h1>backend is stopped</h1>");
  });

  test("gets a page that escapes the log, loads nothing from elsewhere and asks until it is there", async () => {
    const { url } = await gatewayToDead({ state: "Starting", starting: true, logTail: ["</pre><script>alert(1)</script>"] });
    const answer = await fetch(url, html);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([503, "text/html; charset=utf-8"]);
    const page = await answer.text();
    for (const part of ["my-branch", "backend", "Starting", "fibonacci", "&#60;script&#62;alert(1)", "prefers-color-scheme:dark"])
      expect(page).toContain(part);
    expect(page).not.toContain("<script>alert");
    expect(page).not.toMatch(/(src|href)=/);
    expect(page.length).toBeLessThan(6000);
    const script = /<script>([\s\S]*?)<\/script>/.exec(page)?.[1] ?? "";
    const hash = new Bun.CryptoHasher("sha256").update(script).digest("base64");
    expect(answer.headers.get("content-security-policy")).toContain(`script-src 'sha256-${hash}'`);
    new Function(script);
  });

  test("does not make a page send a form again", async () => {
    const { url } = await gatewayToDead({ state: "Starting", starting: true });
    const answer = await fetch(url, { ...html, method: "POST", body: "a=1" });
    expect([answer.status, (await answer.text()).includes("<script>")]).toEqual([503, false]);
  });

  test("answers the page's question itself, true once somebody listens", async () => {
    const upstream = await rawServer(answerEach(() => responseText("app")));
    const { port, table } = await gatewayTo([routeOf("a.localhost", await deadPort())], {
      condition: async () => conditionOf({ state: "Starting", starting: true }),
    });
    const poll = async () =>
      (await fetch(`http://127.0.0.1:${port}/deep/link`, { headers: { Host: "a.localhost", "X-Wt-Poll": "1" } })).json();
    expect(await poll()).toEqual({ ready: false, starting: true, state: "Starting", reason: null, logs: [] });
    table.replace("env-1", [routeOf("a.localhost", upstream.port)]);
    expect(await poll()).toMatchObject({ ready: true });
    // It asked for a connection, not for a page of the app.
    expect(upstream.peers.map((peer) => peer.received())).toEqual([""]);
  });

  test("still gets its answer when the state cannot be told", async () => {
    const { port } = await gatewayTo([routeOf("a.localhost", await deadPort())], {
      condition: () => Promise.reject(new Error("ledger closed")),
    });
    const answer = await fetch(`http://127.0.0.1:${port}/`, json);
    expect([answer.status, ((await answer.json()) as { state: string }).state]).toEqual([502, "Unknown"]);
  });

  test("answers with something that is no HTTP: 502", async () => {
    const upstream = await rawServer((peer) => peer.send("220 mail.example ESMTP\r\n\r\n"));
    const { port } = await gatewayTo([routeOf("a.localhost", upstream.port)]);
    const answer = await fetch(`http://127.0.0.1:${port}/`, json);
    expect([answer.status, ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([502, "upstream_malformed"]);
  });

  test("closes or resets before it answers: 502, asked once", async () => {
    for (const end of ["end", "resetAndDestroy"] as const) {
      const upstream = await rawServer((peer) => peer.socket.once("data", () => peer.socket[end]()));
      const { port } = await gatewayTo([routeOf("a.localhost", upstream.port)]);
      const answer = await fetch(`http://127.0.0.1:${port}/`, { ...html });
      expect(answer.status).toBe(502);
      // The app saw the request, so the page does not repeat it by itself.
      expect(await answer.text()).not.toContain("<script>");
      expect(upstream.peers).toHaveLength(1);
    }
  });
});

describe("counting", () => {
  test("requests, and activity at most once a second per environment", async () => {
    const upstream = await rawServer(answerEach(() => responseText("")));
    const seen: string[] = [];
    const routes = [routeOf("a.localhost", upstream.port), routeOf("b.localhost", upstream.port, { environmentId: "env-2" })];
    const gateway = await gatewayTo(routes, { onActivity: (id) => seen.push(id) });
    const client = await openPeer(gateway.port);
    for (let count = 1; count <= 6; count++) {
      client.send(requestText(count % 2 ? "a.localhost" : "b.localhost"));
      await client.until((text) => text.split("HTTP/1.1 200").length === count + 1);
    }
    expect(gateway.stats()).toEqual({ requests: 6, activeRequests: 0, activeSockets: 0 });
    expect(seen).toEqual(["env-1", "env-2"]);
  });
});
