// Mistakes in wt.yaml, through the real `wt`: one sentence with the place, nothing left behind, and `wt list` still lists.
import { describe, expect, test } from "bun:test";
import { hermeticWorld } from "../support/hermetic-world.ts";
import { expectRefusal, leavesNothing } from "../support/refusal.ts";

const minute = 60_000;

interface BadConfig {
  what: string;
  yaml: string;
  /** In the sentence, after `wt.yaml:<line>:<column>: `. */
  line: number;
  names: (string | RegExp)[];
  hint?: string | RegExp;
}

const services = "services:\n  web: { run: exec sleep 100, port: none }\n";

const cases: BadConfig[] = [
  { what: "an unknown key", yaml: "servces: {}\n", line: 1, names: ["servces"], hint: "services" },
  {
    what: "an unknown key of a service",
    yaml: `${services}  api:\n    run: sleep 1\n    prot: 3\n`,
    line: 5,
    names: ["services.api.prot"],
    hint: "port",
  },
  { what: "a wrong type", yaml: "services: [web]\n", line: 1, names: ["services"] },
  { what: "a number where a command belongs", yaml: "services:\n  web: { run: 12 }\n", line: 2, names: ["services.web.run"] },
  { what: "an unknown reference", yaml: `env: { API: "\${{ services.apo.url }}" }\n${services}`, line: 1, names: ["apo"] },
  { what: "an unknown need", yaml: `${services}  api: { run: sleep 1, needs: [wbe] }\n`, line: 3, names: ["wbe"], hint: "web" },
  {
    what: "a circle of needs",
    yaml: "services:\n  a: { run: sleep 1, needs: [b] }\n  b: { run: sleep 1, needs: [a] }\n",
    line: 2,
    names: ["a → b → a"],
  },
  {
    what: "two services on one route",
    yaml: "services:\n  a: { run: sleep 1, route: /api }\n  b: { run: sleep 1, route: /api }\n",
    line: 3,
    names: ["/api"],
  },
  { what: "broken YAML", yaml: "services: {\n", line: 2, names: [/YAML|flow|expected/i] },
  { what: "a resource type of the future", yaml: "resources: { db: { type: oracle } }\n", line: 1, names: ["resources.db"] },
  { what: "a port outside of the range", yaml: "services:\n  a: { run: sleep 1, port: 70000 }\n", line: 2, names: ["services.a.port"] },
  { what: "a path that leads out", yaml: "copy: [../../etc/passwd]\n", line: 1, names: ["copy", "../../etc/passwd"] },
];

describe("a mistake in wt.yaml", () => {
  test(
    "is refused by create, up, restart and run before anything is made, and list still lists",
    async () => {
      await using world = await hermeticWorld({ files: { "wt.yaml": services } });
      await world.ok(["create", "good", "--no-up"]);
      const good = (await world.status("good")).path;
      for (const { what, yaml, line, names, hint } of cases) {
        await world.write({ "wt.yaml": yaml });
        await world.write({ "wt.yaml": yaml }, good);
        await world.commit(what);
        const refusal = {
          kind: "config" as const,
          code: "config_invalid",
          names: [new RegExp(`wt\\.yaml:${line}:\\d+: `), ...names],
          ...(hint === undefined ? {} : { hint }),
        };
        await leavesNothing(world, async () => {
          const error = await expectRefusal(world, ["create", "bad"], refusal);
          expect(error.details).toMatchObject({ line });
          await expectRefusal(world, ["up", "good"], refusal);
          expect((await world.wt(["list"])).code).toBe(0);
          if (what !== cases[0]?.what) return;
          await expectRefusal(world, ["restart", "good"], refusal);
          await expectRefusal(world, ["trust", "--yes"], refusal);
          await expectRefusal(world, ["env", "-e", "good"], refusal);
          expect((await world.wt(["run", "-e", "good", "--", "true"])).code).toBe(3);
          expect((await world.wt(["status", "good"])).code).toBe(0);
        });
      }
      await world.git(["checkout", "--", "."], good);
      await world.ok(["delete", "good"]);
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
    },
    2 * minute,
  );

  test(
    "every mistake of a file is named, not only the first",
    async () => {
      await using world = await hermeticWorld({
        files: { "wt.yaml": "servces: {}\nenv: 3\nworktrees: ''\n" },
        trust: false,
      });
      const error = await expectRefusal(world, ["create", "bad"], { kind: "config", code: "config_invalid", names: ["servces"] });
      expect(error.details?.problems).toHaveLength(3);
    },
    minute,
  );
});
