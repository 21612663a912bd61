import { describe, expect, test } from "bun:test";
import { WtError } from "../errors/wt-error.ts";
import { type Bench, bench, type Daemon, environment, planOf, settle } from "./supervisor.conformance.ts";

const { id } = environment;
const phases = ({ supervisor }: Daemon) => Object.fromEntries(supervisor.runners(id).map(({ name, status }) => [name, status.phase]));
const running = ({ machine }: Bench) =>
  machine.services.filter(({ end }) => end === null).map(({ spec }) => `${spec.service}/${spec.generation}`);
const processLeases = ({ ledger }: Bench) => ledger.leases({ kind: "process" }).map(({ key, state }) => `${key} ${state}`);

function up(daemon: Daemon, ...plans: ReturnType<typeof planOf>[]): void {
  for (const plan of plans) daemon.supervisor.announce(id, plan);
  for (const plan of plans) daemon.supervisor.start(id, plan);
}

describe("starting", () => {
  test("each service waits until what it needs is ready", async () => {
    const on = bench();
    const daemon = on.daemon();
    up(daemon, planOf("web", { needs: ["api"] }), planOf("api", { needs: ["db"] }), planOf("db"));
    await settle();
    expect(running(on)).toEqual(["db/1"]);
    expect(phases(daemon)).toEqual({ web: "Waiting", api: "Waiting", db: "Starting" });
    await on.clock.advance(1_800);
    expect(running(on)).toEqual(["db/1", "api/1"]);
    await on.clock.advance(3_000);
    expect(phases(daemon)).toEqual({ web: "Running", api: "Running", db: "Running" });
    expect(processLeases(on)).toEqual(["e1/db/1 present", "e1/api/1 present", "e1/web/1 present"]);
    expect(daemon.errors).toEqual([]);
  });

  test("only so many start at once", async () => {
    const on = bench();
    const daemon = on.daemon();
    up(daemon, ...Array.from({ length: 9 }, (_, index) => planOf(`s${index}`)));
    await settle();
    expect(running(on).length).toBe(4);
    await on.clock.advance(1_200);
    expect(running(on).length).toBe(8);
    await on.clock.advance(1_200);
    expect(running(on).length).toBe(9);
  });

  test("the lease is written before the process is, and goes when the start fails", async () => {
    const on = bench();
    const daemon = on.daemon();
    daemon.driver.failNextStart(new WtError({ kind: "machine", code: "directory_missing", message: "There is no directory." }));
    up(daemon, planOf("web", { restart: "never" }));
    await settle();
    expect(daemon.supervisor.runner(id, "web")?.status).toMatchObject({ phase: "Failed", live: false, reason: "There is no directory." });
    expect(processLeases(on)).toEqual([]);
  });

  test("a stranger that answers on the leased port ends the service, not the stranger", async () => {
    const on = bench();
    const daemon = on.daemon();
    const port = 29_871;
    on.machine.strangers.set(port, { pid: 7, command: "nc -l" });
    up(daemon, planOf("web", { port, ready: { kind: "log", pattern: "listening" } }));
    await on.clock.advance(10);
    daemon.driver.appendLog("/nowhere/web.log", "listening");
    await on.clock.advance(1_000);
    expect(daemon.supervisor.runner(id, "web")?.status).toMatchObject({ phase: "Failed", wanted: "down", live: false });
    expect(daemon.supervisor.runner(id, "web")?.status.reason).toContain("nc -l (pid 7)");
    expect(running(on)).toEqual([]);
    expect(on.machine.strangers.size).toBe(1);
  });
});

