// Carries out what the pure service machine decides, for one service of one environment. Effects of a generation die with it.
import {
  initialStatus,
  quietMs,
  reduceService,
  type ServiceEffect,
  type ServiceEvent,
  type ServiceStatus,
} from "../environment/service-machine.ts";
import type { ServicePlan } from "../environment/service-plan.ts";
import { WtError } from "../errors/wt-error.ts";
import type { ServiceInstance } from "../runtime/runtime-driver.ts";
import { appendLogMark, logMark } from "./log-marks.ts";
import { watchReadiness } from "./readiness.ts";
import type { RunnerContext } from "./runner-context.ts";

export class ServiceRunner {
  readonly environmentId: string;
  readonly name: string;
  status: ServiceStatus;
  plan: ServicePlan | null;
  instance: ServiceInstance | null;
  readonly #context: RunnerContext;
  #generationTasks = new AbortController();
  /** Spawns and stops of this service, one after the other. */
  #effects: Promise<void> = Promise.resolve();
  #leaveAdmission: () => void = () => undefined;
  #closed = false;

  constructor(
    context: RunnerContext,
    memory: { environmentId: string; name: string; plan: ServicePlan | null; generation: number; restarts: number },
  ) {
    this.#context = context;
    this.environmentId = memory.environmentId;
    this.name = memory.name;
    this.plan = memory.plan;
    this.instance = null;
    this.status = { ...initialStatus(memory.generation), restarts: memory.restarts };
  }

  dispatch(event: ServiceEvent): void {
    if (this.#closed) return;
    const before = this.status;
    const policy = this.plan ?? { restart: "never" as const, successCodes: [] };
    const { status, effects } = reduceService(this.status, event, policy);
    this.status = status;
    const mark = logMark(event, { before, after: status, effects });
    const logPath = this.plan?.spec.logPath;
    if (mark !== null && logPath) this.#quietly(() => appendLogMark(logPath, mark));
    for (const effect of effects) this.#carryOut(effect);
    if (status === before) return;
    const { wanted, restarts, generation, phase } = status;
    // What only waits has not begun: it counts once it starts, however many daemons come and go before.
    const counted = phase !== "Waiting" && (restarts !== before.restarts || generation !== before.generation);
    if (counted || wanted !== before.wanted || phase === "Completed") this.#quietly(() => this.#context.save(this));
    this.#context.changed(this.environmentId);
  }

  /** Takes over an instance found alive. */
  adopt(instance: ServiceInstance): void {
    this.instance = instance;
    this.dispatch({ type: "adopt", generation: instance.generation });
  }

  /** Resolves when spawns and stops under way are through. */
  async idle(): Promise<void> {
    let seen: Promise<void> | null = null;
    while (seen !== this.#effects) {
      seen = this.#effects;
      await seen;
    }
  }

  /** Ends background work without touching the process; nothing is written or reported any more. */
  detach(): void {
    this.#closed = true;
    this.#leaveAdmission();
    this.#generationTasks.abort(new Error("detached"));
  }

  #carryOut(effect: ServiceEffect): void {
    const { generation } = effect;
    const startFailed = (reason: string) => this.dispatch({ type: "start_failed", generation, reason });
    if (effect.type === "cancel") {
      this.#generationTasks.abort(new Error("superseded"));
      this.#generationTasks = new AbortController();
      this.#leaveAdmission();
    } else if (effect.type === "await_needs") {
      this.#task(startFailed, (abort) => this.#awaitNeeds(generation, abort));
    } else if (effect.type === "pause") {
      this.#task(startFailed, (abort) => this.#pause(effect, abort));
    } else if (effect.type === "watch") {
      this.#watch(generation);
    } else if (effect.type === "await_end") {
      this.#awaitEnd(generation);
    } else if (effect.type === "spawn") {
      const abort = this.#generationTasks.signal;
      this.#enqueue(() => this.#spawn(generation, abort));
    } else {
      this.#enqueue(() => this.#stop(generation));
    }
  }

