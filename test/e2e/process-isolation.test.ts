// `wt doctor --isolation` where everything is a process: what separates them, and what does not.
import { expect, test } from "bun:test";
import * as v from "valibot";
import { isolationReport } from "../../src/api/schemas.ts";
import { hermeticWorld } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

const minute = 60_000;

test(
  "processes share the loopback, which is said; hosts, cookies and databases are apart",
  async () => {
    const yaml = `${smallApp["wt.yaml"]}resources:\n  db: { type: postgres }\n  file: { type: sqlite, path: app.sqlite }\n`;
    await using world = await hermeticWorld({ files: { ...smallApp, "wt.yaml": yaml } });
    await world.ok(["create", "a"]);
    await world.ok(["create", "b"]);
    const { code, stdout } = await world.wt(["doctor", "--isolation", "--json"]);
    const { tries } = v.parse(isolationReport, JSON.parse(stdout));
    expect(tries.filter(({ outcome }) => outcome === "reached")).toEqual([]);
    expect(code).toBe(0);
    const ports = tries.filter(({ way }) => way === "port");
    expect(ports.length).toBeGreaterThan(1);
    for (const one of ports) expect(one).toMatchObject({ outcome: "not tried", detail: expect.stringContaining("share the loopback") });
    const separate = (way: string) =>
      tries.filter((one) => one.way === way && one.outcome === "separate").map(({ from, to }) => `${from} ${to}`);
    for (const way of ["gateway", "cookie", "database"]) expect([...new Set(separate(way))].sort()).toEqual(["a b", "b a"]);
    const files = tries.filter(({ target }) => target === "file (sqlite)");
    expect(files.map(({ outcome }) => outcome)).toEqual(["not tried", "not tried"]);
    const text = await world.ok(["doctor", "--isolation"]);
    expect(text).toMatch(/a +b +database +separate \(1 try, 1 not tried\)/);
    const both = await world.wt(["doctor", "--isolation", "--fix"]);
    expect(both.code).toBe(2);
  },
  3 * minute,
);
