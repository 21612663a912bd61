import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { routeOf } from "./raw-peers.conformance.ts";
import { RouteTable } from "./route-table.ts";

function tableWith(...prefixes: string[]): RouteTable {
  const table = new RouteTable();
  table.replace(
    "env-1",
    prefixes.map((prefix, index) => routeOf("a.localhost", 20000 + index, { prefix, service: `s${index}` })),
  );
  return table;
}

function serviceAt(table: RouteTable, host: string, path: string): string {
  const match = table.match(host, path);
  return match.kind === "route" ? match.route.service : match.kind;
}

describe("RouteTable", () => {
  test("takes the longest prefix on a segment's boundary", () => {
    const table = tableWith("/", "/api", "/api/v2/");
    for (const [path, service] of [
      ["/", "s0"],
      ["/api", "s1"],
      ["/api/", "s1"],
      ["/api?q=/api/v2", "s1"],
      ["/apix", "s0"],
      ["/api/v2", "s2"],
      ["/api/v2/x", "s2"],
      ["/api/v22", "s1"],
      ["/API", "s0"],
      ["*", "s0"],
    ]) {
      expect([path, serviceAt(table, "a.localhost", path!)]).toEqual([path!, service!]);
    }
  });

  test("reads a host in any case, with port and trailing dot", () => {
    const table = tableWith("/");
    for (const host of ["a.localhost", "A.LocalHost", "a.localhost:7080", "a.localhost.", "a.localhost.:80"]) {
      expect(serviceAt(table, host, "/")).toBe("s0");
    }
  });

  test("never falls back to a parent, a child or another environment", () => {
    const table = tableWith("/");
    for (const host of ["localhost", "x.a.localhost", "b.localhost", "a.localhost.evil.com", "a", "", "a.localhost..", "127.0.0.1"]) {
      expect(serviceAt(table, host, "/")).toBe("unknown_host");
    }
  });

  test("tells a host without a route for the path from an unknown host", () => {
    const table = tableWith("/api");
    expect(table.match("A.localhost:1", "/other")).toEqual({ kind: "no_path", host: "a.localhost", environmentId: "env-1" });
  });

  test("replaces and removes what one environment had, and only that", () => {
    const table = tableWith("/");
    table.replace("env-2", [routeOf("b.localhost", 1, { environmentId: "env-2" })]);
    table.replace("env-1", [routeOf("c.localhost", 2)]);
    expect(table.all().map((route) => route.host)).toEqual(["b.localhost", "c.localhost"]);
    table.remove("env-2");
    expect(table.all().map((route) => route.host)).toEqual(["c.localhost"]);
    table.replace("env-1", []);
    expect(table.all()).toEqual([]);
  });

  test("refuses a host that is another environment's and stays as it was", () => {
    const table = tableWith("/");
    const stolen = [routeOf("new.localhost", 1, { environmentId: "env-2" }), routeOf("A.localhost", 1, { environmentId: "env-2" })];
    expect(() => table.replace("env-2", stolen)).toThrow("belongs to the environment my-branch");
    expect(table.all().map((route) => route.host)).toEqual(["a.localhost"]);
  });

  test("agrees with trying every prefix segment by segment", () => {
    const segment = fc.constantFrom("a", "b", "ab");
    const path = fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.join("/")}`);
    fc.assert(
      fc.property(fc.uniqueArray(path, { minLength: 1, maxLength: 5 }), path, (prefixes, asked) => {
        const parts = (text: string) => text.split("/").filter(Boolean);
        const covering = prefixes.filter((prefix) => parts(prefix).every((part, index) => parts(asked)[index] === part));
        const expected = covering.sort((a, b) => b.length - a.length)[0];
        const match = tableWith(...prefixes).match("a.localhost", asked);
        expect(match.kind === "route" ? match.route.prefix : undefined).toBe(expected);
      }),
    );
  });
});