describe("ending", () => {
  test("a service that ends by itself starts again after growing pauses, then is called a crash loop", async () => {
    const on = bench();
    const daemon = on.daemon();
    up(daemon, planOf("web"));
    await on.clock.advance(1_000);
    for (const [phase, pauseMs] of [
      ["Restarting", 250],
      ["Restarting", 500],
      ["CrashLoopBackOff", 5_000],
      ["CrashLoopBackOff", 10_000],
    ] as const) {
      daemon.driver.end("web", 3);
      await settle();
      expect(phases(daemon)).toEqual({ web: phase });
      expect(processLeases(on)).toEqual([]);
      await on.clock.advance(pauseMs - 1);
      expect(running(on)).toEqual([]);
      await on.clock.advance(1);
      expect(running(on).length).toBe(1);
    }
    expect(daemon.supervisor.runner(id, "web")?.status).toMatchObject({ generation: 5, restarts: 4 });
    // A quiet minute is forgiven.
    await on.clock.advance(70_000);
    daemon.driver.end("web", 3);
    await settle();
    expect(phases(daemon)).toEqual({ web: "Restarting" });
  });

  test("a success is Completed, and what needed it goes on", async () => {
    const on = bench();
    const daemon = on.daemon();
    up(daemon, planOf("web", { needs: ["migrate"] }), planOf("migrate", { ready: { kind: "log", pattern: "never" } }));
    await settle();
    daemon.driver.end("migrate", 0);
    await on.clock.advance(1_500);
    expect(phases(daemon)).toEqual({ migrate: "Completed", web: "Running" });
  });

  test("stop ends dependants first, waits for the last process, and gives the leases back", async () => {
    const on = bench();
    const daemon = on.daemon();
    up(daemon, planOf("web", { needs: ["db"] }), planOf("db"));
    await on.clock.advance(3_000);
    daemon.driver.change("web", { ignoresSignals: true });
    const stopping = daemon.supervisor.stop(id, ["db", "web"]);
    await settle();
    expect(phases(daemon)).toEqual({ web: "Stopping", db: "Running" });
    await on.clock.advance(5_000);
    await stopping;
    expect(phases(daemon)).toEqual({ web: "Stopped", db: "Stopped" });
    expect(processLeases(on)).toEqual([]);
  });

  test("what cannot be ended keeps its lease and is said", async () => {
    const on = bench();
    const daemon = on.daemon();
    up(daemon, planOf("web"));
    await on.clock.advance(1_000);
    daemon.driver.change("web", { leftovers: ["Process 1000 (run web) is in an uninterruptible wait."] });
    const stopping = daemon.supervisor.stop(id, ["web"]).catch((error) => error);
    await on.clock.advance(10_000);
    expect(await stopping).toMatchObject({ kind: "machine", code: "process_remains", message: expect.stringContaining("uninterruptible") });
    expect(processLeases(on)).toEqual(["e1/web/1 present"]);
    daemon.driver.change("web", { leftovers: [] });
    await daemon.supervisor.stop(id, ["web"]);
    expect(processLeases(on)).toEqual([]);
  });

  test("a service that is stopped while it waits, starts or fails to start stays stopped", async () => {
    const on = bench();
    const daemon = on.daemon();
    up(daemon, planOf("web", { needs: ["db"] }), planOf("db"));
    await settle();
    daemon.driver.failNextStart(new WtError({ kind: "machine", code: "disk_full", message: "The disk is full." }));
    up(daemon, planOf("cache"));
    const stopping = daemon.supervisor.stop(id, ["web", "db", "cache"]);
    await on.clock.advance(6_000);
    await stopping;
    await on.clock.advance(120_000);
    expect(phases(daemon)).toEqual({ web: "Stopped", db: "Stopped", cache: "Stopped" });
    expect(running(on)).toEqual([]);
    expect(processLeases(on)).toEqual([]);
  });

  test("waiting for health ends with the caller's reason", async () => {
    const on = bench();
    const daemon = on.daemon();
    up(daemon, planOf("web"));
    const caller = new AbortController();
    const waiting = daemon.supervisor.whenSettled(id, ["web"], caller.signal).catch((error) => error.message);
    caller.abort(new Error("Ctrl-C"));
    expect(await waiting).toBe("Ctrl-C");
  });
});

