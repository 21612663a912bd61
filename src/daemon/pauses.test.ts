import { describe, expect, test } from "bun:test";
import { testWorld } from "../../test/support/daemon-world.ts";
import { WtError } from "../errors/wt-error.ts";
import { createMemoryDriver } from "../runtime/memory/memory-driver.ts";
import { createCheckpoint, listCheckpoints } from "./checkpoint-operations.ts";
import { createPauses } from "./pauses.ts";
import { adoptServices } from "./recovery.ts";
import { bench, planOf, settle, environment as supervised, testClock } from "./supervisor.conformance.ts";
import { upEnvironment } from "./up-environment.ts";

const never = new AbortController().signal;
const environment = { id: "e1", nonce: "n1" };

async function running(names: string[]) {
  const clock = testClock();
  const driver = createMemoryDriver({ clock });
  for (const [index, service] of names.entries()) {
    const log = { command: "serve", directory: "/", env: {}, port: 20_000 + index, logPath: `/logs/${service}` };
    const own = { environmentId: environment.id, nonce: environment.nonce, service, generation: 1 };
    await driver.start({ ...own, ...log, stop: { signal: "SIGTERM", graceMs: 1 } });
  }
  const held = () => names.map((name) => driver.newest(name)?.paused);
  return { clock, driver, held, pauses: createPauses({ driver, clock }) };
}

describe("around", () => {
  test("holds all of the environment during the work, whatever becomes of it", async () => {
    const { pauses, held } = await running(["web", "worker"]);
    expect(await pauses.around(environment, never, async () => held())).toEqual([true, true]);
    expect(held()).toEqual([false, false]);
    const failure = new Error("full");
    expect(await pauses.around(environment, never, () => Promise.reject(failure)).catch((error: unknown) => error)).toBe(failure);
    expect(held()).toEqual([false, false]);
  });

  test("one that cannot be held: no work, and the others go on", async () => {
    const { pauses, driver, held } = await running(["web", "worker"]);
    const failure = new WtError({ kind: "machine", code: "service_not_paused", message: "It does not halt." });
    driver.failNextPause(failure);
    let worked = false;
    const work = async () => {
      worked = true;
    };
    expect(await pauses.around(environment, never, work).catch((error: unknown) => error)).toBe(failure);
    expect([worked, ...held()]).toEqual([false, false, false]);
  });

  test("an abort lets them go on while the work is not through", async () => {
    const { pauses, held } = await running(["web"]);
    const abort = new AbortController();
    const gate = Promise.withResolvers<void>();
    const done = pauses.around(environment, abort.signal, async () => {
      abort.abort(new Error("no longer wanted"));
      await gate.promise;
    });
    await pauses.over(environment.id);
    expect(held()).toEqual([false]);
    gate.resolve();
    await done;
  });

  test("the time is counted, during and after", async () => {
    const { pauses, clock } = await running(["web"]);
    await pauses.around(environment, never, async () => {
      await clock.advance(30);
      expect(pauses.totalMs(environment.id)).toBe(30);
    });
    await clock.advance(30);
    expect([pauses.totalMs(environment.id), pauses.totalMs("another")]).toEqual([30, 0]);
  });

  test("end lets go on what another daemon held", async () => {
    const { pauses, driver, held } = await running(["web", "worker"]);
    for (const instance of await driver.find({ environmentId: environment.id, nonce: environment.nonce })) await driver.pause(instance);
    await pauses.end(environment);
    expect(held()).toEqual([false, false]);
  });
});

describe("services of a paused environment", () => {
  test("one that has not become ready yet has as long as without the pause", async () => {
    const { clock, ...rig } = bench();
    const { supervisor } = rig.daemon();
    supervisor.start(supervised.id, planOf("web", { ready: { kind: "log", pattern: "never" }, readyTimeoutMs: 10_000 }));
    await clock.advance(5_000);
    await supervisor.pauses.around(supervised, never, () => clock.advance(60_000));
    expect(supervisor.runner(supervised.id, "web")?.status.phase).toBe("Starting");
    await clock.advance(4_000);
    expect(supervisor.runner(supervised.id, "web")?.status.phase).toBe("Starting");
    await clock.advance(3_000);
    expect(supervisor.runner(supervised.id, "web")?.status.phase).toBe("Failed");
    supervisor.detach();
  });

  test("none is started until the pause is over", async () => {
    const { clock, ...rig } = bench();
    const { supervisor, driver } = rig.daemon();
    await supervisor.pauses.around(supervised, never, async () => {
      supervisor.start(supervised.id, planOf("web"));
      await clock.advance(2_000);
      expect(driver.newest("web")).toBeNull();
    });
    await settle();
    expect(driver.newest("web")?.end).toBeNull();
    supervisor.detach();
  });
});