  async #pause(effect: { generation: number; ms: number }, abort: AbortSignal): Promise<void> {
    await this.#context.clock.sleep(effect.ms, abort);
    this.dispatch({ type: "pause_over", generation: effect.generation });
  }

  #enqueue(work: () => Promise<void>): void {
    this.#effects = this.#effects.then(work).catch((error) => this.#context.report(error));
  }

  #task(failed: (reason: string) => void, work: (abort: AbortSignal) => Promise<void>): void {
    const abort = this.#generationTasks.signal;
    work(abort).catch((error) => {
      if (abort.aborted) return;
      this.#context.report(error);
      failed(WtError.from(error).message);
    });
  }

  async #awaitNeeds(generation: number, abort: AbortSignal): Promise<void> {
    await this.#context.needsReady(this, abort);
    const leave = await this.#context.admission.enter(abort);
    // Stopped between being let in and hearing of it.
    if (abort.aborted) return leave();
    this.#leaveAdmission = leave;
    this.dispatch({ type: "needs_ready", generation });
  }

  async #spawn(generation: number, abort: AbortSignal): Promise<void> {
    const plan = this.plan;
    if (!plan || abort.aborted) return;
    try {
      await this.#context.checkPort(plan);
      this.#context.recordIntent(this, generation);
      this.instance = await this.#context.driver.start({ ...plan.spec, generation });
      this.#context.recordInstance(this);
    } catch (error) {
      // The ledger may have refused when the process was there already: what cannot be recorded must not run on.
      const leftovers = await this.#endInstance(generation);
      this.dispatch({ type: "start_failed", generation, reason: [WtError.from(error).message, ...leftovers].join(" ") });
      return;
    }
    this.dispatch({ type: "started", generation });
  }

  #awaitEnd(generation: number): void {
    const { instance } = this;
    if (!instance) return;
    const sight = (reason: string | null) =>
      this.dispatch(reason === null ? { type: "seen", generation } : { type: "unseen", generation, reason });
    this.#task(this.#unwatched(generation), async (abort) => {
      const end = await this.#context.driver.waitForEnd(instance, abort, sight);
      if (this.status.phase === "Stopping") return;
      this.instance = null;
      this.#quietly(() => this.#context.recordEnd(this, generation));
      this.dispatch({ type: "ended", generation, ...end });
    });
  }

  /** What cannot be watched any more is stopped: only then may it be started again. */
  #unwatched(generation: number): (reason: string) => void {
    return (reason) => this.dispatch({ type: "impostor", generation, reason });
  }

  #watch(generation: number): void {
    const { instance, plan } = this;
    if (!instance || !plan) return;
    this.#awaitEnd(generation);
    this.#task(this.#unwatched(generation), async (abort) => {
      for await (const event of watchReadiness(this.#context, { instance, plan }, abort)) {
        this.dispatch({ ...event, generation });
        if (event.type !== "late") break;
      }
      this.#leaveAdmission();
      await this.#context.clock.sleep(quietMs, abort);
      this.dispatch({ type: "quiet", generation });
    });
  }

  async #stop(generation: number): Promise<void> {
    this.dispatch({ type: "stopped", generation, leftovers: await this.#endInstance(generation) });
  }

  /** Gives what could not be ended, in sentences; its lease stays. */
  async #endInstance(generation: number): Promise<string[]> {
    const { instance, plan } = this;
    let leftovers: string[] = [];
    if (instance && plan) {
      try {
        leftovers = (await this.#context.driver.stop(instance, plan.spec.stop)).leftovers;
      } catch (error) {
        leftovers = [WtError.from(error).message];
      }
    }
    if (leftovers.length === 0) {
      this.instance = null;
      this.#quietly(() => this.#context.recordEnd(this, generation));
    }
    return leftovers;
  }

  /** A disk that refuses must not keep the service from becoming what it is; a row that stays too long is settled by the next daemon. */
  #quietly(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#context.report(error);
    }
  }
}
