// The life of one service as a pure reducer: events in, the next status and the effects to carry out back. No clock, no I/O.
// Effects and the events they lead to carry the generation; an event of an older generation changes nothing.

export type ServicePhase =
  | "Stopped"
  | "Waiting"
  | "Starting"
  | "Running"
  | "Restarting"
  | "CrashLoopBackOff"
  | "Failed"
  | "Completed"
  | "Stopping"
  /** Nobody can tell: the engine that runs it does not answer. */
  | "Unknown";

export interface ServiceStatus {
  phase: ServicePhase;
  /** Starts so far; the current instance's generation while one exists. */
  generation: number;
  /** A process of the current generation exists, or may exist. */
  live: boolean;
  /** What the user wants. */
  wanted: "up" | "down";
  /** Restarts that nobody asked for, since the last `start`. */
  restarts: number;
  /** Ends in a row without a quiet stretch in between. */
  failures: number;
  /** Why it is in this phase, one sentence; null when there is nothing to say. */
  reason: string | null;
  /** After the stop that is under way, start again; likewise after an end that is only found out now. */
  startAfterStop: boolean;
}

export interface RestartPolicy {
  restart: "always" | "on-failure" | "never";
  successCodes: number[];
}

export type ServiceEvent =
  /** The user (or a dependency on it) wants it up. */
  | { type: "start" }
  /** The user wants it down. */
  | { type: "stop" }
  /** Stop if needed, then start anew; not counted as a restart. */
  | { type: "restart" }
  /** Everything in `needs` is ready. */
  | { type: "needs_ready"; generation: number }
  | { type: "started"; generation: number }
  | { type: "start_failed"; generation: number; reason: string }
  | { type: "ready"; generation: number }
  /** The readiness deadline passed; the process runs on and is probed on. */
  | { type: "late"; generation: number; reason: string }
  /** It must not go on: another process answers on its port. */
  | { type: "impostor"; generation: number; reason: string }
  | { type: "ended"; generation: number; code: number | null; signal: string | null }
  /** What became of it cannot be told any more. */
  | { type: "unseen"; generation: number; reason: string }
  /** After `unseen`: it is alive. */
  | { type: "seen"; generation: number }
  /** It has run without trouble for `quietMs`. */
  | { type: "quiet"; generation: number }
  | { type: "pause_over"; generation: number }
  | { type: "stopped"; generation: number; leftovers: string[] }
  /** A daemon found this generation alive. */
  | { type: "adopt"; generation: number };

export type ServiceEffect =
  /** Tell `needs_ready` once everything needed is ready. */
  | { type: "await_needs"; generation: number }
  | { type: "spawn"; generation: number }
  /** Probe until ready; watch for the end. */
  | { type: "watch"; generation: number }
  /** Only watch for the end. */
  | { type: "await_end"; generation: number }
  | { type: "pause"; generation: number; ms: number }
  | { type: "stop"; generation: number }
  /** Give up whatever waits, probes or pauses for this generation. */
  | { type: "cancel"; generation: number };

export const quietMs = 60_000;
/** Failures in a row from which it is called a crash loop. */
const crashLoopFailures = 3;

export function initialStatus(generation: number): ServiceStatus {
  return { phase: "Stopped", generation, live: false, wanted: "down", restarts: 0, failures: 0, reason: null, startAfterStop: false };
}

export interface Reduced {
  status: ServiceStatus;
  effects: ServiceEffect[];
}

