// Bodies, streams, connections: what is passed on while it happens, and what happens when one side goes.
import { afterEach, describe, expect, test } from "bun:test";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import {
  answerEach,
  openPeer,
  type Peer,
  type RawServer,
  requestText,
  responseText,
  routeOf,
  startRawServer,
  startTestGateway,
} from "./raw-peers.conformance.ts";

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

async function rawServer(...given: Parameters<typeof startRawServer>): Promise<RawServer> {
  const server = await startRawServer(...given);
  ending.push(() => server.close());
  return server;
}

/** A gateway whose only route, `a.localhost`, leads to this port; and an open client. */
async function clientTo(upstreamPort: number) {
  const gateway = await startTestGateway([routeOf("a.localhost", upstreamPort)]);
  ending.push(() => gateway.stop());
  const client = await openPeer(gateway.port);
  ending.push(() => client.socket.destroy());
  return { gateway, client };
}

function postText(request: { length: number; kind: string; path: string }): string {
  const { length, kind, path } = request;
  const post = (header: string, body: string) =>
    requestText("a.localhost", { method: "POST", path, headers: header ? [header] : [], body });
  if (kind === "none") return post("", "");
  if (kind === "length") return post(`Content-Length: ${length}`, "b".repeat(length));
  const half = length >> 1;
  const chunk = (size: number) => (size === 0 ? "" : `${size.toString(16)}\r\n${"c".repeat(size)}\r\n`);
  return post("Transfer-Encoding: chunked", `${chunk(half)}${chunk(length - half)}0\r\n\r\n`);
}

const get = (headers: string[] = []) => requestText("a.localhost", { headers });
const after = (text: string) => text.slice(text.indexOf("\r\n\r\n") + 4);

