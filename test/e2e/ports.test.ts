// Ports that strangers hold: another is chosen, or the holder is named; nobody foreign is ever ended.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { eventually, type HermeticWorld, hermeticWorld } from "../support/hermetic-world.ts";
import { expectSentence, leavesNothing, ledgerRows } from "../support/refusal.ts";
import { freeBase, stranger } from "../support/stranger.ts";

const minute = 60_000;
const server = readFileSync(`${import.meta.dir}/../fixtures/services/server.mjs`, "utf8");

async function portOf(world: HermeticWorld, name: string, service = "web"): Promise<number> {
  return (await world.status(name)).services.find((one) => one.name === service)?.port ?? 0;
}

describe("a port held by a stranger", () => {
  test(
    "at a later start is an error that names the holder, who lives on; afterwards the same port is used again",
    async () => {
      const files = { "server.mjs": server, "wt.yaml": "services: { web: { run: exec node server.mjs, route: / } }\n" };
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a"]);
      const port = await portOf(world, "a");
      await world.ok(["down", "a"]);
      {
        await using held = await stranger(port);
        const ran = await world.wt(["up", "a"]);
        expectSentence(ran, { kind: "unhealthy", code: "services_unhealthy", names: ["web", String(port), `pid ${held.pid}`] });
        expect(held.alive()).toBe(true);
        expect((await world.wt(["doctor"])).stdout).toContain(`pid ${held.pid}`);
        // A stranger's answer is never shown under the environment's URL.
        expect(await (await world.fetch("a.localhost")).json()).toMatchObject({ error: { code: "upstream_refused" } });
        await world.ok(["down", "a"]);
        expect(held.alive()).toBe(true);
      }
      await world.ok(["up", "a"]);
      expect(await portOf(world, "a")).toBe(port);
      expect(await (await world.fetch("a.localhost")).text()).toContain("web of a");
    },
    minute,
  );

  test.each(["0.0.0.0", "::", "::1"])(
    "is noticed on %s too",
    async (host) => {
      const files = { "server.mjs": server, "wt.yaml": "services: { web: { run: exec node server.mjs, route: / } }\n" };
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a"]);
      const port = await portOf(world, "a");
      await world.ok(["down", "a"]);
      await using held = await stranger(port, host);
      const ran = await world.wt(["up", "a"]);
      expectSentence(ran, { kind: "unhealthy", code: "services_unhealthy", names: [String(port)] });
      expect(held.alive()).toBe(true);
    },
    minute,
  );

  test(
    "taken right after the check is found out by looking who listens",
    async () => {
      // The service lets a stranger listen in its place: it tells us the port and waits.
      const files = {
        "wt.yaml": "services: { web: { run: 'echo $PORT > port.txt; exec sleep 1000', route: /, timeout: 30s } }\n",
        ".gitignore": "port.txt\n",
      };
      await using world = await hermeticWorld({ files });
      const creating = world.wt(["create", "a"]);
      const path = `${world.repository}.worktrees/a/port.txt`;
      const port = Number(
        await eventually(
          () =>
            Bun.file(path)
              .text()
              .catch(() => ""),
          (text) => text.trim() !== "",
        ),
      );
      await using held = await stranger(port);
      const ran = await creating;
      expectSentence(ran, {
        kind: "unhealthy",
        code: "services_unhealthy",
        names: ["web of a is Failed", String(port), `pid ${held.pid}`],
      });
      expect(held.alive()).toBe(true);
      const after = await world.status("a");
      expect(after.services).toMatchObject([{ state: "Failed", pid: null }]);
      expect(world.processes().length).toBe(1);
      expect(await (await world.fetch("a.localhost")).json()).toMatchObject({ error: { code: "upstream_refused" } });
    },
    minute,
  );
});

describe("predictable ports", () => {
  test(
    "are the base for main, then base + 1, base + 2; the number of a deleted environment is used again",
    async () => {
      const base = await freeBase();
      const yaml = `services: { web: { run: exec node server.mjs, route: /, port: ${base} } }\n`;
      await using world = await hermeticWorld({ files: { "server.mjs": server, "wt.yaml": yaml } });
      await world.ok(["up", "main"]);
      await world.ok(["create", "a"]);
      await world.ok(["create", "b"]);
      expect(await Promise.all(["main", "a", "b"].map((name) => portOf(world, name)))).toEqual([base, base + 1, base + 2]);
      await world.ok(["delete", "a"]);
      await world.ok(["create", "c"]);
      expect(await portOf(world, "c")).toBe(base + 1);
      // A held one cannot be passed over: it was promised.
      await world.ok(["delete", "c"]);
      await using held = await stranger(base + 1);
      const ran = await world.wt(["create", "d"]);
      expectSentence(ran, { kind: "unhealthy", code: "services_unhealthy", names: [String(base + 1), `pid ${held.pid}`] });
      expect(held.alive()).toBe(true);
      await world.ok(["delete", "d"]);
    },
    minute,
  );

  test(
    "that another environment owns are refused and nothing is left",
    async () => {
      const base = await freeBase();
      const yaml = (first: number, second: number) =>
        `services:\n  web: { run: exec sleep 1000, port: ${first}, ready: none }\n  api: { run: exec sleep 1000, port: ${second}, ready: none }\n`;
      await using world = await hermeticWorld({ files: { "wt.yaml": yaml(base, base + 50) } });
      await world.ok(["create", "a"]);
      // In the second environment `web` would get what `api` of the first has.
      await world.write({ "wt.yaml": yaml(base + 49, base + 100) });
      await world.commit("move the ports");
      await world.ok(["trust", "--yes"]);
      await leavesNothing(world, async () => {
        const ran = await world.wt(["create", "b"]);
        expectSentence(ran, { kind: "refused", code: "port_leased", names: [String(base + 51), "web"] });
      });
      expect(JSON.stringify(ledgerRows(world))).not.toContain('"b"');
    },
    minute,
  );
});
