// A `RuntimeDriver` whose machine is a data structure: for tests of everything above the drivers. Its controls play the services and the strangers.
import type { WtError } from "../../errors/wt-error.ts";
import type { Clock } from "../../os/clock.ts";
import type {
  InstanceEnd,
  InstanceObservation,
  LogEntry,
  LogQuery,
  RuntimeDriver,
  ServiceInstance,
  ServiceSpec,
} from "../runtime-driver.ts";

/** What runs, and all that was ever written; outlives a driver as the real machine outlives a daemon. */
export interface MemoryMachine {
  services: MemoryService[];
  /** Port → a stranger's process. Ports that services listen on are in the services. */
  strangers: Map<number, { pid: number; command: string }>;
  logs: Map<string, LogEntry[]>;
  /** Called on every change; readers and waiters hang here. */
  waiting: Set<() => void>;
  nextPid: number;
}

export interface MemoryService {
  spec: ServiceSpec;
  pid: number;
  startedAtMs: number;
  end: InstanceEnd | null;
  detached: boolean;
  /** null: it has no health check. */
  health: "starting" | "healthy" | "unhealthy" | null;
  /** Null: observations are honest; else they answer `unknown` with this reason. */
  unknownBecause: string | null;
  ignoresSignals: boolean;
  paused: boolean;
  /** In sentences; while there are any, `stop` cannot end it. */
  leftovers: string[];
  listening: Set<number>;
}

export interface MemoryControls {
  readonly machine: MemoryMachine;
  /** Ends the newest running instance of a service by itself; a string is a signal. */
  end(service: string, code: number | string): void;
  /** A stranger listens on the port, or (without one) the running service whose leased port it is. */
  listen(port: number, stranger?: { pid: number; command: string }): void;
  failNextStart(error: WtError): void;
  failNextPause(error: WtError): void;
  appendLog(logPath: string, line: string): void;
  /** Changes how the newest running instance of a service behaves. */
  change(
    service: string,
    behaviour: Partial<Pick<MemoryService, "detached" | "health" | "unknownBecause" | "ignoresSignals" | "leftovers">>,
  ): void;
  /** The newest instance of a service, running or not. */
  newest(service: string): MemoryService | null;
}

export interface MemoryDriverOptions {
  clock: Clock;
  /** A machine that another driver worked on; default: a new one. */
  machine?: MemoryMachine;
}

export function createMemoryMachine(): MemoryMachine {
  return { services: [], strangers: new Map(), logs: new Map(), waiting: new Set(), nextPid: 1000 };
}

function launched(machine: MemoryMachine, spec: ServiceSpec, startedAtMs: number): MemoryService {
  const service: MemoryService = {
    spec,
    pid: machine.nextPid++,
    startedAtMs,
    end: null,
    detached: false,
    health: null,
    unknownBecause: null,
    ignoresSignals: false,
    paused: false,
    leftovers: [],
    listening: new Set(),
  };
  machine.services.push(service);
  return service;
}

export function createMemoryDriver(options: MemoryDriverOptions): RuntimeDriver & MemoryControls {
  const machine = options.machine ?? createMemoryMachine();
  const { clock } = options;
  const find = (instance: ServiceInstance) => {
    const pid = pidOf(instance);
    return machine.services.find((service) => service.pid === pid && service.spec.environmentId === instance.environmentId) ?? null;
  };
  /** Exit codes are known only for what this driver started. */
  const started = new Set<number>();
  const failing: Failing = { start: null, pause: null };

  const look = (instance: ServiceInstance): InstanceObservation => {
    const service = find(instance);
    if (service?.unknownBecause != null) return { state: "unknown", reason: service.unknownBecause };
    if (service && !service.end) {
      const alive = { state: "alive", pid: service.pid, memoryBytes: 1024 * 1024, detached: service.detached } as const;
      return service.health === null ? alive : { ...alive, health: service.health };
    }
    const end = service?.end && started.has(service.pid) ? service.end : { code: null, signal: null };
    return { state: "ended", ...end };
  };

  return {
    name: "memory",
    features: { adoption: true, exitCodes: true, adoptedExitCodes: false, detaches: true, listeners: true, pause: true },

    async start(spec) {
      const failure = failing.start;
      failing.start = null;
      if (failure) throw failure;
      const service = launched(machine, spec, clock.now());
      started.add(service.pid);
      if (!machine.logs.has(spec.logPath)) machine.logs.set(spec.logPath, []);
      tell(machine);
      return instanceOf(service);
    },

    observe: async (instance) => look(instance),

    async waitForEnd(instance, abort, sight) {
      for (let unseen = false; ; ) {
        abort.throwIfAborted();
        const observation = look(instance);
        if (observation.state === "ended") return { code: observation.code, signal: observation.signal };
        if (unseen !== (observation.state === "unknown")) sight?.(observation.state === "unknown" ? observation.reason : null);
        unseen = observation.state === "unknown";
        await changed(machine, abort);
      }
    },

    async waitForCommand(instance, abort) {
      for (;;) {
        abort.throwIfAborted();
        const observation = look(instance);
        if (observation.state === "ended") return { code: observation.code, signal: observation.signal };
        if (observation.state === "alive" && observation.detached) return { code: 0, signal: null };
        await changed(machine, abort);
      }
    },

    async stop(instance, policy) {
      const service = find(instance);
      if (!service || service.end) return { killed: false, leftovers: [] };
      if (service.unknownBecause !== null) return { killed: false, leftovers: [service.unknownBecause] };
      const killed = service.ignoresSignals || policy.signal === "SIGKILL";
      if (killed && policy.signal !== "SIGKILL") await clock.sleep(policy.graceMs);
      if (service.leftovers.length > 0) return { killed: true, leftovers: [...service.leftovers] };
      endService(machine, service, { code: null, signal: killed ? "SIGKILL" : policy.signal });
      return { killed, leftovers: [] };
    },

    ...pauseVerbs(machine, find, failing),

    async find({ environmentId, nonce }) {
      return machine.services
        .filter((service) => !service.end && service.spec.environmentId === environmentId && service.spec.nonce === nonce)
        .map(instanceOf);
    },

    async listener(instance, port) {
      const stranger = machine.strangers.get(port);
      if (stranger) return { owner: "foreign", ...stranger };
      const holder = machine.services.find((service) => !service.end && service.listening.has(port));
      if (!holder) return { owner: "nobody" };
      if (holder === find(instance)) return { owner: "ours", pid: holder.pid };
      return { owner: "foreign", pid: holder.pid, command: holder.spec.command };
    },

    logs: (query, abort) => readLog(machine, query, abort),
    async removeLogs(logPath) {
      machine.logs.delete(logPath);
      tell(machine);
    },
    close: async () => undefined,
    ...controls(machine, clock, failing),
  };
}

