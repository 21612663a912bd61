import { describe, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import fc from "fast-check";
import { parseStatus, probeHttp, probeTcp } from "./probe.ts";

/** A server that answers the first bytes of each connection with `answer`, or does as told. */
async function withServer<Result>(
  host: string,
  answer: string | ((socket: Socket) => void),
  run: (port: number, requests: string[]) => Promise<Result>,
) {
  const requests: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    if (typeof answer === "function") return answer(socket);
    socket.once("data", (data) => {
      requests.push(data.toString());
      socket.end(answer);
    });
  }).listen(0, host);
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    return await run((server.address() as { port: number }).port, requests);
  } finally {
    server.close();
  }
}

const probe = (port: number, overrides = {}) => probeHttp({ port, path: "/healthz", status: null, timeoutMs: 2000, ...overrides });
const closedPort = () => withServer("127.0.0.1", "", async (port) => port);

describe("probeTcp", () => {
  for (const host of ["127.0.0.1", "::1", "::"]) {
    test(`is ready when something listens on ${host}`, () =>
      withServer(
        host,
        () => undefined,
        async (port) => {
          expect(await probeTcp(port, 1000)).toEqual({ ready: true, reason: `port ${port} accepts connections` });
        },
      ));
  }

  test("says that the connection was refused", async () => {
    const port = await closedPort();
    expect(await probeTcp(port, 1000)).toEqual({ ready: false, reason: `connection refused on port ${port}` });
  });
});

describe("probeHttp", () => {
  const answerOf = (status: string) => `HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`;

  test("any status below 500 is ready, 500 and above is not", async () => {
    for (const [status, ready] of [
      ["200 OK", true],
      ["404 Not Found", true],
      ["499 x", true],
      ["500 x", false],
      ["503 Service Unavailable", false],
    ] as const) {
      const result = await withServer("127.0.0.1", answerOf(status), (port) => probe(port));
      expect(result).toEqual({ ready, reason: `GET /healthz answered ${status.slice(0, 3)}` });
    }
  });

  test("a wanted status is the only one", async () => {
    expect(await withServer("127.0.0.1", answerOf("204 No Content"), (port) => probe(port, { status: 204 }))).toEqual({
      ready: true,
      reason: "GET /healthz answered 204",
    });
    expect(await withServer("127.0.0.1", answerOf("200 OK"), (port) => probe(port, { status: 204 }))).toEqual({
      ready: false,
      reason: "GET /healthz answered 200 instead of 204",
    });
  });

  test("redirects are not followed", () =>
    withServer("127.0.0.1", "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", async (port, requests) => {
      expect(await probe(port)).toEqual({ ready: true, reason: "GET /healthz answered 302" });
      expect(requests).toHaveLength(1);
    }));

  test("asks with the host name of a browser on this machine, and nothing from the path can slip into the head", () =>
    withServer("::1", answerOf("200 OK"), async (port, requests) => {
      await probe(port, { path: "/a b?c=ü\r\nX-Evil: 1" });
      expect(requests[0]).toStartWith(`GET /a%20b?c=%C3%BC%0D%0AX-Evil:%201 HTTP/1.1\r\nHost: localhost:${port}\r\n`);
      expect(requests[0]?.split("\r\n").filter((line) => /^x-evil/i.test(line))).toEqual([]);
    }));

  test("does not ask a proxy of the environment", async () => {
    const before = process.env.HTTP_PROXY;
    process.env.HTTP_PROXY = "http://127.0.0.1:1";
    try {
      expect((await withServer("127.0.0.1", answerOf("200 OK"), (port) => probe(port))).ready).toBe(true);
    } finally {
      if (before === undefined) delete process.env.HTTP_PROXY;
      else process.env.HTTP_PROXY = before;
    }
  });

  test("interim answers are passed over, also in pieces", () =>
    withServer(
      "127.0.0.1",
      (socket) => {
        const pieces = ["HTT", "P/1.1 103 Early Hints\r\nLink: <a>\r\n", "\r\nHTTP/1.1 2", "01 Created\r\n\r\n"];
        const next = () => {
          const piece = pieces.shift();
          if (piece) socket.write(piece, () => setTimeout(next, 5));
        };
        next();
      },
      async (port) => expect(await probe(port)).toEqual({ ready: true, reason: "GET /healthz answered 201" }),
    ));

  test("says what else is there: silence, TLS, another protocol, a closed connection, nobody", async () => {
    const reason = (answer: string | ((socket: Socket) => void)) =>
      withServer("127.0.0.1", answer, async (port) => (await probe(port, { timeoutMs: 150 })).reason.replaceAll(String(port), "PORT"));
    expect(await reason(() => undefined)).toBe("GET /healthz gave no answer within 150 ms");
    expect(await reason("\x15\x03\x01\x00\x02\x02\x0a")).toBe("port PORT speaks TLS, not plain HTTP");
    expect(await reason("SSH-2.0-OpenSSH_9.2\r\n")).toBe("port PORT does not answer in HTTP");
    expect(await reason("")).toBe("port PORT closed the connection without an HTTP answer");
    expect(await reason((socket) => void socket.destroy())).toBe("port PORT closed the connection without an HTTP answer");
    const port = await closedPort();
    expect(await probe(port)).toEqual({ ready: false, reason: `connection refused on port ${port}` });
  });
});

test("parseStatus never fails and decides the same however much more follows", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (head, tail) => {
      const first = parseStatus(head, 1);
      if (first !== null) expect(parseStatus(head + tail, 1)).toBe(first);
    }),
  );
});