describe("the next daemon", () => {
  async function died(plans = [planOf("web")]): Promise<Bench & { before: Daemon }> {
    const on = bench();
    const before = on.daemon();
    up(before, ...plans);
    await on.clock.advance(3_000);
    before.supervisor.detach();
    return { ...on, before };
  }

  test("takes over what is alive: same process, same generation, ready again after a look", async () => {
    const on = await died();
    const daemon = on.daemon();
    await daemon.supervisor.adopt(environment, true);
    await on.clock.advance(2_000);
    expect(phases(daemon)).toEqual({ web: "Running" });
    expect(running(on)).toEqual(["web/1"]);
    expect(processLeases(on)).toEqual(["e1/web/1 present"]);
    daemon.driver.end("web", 1);
    await on.clock.advance(2_000);
    expect(running(on)).toEqual(["web/2"]);
  });

  test("starts again what died meanwhile", async () => {
    const on = await died();
    on.before.driver.end("web", 9);
    const daemon = on.daemon();
    await daemon.supervisor.adopt(environment, true);
    await on.clock.advance(3_000);
    expect(running(on)).toEqual(["web/2"]);
    expect(processLeases(on)).toEqual(["e1/web/2 present"]);
  });

  test("counts what only waits once it starts, however many daemons come and go before", async () => {
    const on = bench();
    let daemon = on.daemon();
    up(daemon, planOf("web"), planOf("worker", { needs: ["web"] }));
    await on.clock.advance(3_000);
    await daemon.supervisor.stop(id, ["web"]);
    daemon.supervisor.detach();
    daemon.driver.end("worker", 1);
    const counted = () =>
      on.ledger.services({ environmentId: id }).map(({ service, generation, restarts }) => [service, generation, restarts]);
    for (let count = 0; count < 3; count++) {
      daemon = on.daemon();
      await daemon.supervisor.adopt(environment, true);
      await on.clock.advance(1_000);
      expect(phases(daemon)).toEqual({ web: "Stopped", worker: "Waiting" });
      expect(counted()).toEqual([
        ["web", 1, 0],
        ["worker", 1, 0],
      ]);
      if (count < 2) daemon.supervisor.detach();
    }
    up(daemon, planOf("web"));
    await on.clock.advance(3_000);
    expect(running(on)).toEqual(["worker/2", "web/2"].sort());
    expect(counted()).toContainEqual(["worker", 2, 1]);
  });

  test("does not run again what had completed", async () => {
    const on = bench();
    const before = on.daemon();
    up(before, planOf("migrate", { ready: { kind: "log", pattern: "never" } }));
    await settle();
    before.driver.end("migrate", 0);
    await settle();
    before.supervisor.detach();
    const daemon = on.daemon();
    await daemon.supervisor.adopt(environment, true);
    await on.clock.advance(60_000);
    expect(phases(daemon)).toEqual({ migrate: "Completed" });
    expect(on.machine.services.length).toBe(1);
    up(daemon, planOf("migrate"));
    await settle();
    expect(running(on)).toEqual(["migrate/2"]);
  });

  test("finds a process that was started but not recorded", async () => {
    const on = await died();
    const record = on.ledger.services({ environmentId: id })[0];
    if (!record) throw new Error("no record");
    on.ledger.putService({ ...record, instance: null });
    const daemon = on.daemon();
    await daemon.supervisor.adopt(environment, true);
    await on.clock.advance(2_000);
    expect(running(on)).toEqual(["web/1"]);
    expect(phases(daemon)).toEqual({ web: "Running" });
    expect(processLeases(on)).toEqual(["e1/web/1 present"]);
  });

  test("starts what was intended and never came to be", async () => {
    const on = bench();
    const before = on.daemon();
    before.supervisor.announce(id, planOf("web"));
    before.supervisor.detach();
    const record = on.ledger.services({ environmentId: id })[0];
    if (!record) throw new Error("no record");
    on.ledger.putService({ ...record, wanted: "up", generation: 1 });
    on.ledger.claim({ environmentId: id, kind: "process", key: "e1/web/1" });
    const daemon = on.daemon();
    await daemon.supervisor.adopt(environment, true);
    await on.clock.advance(3_000);
    expect(running(on)).toEqual(["web/2"]);
    expect(processLeases(on)).toEqual(["e1/web/2 present"]);
  });

  test("ends strays of other generations and of services nobody knows, and keeps the lease of one that stays", async () => {
    const on = await died();
    const { driver } = on.before;
    await driver.start({ ...planOf("web").spec, generation: 7 });
    await driver.start({ ...planOf("forgotten").spec, generation: 1 });
    on.ledger.claim({ environmentId: id, kind: "process", key: "e1/forgotten/1" });
    const daemon = on.daemon();
    await daemon.supervisor.adopt(environment, true);
    expect(running(on)).toEqual(["web/1"]);
    expect(processLeases(on)).toEqual(["e1/web/1 present"]);

    await driver.start({ ...planOf("stuck").spec, generation: 1 });
    driver.change("stuck", { leftovers: ["It waits for a disk."] });
    on.ledger.claim({ environmentId: id, kind: "process", key: "e1/stuck/1" });
    daemon.supervisor.detach();
    const next = on.daemon();
    await next.supervisor.adopt(environment, true);
    expect(processLeases(on)).toEqual(["e1/web/1 present", "e1/stuck/1 intended"]);
    expect(next.errors.length).toBe(1);
    await expect(next.supervisor.sweep(environment)).rejects.toMatchObject({ code: "process_remains" });
  });

  test("starts no second process beside one that cannot be told", async () => {
    const on = await died();
    on.before.driver.change("web", { unknownBecause: "Its start time cannot be read." });
    const daemon = on.daemon();
    await daemon.supervisor.adopt(environment, true);
    await on.clock.advance(60_000);
    expect(on.machine.services.length).toBe(1);
    expect(processLeases(on)).toEqual(["e1/web/1 present"]);
    const stopping = daemon.supervisor.stop(id, ["web"]).catch((error) => error);
    await on.clock.advance(10_000);
    expect(await stopping).toMatchObject({ code: "services_unseen", message: "web could not be stopped. Its start time cannot be read." });
    expect(running(on)).toEqual(["web/1"]);
  });

  test("says that nobody can tell, and goes on with what it finds afterwards", async () => {
    const on = bench();
    const daemon = on.daemon();
    up(daemon, planOf("web"), planOf("job"), planOf("halted"));
    await on.clock.advance(2_000);
    const away = { unknownBecause: "The engine is away." };
    for (const name of ["web", "job", "halted"]) daemon.driver.change(name, away);
    await settle();
    expect(phases(daemon)).toEqual({ web: "Unknown", job: "Unknown", halted: "Unknown" });
    const halting = daemon.supervisor.stop(id, ["halted"]).catch((error) => error);
    await on.clock.advance(10_000);
    expect(await halting).toMatchObject({ code: "services_unseen" });
    expect(phases(daemon)).toMatchObject({ halted: "Failed" });

    for (const name of ["web", "job", "halted"]) daemon.driver.change(name, { unknownBecause: null });
    daemon.driver.end("job", 137);
    await on.clock.advance(3_000);
    expect(phases(daemon)).toEqual({ web: "Running", job: "Running", halted: "Stopped" });
    expect(running(on)).toEqual(["web/1", "job/2"]);
    expect(daemon.errors).toEqual([]);
  });

  test("stops what was to be stopped when the last one died", async () => {
    const on = await died();
    const record = on.ledger.services({ environmentId: id })[0];
    if (!record) throw new Error("no record");
    on.ledger.putService({ ...record, wanted: "down" });
    const daemon = on.daemon();
    await daemon.supervisor.adopt(environment, true);
    await on.clock.advance(10_000);
    expect(running(on)).toEqual([]);
    expect(phases(daemon)).toEqual({ web: "Stopped" });
    expect(processLeases(on)).toEqual([]);
  });

  test("after a restart of the machine starts nothing by itself and says why", async () => {
    const on = await died();
    on.machine.services.length = 0;
    const daemon = on.daemon();
    await daemon.supervisor.adopt(environment, false);
    await on.clock.advance(60_000);
    expect(running(on)).toEqual([]);
    expect(daemon.supervisor.runner(id, "web")?.status).toMatchObject({ phase: "Stopped", reason: "The machine was restarted." });
    expect(processLeases(on)).toEqual([]);
    up(daemon, planOf("web"));
    await on.clock.advance(2_000);
    expect(running(on)).toEqual(["web/2"]);
  });
});