export function reduceService(status: ServiceStatus, event: ServiceEvent, policy: RestartPolicy): Reduced {
  if ("generation" in event && event.type !== "adopt" && event.generation !== status.generation) return { status, effects: [] };
  switch (event.type) {
    case "start":
      return start(status);
    case "stop":
      return stop(status);
    case "restart":
      return restart(status);
    case "adopt":
      return adopt(status, event.generation);
    case "needs_ready":
      if (status.phase !== "Waiting") return unchanged(status);
      return {
        status: { ...status, phase: "Starting", live: true, reason: null },
        effects: [{ type: "spawn", generation: status.generation }],
      };
    case "started":
      if (!status.live || status.phase !== "Starting") return unchanged(status);
      return { status, effects: [{ type: "watch", generation: status.generation }] };
    case "start_failed":
      // While stopping, `stopped` follows and settles it.
      if (!status.live || status.phase === "Stopping") return unchanged(status);
      return gone(status, { success: false, reason: event.reason, retry: policy.restart !== "never" });
    case "ready":
      if (status.phase !== "Starting" && !(status.phase === "Failed" && status.live)) return unchanged(status);
      return { status: { ...status, phase: "Running", reason: null, startAfterStop: false }, effects: [] };
    case "late":
      if (status.phase !== "Starting") return unchanged(status);
      return { status: { ...status, phase: "Failed", reason: event.reason }, effects: [] };
    case "impostor":
      if (!status.live || status.phase === "Stopping") return unchanged(status);
      return {
        status: { ...status, phase: "Failed", wanted: "down", reason: event.reason, startAfterStop: false },
        effects: [
          { type: "cancel", generation: status.generation },
          { type: "stop", generation: status.generation },
        ],
      };
    case "unseen":
      if (status.phase !== "Starting" && status.phase !== "Running" && !isLate(status)) return unchanged(status);
      return { status: { ...status, phase: "Unknown", reason: event.reason }, effects: [] };
    case "seen":
      return isDoubtful(status) ? seen(status) : unchanged(status);
    case "quiet":
      return status.phase === "Running" ? { status: { ...status, failures: 0 }, effects: [] } : unchanged(status);
    case "ended":
      return ended(status, event, policy);
    case "pause_over":
      if (status.phase !== "Restarting" && status.phase !== "CrashLoopBackOff") return unchanged(status);
      return begin({ ...status, restarts: status.restarts + 1 });
    case "stopped":
      return stopped(status, event.leftovers);
  }
}

/** Live, as far as is known, but to be looked at again before anything is made of it: it is out of sight, or could not be stopped. */
export function isDoubtful({ phase, live, wanted }: Pick<ServiceStatus, "phase" | "live" | "wanted">): boolean {
  return phase === "Unknown" || (phase === "Failed" && live && wanted === "down");
}

/** Failed for its deadline alone. */
function isLate(status: ServiceStatus): boolean {
  return status.phase === "Failed" && status.live && !isDoubtful(status);
}

function unchanged(status: ServiceStatus): Reduced {
  return { status, effects: [] };
}

/** The next generation, waiting for what it needs. */
function begin(status: ServiceStatus): Reduced {
  const generation = status.generation + 1;
  return {
    status: { ...status, phase: "Waiting", generation, live: false, startAfterStop: false, reason: null },
    effects: [{ type: "await_needs", generation }],
  };
}

function start(status: ServiceStatus): Reduced {
  const wanted: ServiceStatus = { ...status, wanted: "up" };
  if (status.phase === "Stopping") return { status: { ...wanted, startAfterStop: true }, effects: [] };
  if (isDoubtful(status)) return lookAgain({ ...wanted, startAfterStop: true });
  if (status.live || status.phase === "Waiting") return { status: wanted, effects: [] };
  const cancel: ServiceEffect[] = [{ type: "cancel", generation: status.generation }];
  const next = begin({ ...wanted, restarts: 0, failures: 0 });
  return { status: next.status, effects: [...cancel, ...next.effects] };
}

/** Its readiness counts from now. */
function lookAgain(status: ServiceStatus): Reduced {
  const { generation } = status;
  return {
    status: { ...status, phase: "Starting", reason: null },
    effects: [
      { type: "cancel", generation },
      { type: "watch", generation },
    ],
  };
}

/** What was asked for meanwhile is made up for. */
function seen(status: ServiceStatus): Reduced {
  return status.wanted === "up" ? lookAgain(status) : stop(status);
}

