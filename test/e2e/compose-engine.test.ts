// The engine goes away under environments that run: what is said meanwhile is true, and what comes after it is whole, once each.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { type ComposeWorld, composeApp, composeWorld, projectName } from "../support/compose-app.ts";
import { dockerReason } from "../support/docker.ts";
import { eventually, leftovers } from "../support/hermetic-world.ts";
import { noOwnEngine, ownEngine } from "../support/own-engine.ts";
import { expectSentence } from "../support/refusal.ts";

const reason = dockerReason() ?? noOwnEngine();
const minute = 60_000;
const megabytes = 300;
const ofA = new RegExp(`${projectName}-a`);

async function states({ world }: ComposeWorld, name: string): Promise<string> {
  const { status, services } = await world.status(name);
  return [status, ...services.map(({ name, state }) => `${name} ${state}`).sort()].join(", ");
}

const becomes = (compose: ComposeWorld, wanted: string) =>
  eventually(
    () => states(compose, "a"),
    (now) => now === wanted,
  );

const unknown = "Unknown, prepare Completed, web Unknown, worker Unknown";
const healthy = "Healthy, prepare Completed, web Running, worker Running";

describe.skipIf(reason !== null)(`an engine that goes away${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "is said by every command; wt up brings all of it back, the same containers and nothing twice",
    async () => {
      await using engine = await ownEngine({ megabytes });
      await using compose = await composeWorld(composeApp, engine.endpoint);
      const { world } = compose;
      const away = `No Docker engine answers at ${engine.endpoint.replace("unix://", "")}.`;
      await world.ok(["create", "a"]);
      const things = compose.things();
      const ids = engine.docker("ps", "--all", "--quiet", "--no-trunc").split("\n").sort();
      await engine.kill();
      expect(await becomes(compose, unknown)).toBe(unknown);
      const { environments } = await world.list();
      expect(environments.map(({ slug, status }) => `${slug} ${status}`)).toEqual(["main Stopped", "a Unknown"]);
      expect((await world.status("a")).services.find(({ name }) => name === "web")?.reason).toBe(away);
      expect(JSON.parse(await world.ok(["shared", "--json"])).services).toMatchObject([{ name: "db", state: "Unknown", reason: away }]);
      expect(await world.ok(["logs", "web", "-e", "a"])).toContain("serving");
      expect(await (await world.fetch("a.localhost")).json()).toMatchObject({ error: { message: expect.stringContaining(away) } });
      expectSentence(await world.wt(["up", "a"]), { kind: "machine", code: "engine_down", names: [away], hint: "Start Docker" });
      const ran = await world.wt(["run", "-e", "a", "--", "true"]);
      expectSentence(ran, { kind: "unhealthy", code: "container_not_running", names: ["web of a is Unknown", away], hint: "--host" });
      expect((await world.wt(["doctor"])).stdout).toContain(`✗ ${away}`);
      // A daemon that begins now knows no more than the one before.
      await world.ok(["daemon", "stop"]);
      expect(await becomes(compose, unknown)).toBe(unknown);
      const down = await world.wt(["down", "a"]);
      expectSentence(down, {
        kind: "machine",
        code: "services_unseen",
        names: [/web and worker could not be stopped|worker and web/, away],
      });

      // Their engine ends the containers when it is back, and what was to be stopped is.
      await engine.start();
      const stopped = "Stopped, prepare Stopped, web Stopped, worker Stopped";
      expect(await becomes(compose, stopped)).toBe(stopped);
      await world.ok(["up", "a"]);
      expect(await states(compose, "a")).toBe(healthy);
      expect(await (await world.fetch("a.localhost")).text()).toBe("web of a: hello\n");
      expect(compose.things()).toEqual(things);
      expect(engine.docker("ps", "--all", "--quiet", "--no-trunc").split("\n").sort()).toEqual(ids);
      const said = (await world.ok(["logs", "worker", "-e", "a"])).split("\n").filter((line) => line.includes("working for a"));
      expect(said.length).toBe(2);

      // In order, it ends its containers first: what is to be restarted is, without anybody's help, and `wt up` does the rest.
      await engine.stop();
      await engine.start();
      const worker = async () => (await world.status("a")).services.find(({ name }) => name === "worker")?.state;
      expect(await eventually(worker, (state) => state === "Running", minute)).toBe("Running");
      await world.ok(["up", "a"]);
      expect(await states(compose, "a")).toBe(healthy);
      expect(engine.docker("ps", "--all", "--quiet", "--no-trunc").split("\n").sort()).toEqual(ids);
    },
    3 * minute,
  );

  test(
    "and leaves its containers running: they are taken over again, and their logs have each line once",
    async () => {
      await using engine = await ownEngine({ megabytes, liveRestore: true });
      await using compose = await composeWorld((image) => {
        const files = composeApp(image);
        const count = "i=0; while :; do i=$$((i + 1)); echo line $$i; sleep 0.02; done";
        return { ...files, "compose.yaml": files["compose.yaml"]?.replace(/echo working[^"]*/, () => count) ?? "" };
      }, engine.endpoint);
      const { world } = compose;
      await world.ok(["create", "a"]);
      const lines = async () =>
        [...(await world.ok(["logs", "worker", "-e", "a", "-n", "all"])).matchAll(/line (\d+)$/gm)].map(([, number]) => Number(number));
      const started = () => engine.docker("inspect", "--format", "{{.State.StartedAt}}", `${projectName}-a-worker-1`);
      const before = started();
      for (const restarted of ["the engine", "the engine and the daemon"]) {
        const last = (await lines()).at(-1) ?? 0;
        await engine.kill();
        expect(await becomes(compose, unknown)).toBe(unknown);
        if (restarted.includes("daemon")) await world.ok(["daemon", "stop"]);
        await engine.start();
        expect(await becomes(compose, healthy)).toBe(healthy);
        expect((await eventually(lines, (numbers) => (numbers.at(-1) ?? 0) > last + 100)).at(-1)).toBeGreaterThan(last + 100);
      }
      const numbers = await lines();
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
      expect(started()).toBe(before);
      expect((await world.status("a")).services.map(({ restarts }) => restarts)).toEqual([0, 0, 0]);
      await world.ok(["delete", "a", "--force"]);
      expect(compose.things().filter((thing) => ofA.test(thing))).toEqual([]);
      await world.ok(["shared", "down", "--volumes"]);
    },
    3 * minute,
  );

  test(
    "a deletion keeps all of the environment until then, and goes on by itself; it can be called off, and containers can be left",
    async () => {
      await using engine = await ownEngine({ megabytes });
      await using compose = await composeWorld(composeApp, engine.endpoint);
      const { world } = compose;
      for (const name of ["a", "b", "c"]) await world.ok(["create", name]);
      const path = (await world.status("a")).path;
      await world.write({ "mine.txt": "mine\n" }, path);
      await engine.kill();
      const deleted = await world.wt(["delete", "a", "--force"]);
      expectSentence(deleted, {
        kind: "machine",
        code: "deletion_waits",
        names: ["a cannot be deleted before its containers are: No Docker engine answers at"],
        hint: "goes on by itself",
      });
      expect(deleted.stderr).toContain("wt delete a --force --abandon");
      expect(existsSync(`${path}/mine.txt`)).toBe(true);
      expect((await world.wt(["delete", "b", "--force"])).code).toBe(7);
      const status = async (slug: string) => (await world.list()).environments.find((one) => one.slug === slug)?.status;
      expect([await status("a"), await status("b")]).toEqual(["Deleting", "Deleting"]);
      await world.wt(["up", "b"]);
      expect(await status("b")).not.toBe("Deleting");
      // Nobody will ever see these again, says a person.
      expect(await world.ok(["delete", "c", "--force", "--abandon"])).toContain("its containers");
      expect(leftovers(world, "c")).toEqual([]);

      await engine.start();
      expect(
        await eventually(
          () => status("a"),
          (now) => now === undefined,
        ),
      ).toBeUndefined();
      expect(leftovers(world, "a")).toEqual([]);
      expect(compose.things().filter((thing) => ofA.test(thing))).toEqual([]);
      expect(await world.git(["for-each-ref", "--format=%(refname)", "refs/wt/rescue/a"])).not.toBe("");
      await world.ok(["up", "b"]);
      expect(await (await world.fetch("b.localhost")).text()).toBe("web of b: hello\n");
      // What was left is found by its labels.
      expect(await world.ok(["gc", "--yes"])).toContain(`${projectName}-c`);
      expect(compose.things().filter((thing) => thing.includes(`${projectName}-c`))).toEqual([]);
    },
    3 * minute,
  );
});