describe("framing", () => {
  test("keeps chunks, extensions and trailers byte for byte, both ways", async () => {
    const chunks = "5;x=1\r\nhello\r\n0A\r\n0123456789\r\n0\r\nChecksum: abc\r\n\r\n";
    const upstream = await rawServer((peer) => {
      peer.socket.on("data", () => {
        if (!peer.received().endsWith("abc\r\n\r\n")) return;
        peer.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Checksum\r\n\r\n${chunks}`);
      });
    });
    const { client } = await clientTo(upstream.port);
    const request = requestText("a.localhost", { method: "POST", headers: ["Transfer-Encoding: chunked"], body: chunks });
    // One byte at a time, to meet every seam.
    for (const byte of Buffer.from(request)) {
      client.send(new Uint8Array([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(after(await client.until("abc\r\n\r\n"))).toBe(chunks);
    expect(after((await upstream.peer(0)).received())).toBe(chunks);
  });

  test("of HEAD, 204 and 304 has no body, and the connection goes on", async () => {
    const upstream = await rawServer(
      answerEach((head) => {
        const path = head.split(" ")[1];
        if (path === "/204") return "HTTP/1.1 204 No Content\r\n\r\n";
        if (path === "/304") return 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 5\r\n\r\n';
        return head.startsWith("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" : responseText("hello");
      }),
    );
    const { client } = await clientTo(upstream.port);
    const asked: [string, string][] = [
      ["HEAD", "/"],
      ["GET", "/204"],
      ["GET", "/304"],
      ["HEAD", "/"],
      ["GET", "/"],
    ];
    for (const [method, path] of asked) {
      const before = client.received().length;
      client.send(requestText("a.localhost", { method, path }));
      await client.until((text) => text.slice(before).endsWith(path === "/" && method === "GET" ? "hello" : "\r\n\r\n"));
    }
    expect(client.received().match(/hello/g)).toHaveLength(1);
    expect(upstream.peers).toHaveLength(1);
  });

  test("of requests sent ahead is told apart, and they are answered in order", async () => {
    const upstream = await rawServer(answerEach((head) => responseText(`<${head.split(" ")[1]}>`)));
    const { client } = await clientTo(upstream.port);
    const paths = Array.from({ length: 50 }, (_, index) => `/${index}`);
    client.send(`\r\n${paths.map((path) => requestText("a.localhost", { path })).join("")}`);
    const text = await client.until("</49>");
    expect([...(text.match(/<.*?>/g) ?? [])]).toEqual(paths.map((path) => `<${path}>`));
  });

  test("survives any mix of requests cut anywhere", async () => {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => new Response(`[${request.method} ${(await request.bytes()).length} ${new URL(request.url).pathname}]`),
    });
    ending.push(() => server.stop(true));
    const gateway = await startTestGateway([routeOf("a.localhost", server.port ?? 0)]);
    ending.push(() => gateway.stop());
    const body = fc.record({ length: fc.nat({ max: 5000 }), kind: fc.constantFrom("none", "length", "chunked") });
    const property = fc.asyncProperty(
      fc.array(body, { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat(), { maxLength: 8 }),
      async (bodies, cuts) => {
        const bytes = Buffer.from(bodies.map(({ length, kind }, index) => postText({ length, kind, path: `/${index}` })).join(""));
        const client = await openPeer(gateway.port);
        const edges = [...new Set([...cuts.map((cut) => cut % bytes.length), bytes.length])].sort((a, b) => a - b);
        let from = 0;
        for (const to of edges) {
          client.send(bytes.subarray(from, to));
          await new Promise((resolve) => setImmediate(resolve));
          from = to;
        }
        const text = await client.until((seen) => seen.split("]").length === bodies.length + 1);
        const expected = bodies.map(({ length, kind }, index) => `[POST ${kind === "none" ? 0 : length} /${index}]`);
        expect([...(text.match(/\[.*?\]/g) ?? [])]).toEqual(expected);
        client.socket.destroy();
      },
    );
    await fc.assert(property, { numRuns: 60 });
    expect(gateway.stats().activeRequests).toBe(0);
  });

  test("an HTTP/1.0 client gets HTTP/1.0 asked for and the end of the connection", async () => {
    const upstream = await rawServer((peer) => peer.socket.once("data", () => peer.socket.end("HTTP/1.0 200 OK\r\n\r\nuntil the end")));
    const { client } = await clientTo(upstream.port);
    client.send("GET / HTTP/1.0\r\nHost: a.localhost\r\nConnection: keep-alive\r\n\r\n");
    expect(await client.closed).toBe("end");
    expect(client.received()).toBe("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end");
    expect((await upstream.peer(0)).received()).toStartWith("GET / HTTP/1.0\r\n");
  });

  test("that is broken cuts both sides", async () => {
    const upstream = await rawServer(() => undefined);
    const { client } = await clientTo(upstream.port);
    client.send(requestText("a.localhost", { method: "POST", headers: ["Transfer-Encoding: chunked"], body: "5\r\nhello\r\n" }));
    const peer = await upstream.peer(0);
    await peer.until("hello");
    client.send("zz\r\nsmuggled");
    await client.closed;
    await peer.closed;
    expect(client.received()).toStartWith("HTTP/1.1 400 ");
    expect(peer.received()).not.toContain("smuggled");
  });

  test("a response's surplus is not taken for the next response", async () => {
    const upstream = await rawServer(
      answerEach((head) =>
        head.includes(" /1 ") ? `${responseText("one")}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil` : responseText("two"),
      ),
    );
    const { client } = await clientTo(upstream.port);
    client.send(requestText("a.localhost", { path: "/1" }));
    await client.until("one");
    client.send(requestText("a.localhost", { path: "/2" }));
    expect(await client.until("two")).not.toContain("evil");
  });
});

describe("streaming", () => {
  test("server-sent events arrive one by one, each at once, and the client's leaving is seen at once", async () => {
    const upstream = await rawServer(() => undefined);
    const { client, gateway } = await clientTo(upstream.port);
    client.send(get(["Accept: text/event-stream"]));
    const peer = await upstream.peer(0);
    await peer.until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    await client.until("\r\n\r\n");
    for (let index = 0; index < 20; index++) {
      peer.send(`9\r\ndata: ${index % 10}\n\n\r\n`);
      // The next event is sent only after this one has arrived: nothing can be waiting for more.
      await client.until((text) => text.split("data:").length === index + 2);
    }
    expect(gateway.stats().activeRequests).toBe(1);
    client.socket.destroy();
    await peer.closed;
    expect(gateway.stats().activeRequests).toBe(0);
  });

  test("an upload reaches the service while it is being sent, and its answer comes back meanwhile", async () => {
    const upstream = await rawServer(() => undefined);
    const { client } = await clientTo(upstream.port);
    client.send(requestText("a.localhost", { method: "POST", headers: ["Content-Length: 6"], body: "abc" }));
    const peer = await upstream.peer(0);
    await peer.until("abc");
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nABC\r\n");
    await client.until("ABC");
    client.send("def");
    await peer.until("abcdef");
    peer.send("3\r\nDEF\r\n0\r\n\r\n");
    expect(await client.until("0\r\n\r\n")).toContain("DEF");
  });

  test("Expect: 100-continue and early hints are passed on", async () => {
    const upstream = await rawServer((peer) => {
      peer.socket.once("data", () => peer.send("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"));
      peer.until("body!").then(
        () => peer.send(responseText("thanks")),
        () => undefined,
      );
    });
    const { client } = await clientTo(upstream.port);
    client.send(requestText("a.localhost", { method: "PUT", headers: ["Content-Length: 5", "Expect: 100-continue"] }));
    expect(await client.until("100 Continue\r\n\r\n")).toStartWith("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n");
    expect((await upstream.peer(0)).received()).toContain("\r\nExpect: 100-continue\r\n");
    client.send("body!");
    await client.until("thanks");
  });

  test("an answer given before the body was read reaches the client, which is then not read on", async () => {
    const upstream = await rawServer((peer) => peer.socket.once("data", () => peer.send(responseText("too large", [], "413 Too Large"))));
    const { client, gateway } = await clientTo(upstream.port);
    client.send(requestText("a.localhost", { method: "POST", headers: ["Content-Length: 1000000"], body: "x".repeat(1000) }));
    expect(await client.until("too large")).toContain("Connection: close");
    expect(await client.closed).toBe("end");
    expect(gateway.stats().activeRequests).toBe(0);
    await (await upstream.peer(0)).closed;
  });
});

describe("when one side goes", () => {
  async function underWay(responseHead: string): Promise<{ client: Peer; peer: Peer }> {
    const upstream = await rawServer(() => undefined);
    const { client } = await clientTo(upstream.port);
    client.send(get());
    const peer = await upstream.peer(0);
    await peer.until("\r\n\r\n");
    peer.send(`${responseHead}\r\n\r\n5\r\nhello\r\n`);
    await client.until("hello");
    return { client, peer };
  }

  test("a cut body is never a clean end for the client", async () => {
    for (const end of ["end", "resetAndDestroy"] as const) {
      for (const framing of ["Transfer-Encoding: chunked", "Content-Length: 100"]) {
        const { client, peer } = await underWay(`HTTP/1.1 200 OK\r\n${framing}`);
        peer.socket[end]();
        await client.closed;
        expect(client.received()).toEndWith("5\r\nhello\r\n");
      }
    }
    const { client, peer } = await underWay("HTTP/1.1 200 OK");
    peer.socket.resetAndDestroy();
    expect(await client.closed).toBe("reset");
  });

  test("outside clients see a cut body as an error", async () => {
    const server = createServer((_request, response) => {
      response.write("part");
      setTimeout(() => response.destroy(), 10);
    }).listen(0, "127.0.0.1");
    ending.push(() => server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const { gateway } = await clientTo((server.address() as AddressInfo).port);
    const answer = await fetch(`http://127.0.0.1:${gateway.port}/`, { headers: { Host: "a.localhost" } });
    expect(answer.status).toBe(200);
    expect(answer.text()).rejects.toThrow();
  });

  test("a client that leaves is gone for the service at once: while waiting, in a download, in an upload", async () => {
    for (const leave of ["destroy", "resetAndDestroy"] as const) {
      for (const phase of ["waiting", "download", "upload"]) {
        const upstream = await rawServer(() => undefined);
        const { client, gateway } = await clientTo(upstream.port);
        client.send(phase === "upload" ? requestText("a.localhost", { method: "POST", headers: ["Content-Length: 9"], body: "x" }) : get());
        const peer = await upstream.peer(0);
        await peer.until("\r\n\r\n");
        if (phase === "download") {
          peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
          await client.until("\r\n\r\nx");
        }
        client.socket[leave]();
        await peer.closed;
        expect(gateway.stats()).toEqual({ requests: 1, activeRequests: 0, activeSockets: 0 });
      }
    }
  });
});

describe("connections to a service", () => {
  test("are reused", async () => {
    const upstream = await rawServer(answerEach(() => responseText("x")));
    const { gateway } = await clientTo(upstream.port);
    for (let round = 0; round < 20; round++) {
      await (await fetch(`http://127.0.0.1:${gateway.port}/`, { headers: { Host: "a.localhost" } })).text();
    }
    expect(upstream.peers).toHaveLength(1);
  });

  test("are not reused when the service says close or ends its body by closing", async () => {
    const upstream = await rawServer(answerEach(() => responseText("x", ["Connection: close"])));
    const { client } = await clientTo(upstream.port);
    for (let round = 1; round <= 3; round++) {
      client.send(get());
      await client.until((text) => text.split("\r\n\r\nx").length === round + 1);
    }
    expect(upstream.peers).toHaveLength(3);
  });

  test("that were closed meanwhile are replaced once, but a request with a body is not sent twice", async () => {
    let answers = 1;
    const upstream = await rawServer((peer) => {
      peer.socket.on("data", () => {
        if (answers-- > 0) peer.send(responseText("ok"));
        else peer.socket.resetAndDestroy();
      });
    });
    const { client } = await clientTo(upstream.port);
    client.send(get());
    await client.until("ok");
    answers = 0;
    client.send(get());
    const sent = (await upstream.peer(0)).until((text) => text.split("GET /").length === 3);
    // The second connection, on which the request is repeated, answers.
    upstream.peer(1).then(() => {
      answers = 1;
    });
    await sent;
    await client.until((text) => text.split("ok").length === 3);
    expect(upstream.peers).toHaveLength(2);
    answers = 0;
    client.send(requestText("a.localhost", { method: "POST", headers: ["Content-Length: 1"], body: "x" }));
    await client.until("HTTP/1.1 502 ");
    expect(upstream.peers).toHaveLength(2);
  });

  test("go to whichever family the service listens on, and follow it", async () => {
    const v6 = await rawServer(
      answerEach(() => responseText("six")),
      "::1",
    );
    const { client } = await clientTo(v6.port);
    client.send(get());
    await client.until("six");
    client.send(requestText("a.localhost", { method: "POST", headers: ["Content-Length: 0"] }));
    await client.until((text) => text.split("six").length === 3);
  });

  test("are bounded, and what does not fit waits its turn", async () => {
    const held: Peer[] = [];
    const upstream = await rawServer((peer) => {
      peer.socket.on("data", () => held.push(peer));
    });
    const { gateway } = await clientTo(upstream.port);
    const clients = await Promise.all(Array.from({ length: 300 }, () => openPeer(gateway.port)));
    ending.push(() => clients.map((client) => client.socket.destroy()));
    for (const client of clients) client.send(get());
    await upstream.peer(255);
    let answered = 0;
    while (answered < 300) {
      const peer = held.shift();
      if (peer) {
        peer.send(responseText("done"));
        answered++;
      } else await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(clients.map((client) => client.until("done")));
    expect(upstream.peers).toHaveLength(256);
    expect(gateway.stats()).toMatchObject({ requests: 300, activeRequests: 0 });
  });
});

describe("curl", () => {
  const curl = Bun.which("curl");
  test.skipIf(curl === null)("uploads, downloads, follows nothing, and reads what an upstream's cut means", async () => {
    const bytes = Buffer.alloc(3_000_000, "0123456789abcdef");
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        const path = new URL(request.url).pathname;
        if (path === "/echo")
          return new Response(await request.arrayBuffer(), { headers: { "X-Host": request.headers.get("host") ?? "" } });
        return path === "/go" ? Response.redirect("/echo", 307) : new Response(bytes);
      },
    });
    ending.push(() => server.stop(true));
    const { gateway } = await clientTo(server.port ?? 0);
    const run = async (...given: string[]) => {
      const child = Bun.spawn([curl ?? "", "-sS", "--max-time", "20", "-H", "Host: a.localhost", ...given], {
        stdin: bytes,
        stderr: "pipe",
      });
      const [stdout, code] = await Promise.all([new Response(child.stdout).bytes(), child.exited]);
      return { code, stdout: Buffer.from(stdout) };
    };
    const url = `http://127.0.0.1:${gateway.port}`;
    expect((await run(`${url}/file`)).stdout.equals(bytes)).toBe(true);
    for (const how of [["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"], ["--http1.0"]]) {
      const echoed = await run("--data-binary", "@-", ...how, `${url}/echo`);
      expect([how, echoed.code, echoed.stdout.equals(bytes)]).toEqual([how, 0, true]);
    }
    const redirect = await run("-o", "-", "-w", "%{http_code} %{redirect_url}", `${url}/go`);
    expect(redirect.stdout.toString()).toStartWith("307 ");
    const two = await run(`${url}/file`, `${url}/file`, "--http2");
    expect(two.stdout.length).toBe(2 * bytes.length);
  });
});
