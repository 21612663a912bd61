// All service runners of the daemon: starts, stops, waits, adoption, and what the ledger remembers of them.
import type { Ledger, ServiceRecord } from "../environment/ledger.ts";
import { type ServicePlan, stopOrder } from "../environment/service-plan.ts";
import { WtError } from "../errors/wt-error.ts";
import type { Clock } from "../os/clock.ts";
import type { RuntimeDriver, ServiceInstance } from "../runtime/runtime-driver.ts";
import { Admission } from "./admission.ts";
import type { Changes } from "./changes.ts";
import { isLasting } from "./lasting-commands.ts";
import { createPauses, type Pauses } from "./pauses.ts";
import { couldNotStop, processRemains } from "./process-remains.ts";
import { requirePort } from "./require-port.ts";
import type { RunnerContext } from "./runner-context.ts";
import { instanceOf, processKey, serviceOfKey, serviceRecord } from "./service-record.ts";
import { ServiceRunner } from "./service-runner.ts";
import { isReady, isSettled, vainNeed } from "./service-waits.ts";
import { isSharedName } from "./shared-names.ts";

export interface SupervisorOptions {
  ledger: Ledger;
  driver: RuntimeDriver;
  clock: Clock;
  changes: Changes;
  /** Services that may be between start and readiness at once. */
  startsAtOnce: number;
  /** Which services of the ledger are its own, by name (default: those that are not shared); the others are another supervisor's. */
  owns?: (service: string) => boolean;
  report: (error: unknown) => void;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #context: RunnerContext;
  readonly pauses: Pauses;
  /** environment id → service → runner */
  readonly #runners = new Map<string, Map<string, ServiceRunner>>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.pauses = createPauses(options);
    this.#context = {
      driver: options.driver,
      clock: options.clock,
      admission: new Admission(options.startsAtOnce),
      needsReady: (runner, abort) => this.#needsReady(runner, abort),
      checkPort: (plan) => this.#checkPort(plan),
      recordIntent: (runner, generation) => this.#recordIntent(runner, generation),
      recordInstance: (runner) => this.#recordInstance(runner),
      recordEnd: (runner, generation) => this.#recordEnd(runner, generation),
      save: (runner) => this.#save(runner),
      changed: (environmentId) => options.changes.emit(environmentId),
      pausedMs: (environmentId) => this.pauses.totalMs(environmentId),
      report: options.report,
    };
  }

  runners(environmentId: string): ServiceRunner[] {
    return [...(this.#runners.get(environmentId)?.values() ?? [])];
  }

  runner(environmentId: string, service: string): ServiceRunner | null {
    return this.#runners.get(environmentId)?.get(service) ?? null;
  }

  /** Makes the runner know `plan` and want to run. One that runs already keeps its process. */
  start(environmentId: string, plan: ServicePlan): void {
    this.announce(environmentId, plan);
    this.runner(environmentId, plan.spec.service)?.dispatch({ type: "start" });
  }

  /** Makes the service known before it is started, so that others can wait for it. */
  announce(environmentId: string, plan: ServicePlan): void {
    const runner = this.#ensureRunner(environmentId, plan.spec.service);
    if (runner.status.live) return;
    runner.plan = plan;
    this.#save(runner);
  }

  /**
   * Stops each before what it needs. Resolves when all are stopped and verified; throws `WtError` (`machine`, `process_remains`) when something of ours
   * could not be ended, `services_unseen` where that is so only because nobody can tell what runs.
   */
  async stop(environmentId: string, services: readonly string[]): Promise<void> {
    const runners = services.flatMap((name) => this.runner(environmentId, name) ?? []);
    const idle = runners.filter((runner) => !runner.status.live);
    for (const runner of idle) runner.dispatch({ type: "stop" });
    const running = runners.filter((runner) => !idle.includes(runner));
    for (const group of stopOrder(running.map((runner) => ({ name: runner.name, needs: runner.plan?.needs ?? [] })))) {
      const next = running.filter((runner) => group.includes(runner.name));
      for (const runner of next) runner.dispatch({ type: "stop" });
      await Promise.all(next.map((runner) => runner.idle()));
    }
    await Promise.all(idle.map((runner) => runner.idle()));
    const stuck = runners.filter((runner) => runner.status.live);
    if (stuck.length > 0) throw await couldNotStop(this.#options.driver, stuck);
  }

  /** Resolves when none of them is on its way any more; one that waits in vain is not. */
  async whenSettled(environmentId: string, services: readonly string[], abort: AbortSignal): Promise<void> {
    const find = (name: string) => this.runner(environmentId, name);
    await this.#when(environmentId, abort, () =>
      services.every((name) => {
        const runner = find(name);
        return !runner || isSettled(runner, find);
      }),
    );
  }

  /** See `vainNeed`. */
  vainNeed(runner: ServiceRunner): ServiceRunner | null {
    return vainNeed(runner, (name) => this.runner(runner.environmentId, name));
  }

  /** After a service is gone from the config or its environment: it must be stopped. */
  forget(environmentId: string, service: string): void {
    this.runner(environmentId, service)?.detach();
    this.#runners.get(environmentId)?.delete(service);
    if (this.#runners.get(environmentId)?.size === 0) this.#runners.delete(environmentId);
    this.#options.ledger.deleteService(environmentId, service);
  }

  /**
   * At daemon start: takes over what runs, and settles what a crash left between the ledger and the machine.
   * `resume` false (the machine was restarted): nothing runs and nothing is started.
   */
  async adopt(environment: { id: string; nonce: string }, resume: boolean): Promise<void> {
    const { ledger, driver, report, owns = (service: string) => !isSharedName(service) } = this.#options;
    let hidden = false;
    const found = await driver.find({ environmentId: environment.id, nonce: environment.nonce }).catch((error: unknown) => {
      // An engine that is down hides what it runs; what is on record is looked at on its own.
      if (WtError.from(error).kind === "internal") throw error;
      hidden = true;
      report(error);
      return [];
    });
    const staying = new Set<string>();
    const end = async (stray: ServiceInstance) => {
      const { leftovers } = await driver.stop(stray, strayPolicy);
      if (leftovers.length === 0) return;
      staying.add(processKey(stray));
      this.#options.report(processRemains(leftovers.join(" ")));
    };
    for (const record of ledger.services({ environmentId: environment.id }).filter(({ service }) => owns(service))) {
      const runner = this.#remember(record);
      const recorded = instanceOf(record);
      // What cannot be told may be alive: no second one is started beside it.
      const alive = recorded && (await driver.observe(recorded)).state !== "ended" ? recorded : null;
      const instance = alive ?? found.find((one) => one.service === record.service && one.generation === record.generation) ?? null;
      const others = found.filter((one) => one.service === record.service && one.generation !== instance?.generation);
      for (const other of others) await end(other);
      await this.#settle(runner, { record, instance, resume });
    }
    const known = new Set(this.runners(environment.id).map((runner) => runner.name));
    const busy = ledger.operations({ environmentId: environment.id }).length > 0;
    for (const stray of found.filter((one) => !known.has(one.service))) {
      if (!isLasting(stray.service, busy)) await end(stray);
    }
    for (const lease of ledger.leases({ environmentId: environment.id, kind: "process" })) {
      if (!owns(serviceOfKey(lease.key))) continue;
      const current = this.runners(environment.id).some((runner) => runner.instance && lease.key === processKey(runner.instance));
      if (!current && !hidden && !staying.has(lease.key)) ledger.release(lease.id);
    }
  }

  /** Ends everything that carries the environment's mark. Throws `WtError` (`machine`, `process_remains`) when something cannot be ended. */
  async sweep(environment: { id: string; nonce: string }): Promise<void> {
    const { driver } = this.#options;
    const found = await driver.find({ environmentId: environment.id, nonce: environment.nonce });
    const results = await Promise.all(found.map((one) => driver.stop(one, strayPolicy)));
    const leftovers = results.flatMap((result) => result.leftovers);
    if (leftovers.length > 0) throw processRemains(leftovers.join(" "));
  }

  /** Lets go of every service without touching it. */
  detach(): void {
    for (const services of this.#runners.values()) for (const runner of services.values()) runner.detach();
  }

  async #settle(runner: ServiceRunner, found: { record: ServiceRecord; instance: ServiceInstance | null; resume: boolean }): Promise<void> {
    if (found.instance && runner.plan) {
      runner.adopt(found.instance);
      this.#recordInstance(runner);
      if (found.record.wanted === "down") runner.dispatch({ type: "stop" });
      return;
    }
    if (found.record.completed && found.resume) {
      runner.status = { ...runner.status, phase: "Completed", wanted: found.record.wanted };
      return;
    }
    if (found.record.wanted === "up" && runner.plan && found.resume) {
      runner.status = { ...runner.status, phase: "Running", live: true, wanted: "up" };
      runner.dispatch({ type: "ended", generation: found.record.generation, code: null, signal: null });
      return;
    }
    if (found.record.wanted === "up") {
      runner.status = { ...runner.status, reason: "The machine was restarted." };
      this.#save(runner);
    }
  }

  #remember(record: ServiceRecord): ServiceRunner {
    const runner = new ServiceRunner(this.#context, {
      environmentId: record.environmentId,
      name: record.service,
      plan: record.plan as ServicePlan | null,
      generation: record.generation,
      restarts: record.restarts,
    });
    this.#put(runner);
    return runner;
  }

  #ensureRunner(environmentId: string, name: string): ServiceRunner {
    const existing = this.runner(environmentId, name);
    if (existing) return existing;
    const runner = new ServiceRunner(this.#context, { environmentId, name, plan: null, generation: 0, restarts: 0 });
    this.#put(runner);
    return runner;
  }

  #put(runner: ServiceRunner): void {
    const services = this.#runners.get(runner.environmentId) ?? new Map<string, ServiceRunner>();
    services.set(runner.name, runner);
    this.#runners.set(runner.environmentId, services);
  }

  async #needsReady(runner: ServiceRunner, abort: AbortSignal): Promise<void> {
    const needs = runner.plan?.needs ?? [];
    await this.#when(runner.environmentId, abort, () =>
      needs.every((name) => {
        const needed = this.runner(runner.environmentId, name);
        return !needed || isReady(needed);
      }),
    );
  }

  async #when(environmentId: string, abort: AbortSignal, condition: () => boolean): Promise<void> {
    abort.throwIfAborted();
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const finish = (settle: () => void) => {
        stopListening();
        abort.removeEventListener("abort", onAbort);
        settle();
      };
      const onAbort = () => finish(() => reject(abort.reason));
      const stopListening = this.#options.changes.listen((changed) => {
        if (changed === environmentId && condition()) finish(resolve);
      });
      abort.addEventListener("abort", onAbort, { once: true });
    });
  }

  async #checkPort(plan: ServicePlan): Promise<void> {
    await this.pauses.over(plan.spec.environmentId);
    await requirePort(this.#options.driver, plan);
  }

  #recordIntent(runner: ServiceRunner, generation: number): void {
    const { ledger } = this.#options;
    ledger.transaction(() => {
      ledger.claim({
        environmentId: runner.environmentId,
        kind: "process",
        key: processKey({ environmentId: runner.environmentId, service: runner.name, generation }),
      });
      this.#save(runner);
    });
  }

  #recordInstance(runner: ServiceRunner): void {
    const { ledger } = this.#options;
    if (!runner.instance) return;
    const key = processKey(runner.instance);
    ledger.transaction(() => {
      const lease = ledger.claim({ environmentId: runner.environmentId, kind: "process", key });
      if (lease) ledger.updateLease(lease.id, { state: "present" });
      this.#save(runner);
    });
  }

  #recordEnd(runner: ServiceRunner, generation: number): void {
    const { ledger } = this.#options;
    ledger.transaction(() => {
      const lease = ledger
        .leases({ environmentId: runner.environmentId, kind: "process" })
        .find((one) => one.key === processKey({ environmentId: runner.environmentId, service: runner.name, generation }));
      if (lease) ledger.release(lease.id);
      this.#save(runner);
    });
  }

  #save(runner: ServiceRunner): void {
    this.#options.ledger.putService(serviceRecord(runner));
  }
}

const strayPolicy = { signal: "SIGTERM" as const, graceMs: 5_000 };
