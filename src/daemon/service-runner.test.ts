// What a runner does when something beside the service fails: its ledger, its watchers.
import { expect, test } from "bun:test";
import { WtError } from "../errors/wt-error.ts";
import { type Bench, bench, environment, planOf, settle } from "./supervisor.conformance.ts";

const { id } = environment;
const running = ({ machine }: Bench) => machine.services.filter(({ end }) => end === null).length;
const full = new WtError({ kind: "machine", code: "ledger_full", message: "The disk is full." });

test("a process that the ledger refuses to record is ended, not left beside its successor", async () => {
  const on = bench();
  const daemon = on.daemon();
  daemon.supervisor.announce(id, planOf("web", { restart: "never" }));
  on.ledger.updateLease = () => {
    throw full;
  };
  daemon.supervisor.start(id, planOf("web", { restart: "never" }));
  await settle();
  expect(daemon.supervisor.runner(id, "web")?.status).toMatchObject({ phase: "Failed", live: false, reason: "The disk is full." });
  expect(on.machine.services.length).toBe(1);
  expect(running(on)).toBe(0);
  expect(on.ledger.leases({ kind: "process" })).toEqual([]);
});

test("a service that cannot be watched any more is stopped", async () => {
  const on = bench();
  const daemon = on.daemon();
  daemon.driver.listener = () => Promise.reject(new Error("no table of sockets"));
  const plan = planOf("web", { port: 29_872, restart: "always" });
  daemon.supervisor.announce(id, plan);
  daemon.supervisor.start(id, plan);
  await on.clock.advance(2_000);
  expect(daemon.supervisor.runner(id, "web")?.status).toMatchObject({ phase: "Failed", live: false, wanted: "down" });
  expect(running(on)).toBe(0);
  expect(daemon.errors.length).toBe(1);
});

test("a ledger that refuses the end of a process does not keep the service in Stopping", async () => {
  const on = bench();
  const daemon = on.daemon();
  daemon.supervisor.announce(id, planOf("web"));
  daemon.supervisor.start(id, planOf("web"));
  await on.clock.advance(2_000);
  on.ledger.release = () => {
    throw full;
  };
  await daemon.supervisor.stop(id, ["web"]);
  expect(daemon.supervisor.runner(id, "web")?.status).toMatchObject({ phase: "Stopped", live: false });
  expect(daemon.errors).toEqual([full]);
});

test("a health check decides who is ready by it", async () => {
  const on = bench();
  const daemon = on.daemon();
  const plan = planOf("db", { ready: { kind: "healthcheck" }, readyTimeoutMs: 5_000 });
  daemon.supervisor.announce(id, plan);
  daemon.supervisor.start(id, plan);
  await on.clock.advance(2_000);
  expect(daemon.supervisor.runner(id, "db")?.status.phase).toBe("Starting");
  daemon.driver.change("db", { health: "starting" });
  await on.clock.advance(5_000);
  expect(daemon.supervisor.runner(id, "db")?.status).toMatchObject({
    phase: "Failed",
    live: true,
    reason: "It was not ready after 5 s: its health check says starting.",
  });
  daemon.driver.change("db", { health: "healthy" });
  await on.clock.advance(2_000);
  expect(daemon.supervisor.runner(id, "db")?.status).toMatchObject({ phase: "Running", live: true });
});

test("a job is ready when it has ended, and what needs it waits for that", async () => {
  const on = bench();
  const daemon = on.daemon();
  const job = planOf("migrate", { ready: { kind: "completed" }, restart: "never" });
  const web = planOf("web", { needs: ["migrate"] });
  for (const plan of [job, web]) daemon.supervisor.announce(id, plan);
  for (const plan of [job, web]) daemon.supervisor.start(id, plan);
  await on.clock.advance(10_000);
  expect(daemon.supervisor.runner(id, "migrate")?.status.phase).toBe("Starting");
  expect(daemon.supervisor.runner(id, "web")?.status.phase).toBe("Waiting");
  daemon.driver.end("migrate", 0);
  await on.clock.advance(2_000);
  expect(daemon.supervisor.runner(id, "migrate")?.status.phase).toBe("Completed");
  expect(daemon.supervisor.runner(id, "web")?.status.phase).toBe("Running");
});
