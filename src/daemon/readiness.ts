// Finds out when a started service is ready: first probe at once, then 100 ms growing to 1 s.
import type { ReadyProbe } from "../config/config.ts";
import type { ServicePlan } from "../environment/service-plan.ts";
import { WtError } from "../errors/wt-error.ts";
import { exec } from "../os/exec.ts";
import { probeHttp, probeTcp } from "../os/probe.ts";
import type { ServiceInstance } from "../runtime/runtime-driver.ts";
import type { RunnerContext } from "./runner-context.ts";

export type ReadinessEvent = { type: "ready" } | { type: "late"; reason: string } | { type: "impostor"; reason: string };

interface Watched {
  instance: ServiceInstance;
  plan: ServicePlan;
}

interface ProbeAnswer {
  ready: boolean;
  reason: string;
}

const firstPauseMs = 50;
const longestPauseMs = 1_000;
const probeTimeoutMs = 5_000;
/** How long a process without a probe must live to count as ready. */
const settledMs = 1_000;

/** Ends after `ready` or `impostor`; `late` may come once before them. Rejects only with the signal's reason. */
export async function* watchReadiness(context: RunnerContext, watched: Watched, abort: AbortSignal): AsyncGenerator<ReadinessEvent> {
  const { plan, instance } = watched;
  const startedMs = context.clock.now();
  const pausedBeforeMs = context.pausedMs(plan.spec.environmentId);
  const deadline = () => startedMs + plan.readyTimeoutMs + context.pausedMs(plan.spec.environmentId) - pausedBeforeMs;
  const probe = await prober(context, watched, abort);
  let late = false;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 1.5)) {
    const answer = await probe();
    abort.throwIfAborted();
    const verdict = answer.ready ? await verifyListener(context, watched) : answer;
    if ("impostor" in verdict) {
      yield { type: "impostor", reason: verdict.impostor };
      return;
    }
    if (verdict.ready) {
      yield { type: "ready" };
      return;
    }
    const deadlineMs = deadline();
    if (!late && context.clock.now() >= deadlineMs && instance.startedAtMs <= deadlineMs) {
      late = true;
      yield { type: "late", reason: `It was not ready after ${plan.readyTimeoutMs / 1000} s: ${verdict.reason}.` };
    }
    await context.clock.sleep(pauseMs, abort);
  }
}

/** After the probe passed: whoever listens on the leased port must be this instance. */
async function verifyListener(context: RunnerContext, { instance, plan }: Watched): Promise<ProbeAnswer | { impostor: string }> {
  const port = plan.spec.port;
  if (port === null || !context.driver.features.listeners) return { ready: true, reason: "" };
  const listener = await context.driver.listener(instance, port);
  if (listener.owner === "foreign") {
    const who = listener.command ? `${listener.command} (pid ${listener.pid})` : `process ${listener.pid ?? "unknown"}`;
    return { impostor: `Port ${port} is answered by ${who}, which is not part of this service.` };
  }
  if (listener.owner === "nobody" && asksPort.has(plan.ready.kind)) {
    return { ready: false, reason: `nothing listens on port ${port}` };
  }
  return { ready: true, reason: "" };
}

const asksPort: ReadonlySet<ReadyProbe["kind"]> = new Set(["http", "tcp"]);

async function prober(context: RunnerContext, watched: Watched, abort: AbortSignal): Promise<() => Promise<ProbeAnswer>> {
  const { plan, instance } = watched;
  const ready: ReadyProbe = plan.ready;
  const port = plan.spec.port;
  switch (ready.kind) {
    case "http":
      return () =>
        port === null ? Promise.resolve(portless) : probeHttp({ port, path: ready.path, status: ready.status, timeoutMs: probeTimeoutMs });
    case "tcp":
      return () => (port === null ? Promise.resolve(portless) : probeTcp(port, probeTimeoutMs));
    case "log":
      return logProber(context, watched, abort);
    case "command":
      return () => commandAnswer(plan, ready.run, abort);
    case "healthcheck":
      return () => healthAnswer(context, instance);
    case "completed":
      return async () => ({ ready: false, reason: "it has not come to its end" });
    case "none": {
      const settledAtMs = instance.startedAtMs + settledMs;
      return async () => ({ ready: context.clock.now() >= settledAtMs, reason: "it has just started" });
    }
  }
}

const portless: ProbeAnswer = { ready: false, reason: "the service has no port to probe" };

async function healthAnswer(context: RunnerContext, instance: ServiceInstance): Promise<ProbeAnswer> {
  const observed = await context.driver.observe(instance);
  if (observed.state !== "alive") return { ready: false, reason: "it is not known to run" };
  if (observed.health === undefined) return { ready: false, reason: "its container has no health check" };
  return { ready: observed.health === "healthy", reason: `its health check says ${observed.health}` };
}

async function logProber(context: RunnerContext, { plan, instance }: Watched, abort: AbortSignal): Promise<() => Promise<ProbeAnswer>> {
  const pattern = new RegExp(plan.ready.kind === "log" ? plan.ready.pattern : "");
  let seen = false;
  const read = async () => {
    const query = { logPath: plan.spec.logPath, tail: null, sinceMs: instance.startedAtMs, follow: true };
    for await (const entry of context.driver.logs(query, abort)) {
      if (pattern.test(entry.line)) {
        seen = true;
        return;
      }
    }
  };
  read().catch((error) => {
    if (!abort.aborted) context.report(error);
  });
  return async () => ({ ready: seen, reason: `no line of its log matches ${pattern}` });
}

async function commandAnswer(plan: ServicePlan, run: string, abort: AbortSignal): Promise<ProbeAnswer> {
  const timeout = AbortSignal.any([abort, AbortSignal.timeout(probeTimeoutMs)]);
  try {
    const result = await exec(["/bin/sh", "-c", run], { cwd: plan.spec.directory, env: plan.spec.env, abort: timeout });
    return { ready: result.code === 0, reason: `\`${run}\` exited with code ${result.code}` };
  } catch (error) {
    abort.throwIfAborted();
    if (timeout.aborted) return { ready: false, reason: `\`${run}\` took longer than ${probeTimeoutMs / 1000} s` };
    // Its directory may be gone for a moment, while git checks something out.
    if (error instanceof WtError) return { ready: false, reason: error.message.replace(/\.$/, "") };
    throw error;
  }
}