const wtYaml = `
project: shop
resources:
  db: { type: sqlite, path: a.db }
  files: { type: directory, path: up }
services:
  worker: { run: work }
`;

async function raised() {
  const made = await testWorld({ "wt.yaml": wtYaml }, { sqlite: {}, directory: { variable: "FILES_PATH" } });
  await upEnvironment(made.world, { target: made.target, services: [], env: {}, anew: false }, made.call());
  return made;
}

describe("a checkpoint", () => {
  test("is taken of all resources while the services are held still", async () => {
    await using made = await raised();
    const { world, target, services, databases } = made;
    const seen: unknown[] = [];
    for (const type of ["sqlite", "directory"]) {
      const driver = databases[type]!;
      const checkpoint = driver.checkpoint;
      driver.checkpoint = async (spec, id) => {
        seen.push(services.newest("worker")?.paused);
        await checkpoint(spec, id);
      };
    }
    await createCheckpoint(world, { target, id: "one" }, made.call());
    expect(seen).toEqual([true, true]);
    expect(services.newest("worker")).toMatchObject({ paused: false, end: null });
  });

  test("that fails lets the services go on", async () => {
    await using made = await raised();
    made.databases.directory!.failNext("checkpoint" as never, new WtError({ kind: "machine", code: "disk_full", message: "It is full." }));
    const failed = createCheckpoint(made.world, { target: made.target, id: "one" }, made.call());
    expect(await failed.catch((error: WtError) => error.code)).toBe("disk_full");
    expect(made.services.newest("worker")?.paused).toBe(false);
  });

  test("that meets a lock of a service that is held still: the service goes on, and all are taken anew", async () => {
    await using made = await raised();
    const { world, target, services, databases } = made;
    const driver = databases.sqlite!;
    const checkpoint = driver.checkpoint;
    const seen: unknown[] = [];
    driver.checkpoint = async (spec, id) => {
      seen.push(services.newest("worker")?.paused);
      if (seen.length < 3) throw new WtError({ kind: "machine", code: "database_locked", message: "It is locked." });
      await checkpoint(spec, id);
    };
    await createCheckpoint(world, { target, id: "one" }, made.call());
    expect(seen).toEqual([true, true, true]);
    expect((await listCheckpoints(world, { target })).checkpoints).toMatchObject([{ id: "one", resources: ["db", "files"] }]);
    expect(services.newest("worker")?.paused).toBe(false);
  });

  test("that is aborted lets the services go on at once and leaves nothing", async () => {
    await using made = await raised();
    const { world, target, services, databases } = made;
    const abort = new AbortController();
    const gate = Promise.withResolvers<void>();
    databases.sqlite!.checkpoint = async () => {
      abort.abort(new Error("no longer wanted"));
      await gate.promise;
    };
    const done = createCheckpoint(world, { target, id: "one" }, made.call(abort.signal)).catch((error: Error) => error.message);
    const [first] = world.ledger.environments();
    await world.supervisor.pauses.over(first?.id ?? "");
    while (services.newest("worker")?.paused) await Bun.sleep(1);
    gate.resolve();
    expect(await done).toBe("no longer wanted");
    expect((await listCheckpoints(world, { target })).checkpoints).toEqual([]);
  });

  test("that a killed daemon was taking: the next one lets the services go on; without that journal row it does not", async () => {
    await using made = await raised();
    const { world, services } = made;
    const [first] = world.ledger.environments();
    const id = first?.id ?? "";
    const hold = async () => {
      for (const instance of await world.driver.find({ environmentId: id, nonce: first?.nonce ?? "" })) await world.driver.pause(instance);
    };
    await hold();
    await adoptServices(world, "boot");
    expect(services.newest("worker")?.paused).toBe(true);
    world.ledger.beginOperation({ id: "o1", environmentId: id, kind: "checkpoint", step: "checkpoint", data: {}, startedAtMs: 0 });
    await adoptServices(world, "boot");
    expect(services.newest("worker")?.paused).toBe(false);
  });
});
