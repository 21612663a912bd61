import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Framing, MalformedHttp, parseRequestHead, parseResponseHead } from "./http-head.ts";

const head = (...lines: string[]) => lines.join("\r\n");

function statusOf(act: () => unknown): number {
  try {
    act();
  } catch (error) {
    if (error instanceof MalformedHttp) return error.status;
    throw error;
  }
  return 200;
}

describe("parseRequestHead", () => {
  test("keeps order, case, duplicates and odd but legal values", () => {
    const parsed = parseRequestHead(
      head("PATCH /a?b=c HTTP/1.1", "hOsT: A.localhost:80", "X-One: 1", "x-one:2", "Empty:", "Obs: caf\xe9 \t"),
    );
    expect(parsed).toMatchObject({ method: "PATCH", target: "/a?b=c", http10: false, host: "A.localhost:80", framing: { kind: "none" } });
    expect(parsed.fields.map((field) => field.line)).toEqual(["hOsT: A.localhost:80", "X-One: 1", "x-one:2", "Empty:", "Obs: caf\xe9 \t"]);
    expect(parsed.fields.map((field) => field.value)).toEqual(["A.localhost:80", "1", "2", "", "caf\xe9"]);
  });

  test("collects the names of every Connection header", () => {
    const parsed = parseRequestHead(head("GET / HTTP/1.1", "Host: a", "Connection: Keep-Alive, X-Secret", "connection: close"));
    expect(parsed.connection).toEqual(["keep-alive", "x-secret", "close"]);
  });

  test("reads the framing", () => {
    const framing = (...lines: string[]): Framing => parseRequestHead(head("POST / HTTP/1.1", "Host: a", ...lines)).framing;
    expect(framing()).toEqual({ kind: "none" });
    expect(framing("Content-Length: 0012")).toEqual({ kind: "length", length: 12 });
    expect(framing("Transfer-Encoding: Chunked")).toEqual({ kind: "chunked" });
  });

  test("accepts the absolute form only when it says the same as Host", () => {
    const target = (line: string) => parseRequestHead(head(line, "Host: A.localhost:7080")).target;
    expect(target("GET http://a.localhost:7080/x?y HTTP/1.1")).toBe("/x?y");
    expect(target("GET HTTP://a.localhost:7080 HTTP/1.1")).toBe("/");
    expect(target("GET http://a.localhost:7080?q HTTP/1.1")).toBe("/?q");
    expect(target("OPTIONS * HTTP/1.1")).toBe("*");
    for (const bad of [
      "GET http://b.localhost/ HTTP/1.1",
      "GET * HTTP/1.1",
      "CONNECT a:80 HTTP/1.1",
      "GET x HTTP/1.1",
      "GET ftp://a.localhost:7080/ HTTP/1.1",
    ]) {
      expect([bad, statusOf(() => target(bad))]).toEqual([bad, 400]);
    }
  });

  const smuggling: [name: string, status: number, lines: string[]][] = [
    ["both lengths", 400, ["Content-Length: 5", "Transfer-Encoding: chunked"]],
    ["two lengths", 400, ["Content-Length: 5", "Content-Length: 6"]],
    ["one length twice", 400, ["Content-Length: 5", "Content-Length: 5"]],
    ["a list of lengths", 400, ["Content-Length: 5, 5"]],
    ["a signed length", 400, ["Content-Length: +5"]],
    ["a negative length", 400, ["Content-Length: -1"]],
    ["a hex length", 400, ["Content-Length: 0x5"]],
    ["an empty length", 400, ["Content-Length:"]],
    ["a huge length", 400, ["Content-Length: 99999999999999999999"]],
    ["another coding", 501, ["Transfer-Encoding: gzip, chunked"]],
    ["a coding in disguise", 501, ["Transfer-Encoding: xchunked"]],
    ["a coding with a tab inside", 501, ["Transfer-Encoding: chunked\tx"]],
    ["two codings", 400, ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"]],
    ["white space before the colon", 400, ["Transfer-Encoding : chunked"]],
    ["a folded line", 400, ["X: 1", " 2"]],
    ["a first line that is folded", 400, [" X: 1"]],
    ["a bare LF", 400, ["X: 1\nTransfer-Encoding: chunked"]],
    ["a bare CR", 400, ["X: 1\rTransfer-Encoding: chunked"]],
    ["NUL", 400, ["X: a\0b"]],
    ["a control character in a name", 400, ["X\x01: a"]],
    ["a line without colon", 400, ["X"]],
    ["an empty name", 400, [": x"]],
    ["a second Host", 400, ["Host: b"]],
  ];
  for (const [name, status, lines] of smuggling) {
    test(`refuses ${name}`, () => {
      expect(statusOf(() => parseRequestHead(head("POST / HTTP/1.1", "Host: a", ...lines)))).toBe(status);
    });
  }

  test("refuses malformed request lines, versions and hosts", () => {
    for (const [line, status] of [
      ["GET  / HTTP/1.1", 400],
      ["GET / HTTP/1.1 ", 400],
      ["GET /\tx HTTP/1.1", 400],
      ["G@T / HTTP/1.1", 400],
      ["GET / http/1.1", 400],
      ["GET / HTTP/2.0", 505],
      ["GET / HTTP/0.9", 505],
      ["GET /", 400],
      ["", 400],
    ] as const) {
      expect([line, statusOf(() => parseRequestHead(head(line, "Host: a")))]).toEqual([line, status]);
    }
    for (const host of ["", "a b", "a/b", "user@a", "a:b", "a:123456", "a?x", "a#x", "[::1"]) {
      expect([host, statusOf(() => parseRequestHead(head("GET / HTTP/1.1", `Host: ${host}`)))]).toEqual([host, 400]);
    }
    expect(statusOf(() => parseRequestHead("GET / HTTP/1.1"))).toBe(400);
    expect(statusOf(() => parseRequestHead(head("POST / HTTP/1.0", "Host: a", "Transfer-Encoding: chunked")))).toBe(400);
  });

  test("takes any text apart or refuses it, and never fails otherwise", () => {
    const piece = fc.constantFrom(
      "GET / HTTP/1.1",
      "\r\n",
      "\n",
      "\r",
      "Host: a",
      ":",
      " ",
      "Content-Length: 1",
      "Transfer-Encoding: chunked",
      "\0",
      "x",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join("");
        if (statusOf(() => parseRequestHead(text)) !== 200) return;
        // What is accepted is one request by any reading: clean lines, one host, one framing.
        const lines = text.split("\r\n").filter((line) => line !== "");
        expect(lines.every((line) => !/[\r\n\0]/.test(line))).toBe(true);
        expect(lines.filter((line) => line.startsWith("Host:"))).toHaveLength(1);
        expect(lines.filter((line) => /^(Content-Length|Transfer-Encoding):/.test(line)).length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 500 },
    );
  });
});

describe("parseResponseHead", () => {
  const framing = (method: string, ...lines: string[]) => parseResponseHead(head(...lines), method).framing;

  test("knows which responses have no body", () => {
    expect(framing("HEAD", "HTTP/1.1 200 OK", "Content-Length: 5")).toEqual({ kind: "none" });
    expect(framing("GET", "HTTP/1.1 204 No Content")).toEqual({ kind: "none" });
    expect(framing("GET", "HTTP/1.1 304 Not Modified", "Content-Length: 5")).toEqual({ kind: "none" });
    expect(framing("GET", "HTTP/1.1 103 Early Hints", "Link: </x>")).toEqual({ kind: "none" });
  });

  test("reads the framing of the others", () => {
    expect(framing("GET", "HTTP/1.1 200 OK", "Content-Length: 5", "Content-Length: 5")).toEqual({ kind: "length", length: 5 });
    expect(framing("GET", "HTTP/1.1 200", "Transfer-Encoding: chunked")).toEqual({ kind: "chunked" });
    expect(framing("GET", "HTTP/1.0 200 OK")).toEqual({ kind: "close" });
  });

  test("refuses what could be read in two ways", () => {
    for (const lines of [
      ["HTTP/1.1 200 OK", "Content-Length: 5", "Content-Length: 6"],
      ["HTTP/1.1 200 OK", "Content-Length: 5", "Transfer-Encoding: chunked"],
      ["HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked"],
      ["HTTP/1.0 200 OK", "Transfer-Encoding: chunked"],
      ["HTTP/1.1 20 OK"],
      ["HTTP/2 200 OK"],
      ["220 smtp.example ESMTP"],
    ]) {
      expect([lines, statusOf(() => framing("GET", ...lines))]).toEqual([lines, 502]);
    }
  });
});