function stop(status: ServiceStatus): Reduced {
  const cancel: ServiceEffect = { type: "cancel", generation: status.generation };
  const wanted: ServiceStatus = { ...status, wanted: "down", startAfterStop: false, restarts: 0, failures: 0 };
  if (status.phase === "Stopping") return { status: wanted, effects: [] };
  if (!status.live) return { status: { ...wanted, phase: "Stopped", reason: null }, effects: [cancel] };
  return { status: { ...wanted, phase: "Stopping", reason: null }, effects: [cancel, { type: "stop", generation: status.generation }] };
}

function restart(status: ServiceStatus): Reduced {
  if (!status.live) return start({ ...status, phase: status.phase === "Waiting" ? "Stopped" : status.phase });
  const stopping = stop(status);
  return { status: { ...stopping.status, wanted: "up", startAfterStop: true }, effects: stopping.effects };
}

function adopt(status: ServiceStatus, generation: number): Reduced {
  return {
    status: { ...status, phase: "Starting", generation, live: true, wanted: "up", reason: null, startAfterStop: false },
    effects: [{ type: "watch", generation }],
  };
}

function ended(status: ServiceStatus, end: { code: number | null; signal: string | null }, policy: RestartPolicy): Reduced {
  if (!status.live) return unchanged(status);
  // While stopping, `stopped` settles it: only that is verified for the whole group.
  if (status.phase === "Stopping") return unchanged(status);
  if (status.wanted === "down") return stop({ ...status, live: false });
  if (status.startAfterStop) return begin({ ...status, live: false });
  const success = end.code !== null && (end.code === 0 || policy.successCodes.includes(end.code));
  const retry = policy.restart === "always" || (policy.restart === "on-failure" && !success);
  return gone(status, { success, retry, reason: endReason(status, end) });
}

function endReason(status: ServiceStatus, end: { code: number | null; signal: string | null }): string {
  const when = status.phase === "Running" ? "" : " before it was ready";
  if (end.signal) return `It was ended by ${end.signal}${when}.`;
  if (end.code === null) return `It ended${when} while no daemon watched it.`;
  return `It exited with code ${end.code}${when}.`;
}

/** The process is gone and nobody asked for that. */
function gone(status: ServiceStatus, why: { success: boolean; retry: boolean; reason: string }): Reduced {
  const cancel: ServiceEffect = { type: "cancel", generation: status.generation };
  const dead: ServiceStatus = { ...status, live: false };
  if (!why.retry) {
    const phase = why.success ? "Completed" : "Failed";
    return { status: { ...dead, phase, reason: why.success ? null : why.reason }, effects: [cancel] };
  }
  const failures = status.failures + 1;
  const looping = failures >= crashLoopFailures;
  return {
    status: { ...dead, failures, phase: looping ? "CrashLoopBackOff" : "Restarting", reason: why.reason },
    effects: [cancel, { type: "pause", generation: status.generation, ms: pauseMs(failures) }],
  };
}

/** 0.25 s, 0.5 s, then 5 s doubling to a minute once it is a crash loop. */
export function pauseMs(failures: number): number {
  if (failures < crashLoopFailures) return 250 * 2 ** (failures - 1);
  return Math.min(60_000, 5_000 * 2 ** (failures - crashLoopFailures));
}

function stopped(status: ServiceStatus, leftovers: string[]): Reduced {
  // An impostor's victim was stopped by us but stays `Failed`, with its reason.
  if (status.phase === "Failed") return { status: { ...status, live: leftovers.length > 0 }, effects: [] };
  if (status.phase !== "Stopping") return unchanged(status);
  if (leftovers.length > 0) {
    return {
      status: { ...status, phase: "Failed", live: true, startAfterStop: false, reason: leftovers.join(" ") },
      effects: [{ type: "await_end", generation: status.generation }],
    };
  }
  if (status.startAfterStop && status.wanted === "up") return begin({ ...status, live: false, restarts: 0, failures: 0 });
  return { status: { ...status, phase: "Stopped", live: false, reason: null }, effects: [] };
}