/** What the next call throws. */
interface Failing {
  start: WtError | null;
  pause: WtError | null;
}

function controls(machine: MemoryMachine, clock: Clock, failing: Failing): MemoryControls {
  const newest = (name: string) => machine.services.findLast((service) => service.spec.service === name) ?? null;
  const running = (name: string) => {
    const service = machine.services.findLast((each) => each.spec.service === name && !each.end);
    if (!service) throw new Error(`No instance of ${name} is running.`);
    return service;
  };
  return {
    machine,
    newest,
    failNextStart(error) {
      failing.start = error;
    },
    failNextPause(error) {
      failing.pause = error;
    },
    end(name, code) {
      endService(machine, running(name), typeof code === "number" ? { code, signal: null } : { code: null, signal: code });
    },
    listen(port, stranger) {
      if (stranger) machine.strangers.set(port, stranger);
      else {
        const service = machine.services.findLast((each) => each.spec.port === port && !each.end);
        if (!service) throw new Error(`No running service has the port ${port}.`);
        service.listening.add(port);
      }
      tell(machine);
    },
    appendLog(logPath, line) {
      const entries = machine.logs.get(logPath) ?? [];
      entries.push({ timeMs: clock.now(), line });
      machine.logs.set(logPath, entries);
      tell(machine);
    },
    change(name, behaviour) {
      Object.assign(running(name), behaviour);
      tell(machine);
    },
  };
}

function endService(machine: MemoryMachine, service: MemoryService, end: InstanceEnd): void {
  service.end = end;
  service.listening.clear();
  tell(machine);
}

function pauseVerbs(
  machine: MemoryMachine,
  find: (instance: ServiceInstance) => MemoryService | null,
  failing: Failing,
): Pick<RuntimeDriver, "pause" | "resume"> {
  const set = (instance: ServiceInstance, paused: boolean) => {
    const service = find(instance);
    if (!service || service.end) return;
    service.paused = paused;
    tell(machine);
  };
  return {
    async pause(instance) {
      const failure = failing.pause;
      failing.pause = null;
      if (failure) throw failure;
      set(instance, true);
    },
    resume: async (instance) => set(instance, false),
  };
}

function instanceOf(service: MemoryService): ServiceInstance {
  const { environmentId, generation } = service.spec;
  return {
    driver: "memory",
    environmentId,
    service: service.spec.service,
    generation,
    pid: service.pid,
    startedAtMs: service.startedAtMs,
    identity: { pid: service.pid },
  };
}

function pidOf(instance: ServiceInstance): number | null {
  const { identity } = instance;
  const pid = typeof identity === "object" && identity !== null && !Array.isArray(identity) ? identity.pid : null;
  return typeof pid === "number" ? pid : null;
}

async function* readLog(machine: MemoryMachine, query: LogQuery, abort: AbortSignal): AsyncGenerator<LogEntry> {
  const entries = machine.logs.get(query.logPath) ?? [];
  const recent = entries.filter((entry) => entry.timeMs >= (query.sinceMs ?? Number.NEGATIVE_INFINITY));
  let read = entries;
  let position = entries.length;
  yield* query.tail === null ? recent : recent.slice(Math.max(0, recent.length - query.tail));
  while (query.follow && !abort.aborted) {
    const now = machine.logs.get(query.logPath) ?? [];
    if (now !== read) [read, position] = [now, 0];
    const fresh = read.slice(position);
    position = read.length;
    yield* fresh;
    if (fresh.length === 0) await changed(machine, abort).catch(() => undefined);
  }
}

function tell(machine: MemoryMachine): void {
  for (const wake of [...machine.waiting]) wake();
}

/** Resolves at the next change; rejects with the signal's reason. */
function changed(machine: MemoryMachine, abort: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (abort.aborted) return reject(abort.reason);
    const finish = (settle: () => void) => {
      machine.waiting.delete(wake);
      abort.removeEventListener("abort", onAbort);
      settle();
    };
    const wake = () => finish(resolve);
    const onAbort = () => finish(() => reject(abort.reason));
    machine.waiting.add(wake);
    abort.addEventListener("abort", onAbort, { once: true });
  });
}
