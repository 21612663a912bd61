// A long operation from the first step to the last: progress, Ctrl-C, trust.
import type { OperationEndpoints } from "../api/endpoints.ts";
import type { EnvironmentView, Target } from "../api/environment.ts";
import { cancelled } from "../client/daemon-client.ts";
import { WtError } from "../errors/wt-error.ts";
import type { Context } from "./command.ts";
import { catchInterrupt } from "./interrupt.ts";
import { createProgressView } from "./progress-view.ts";
import { withTrust } from "./trust-dialog.ts";

export interface OperationOptions {
  /** What the operation is about: asked about when trust is missing and when it was interrupted. */
  target: Target;
  /** Only `create`: a branch without an environment may be asked about too. */
  create?: { from?: string };
}

const rollbackDeadlineMs = 15_000;

export async function runOperation<Path extends keyof OperationEndpoints>(
  context: Context,
  call: { path: Path; request: OperationEndpoints[Path]["request"] },
  { target, create }: OperationOptions,
): Promise<OperationEndpoints[Path]["result"]> {
  return await withTrust(context, { target, ...(create ? { create } : {}) }, () => runOnce(context, call, target));
}

async function runOnce<Path extends keyof OperationEndpoints>(
  context: Context,
  call: { path: Path; request: OperationEndpoints[Path]["request"] },
  target: Target,
): Promise<OperationEndpoints[Path]["result"]> {
  const progress = createProgressView(context);
  let told: Promise<void> = Promise.resolve();
  using interruption = catchInterrupt(() => {
    told = progress.say("wt: interrupted, undoing what was begun (Ctrl-C again leaves that to the daemon).");
  });
  try {
    const result = await context.client.operate(call.path, call.request, { onEvent: progress.onEvent, abort: interruption.signal });
    await progress.end("done");
    return result;
  } catch (error) {
    const interrupted = interruption.signal.aborted;
    await told;
    const quoted = quotesOutput(error);
    await progress.end(interrupted ? "done" : quoted ? "failed_quoted" : "failed");
    if (!interrupted) throw quoted && progress.showsAllOutput ? withoutOutput(error) : error;
    throw (await untilUndone(context, target)) ? cancelled(error) : stillUndoing(error);
  }
}

/** A command's output comes twice: while it runs, and its ends in the error. */
function quotesOutput(error: unknown): error is WtError {
  return error instanceof WtError && /^(setup|hook)_failed$/.test(error.code);
}

function withoutOutput(error: WtError): WtError {
  return new WtError({ ...error.toWire(), hints: error.hints.filter((hint) => !hint.startsWith("  ")), cause: error });
}

/** True as soon as no operation of this environment is in flight any more; the daemon rolls back when the connection closes. */
async function untilUndone(context: Context, target: Target): Promise<boolean> {
  const deadline = performance.now() + rollbackDeadlineMs;
  while (performance.now() < deadline) {
    try {
      const { environments } = await context.client.call("/v1/environments/list", { cwd: target.cwd, all: false, git: "skip" });
      if (!environments.some((environment) => isInFlight(environment, target))) return true;
    } catch (error) {
      if (!(error instanceof WtError)) throw error;
      return error.code !== "daemon_lost";
    }
    await Bun.sleep(20);
  }
  return false;
}

function isInFlight(environment: EnvironmentView, target: Target): boolean {
  if (environment.status !== "Creating" && environment.status !== "Deleting") return false;
  if (target.name !== undefined) return environment.slug === target.name || environment.branch === target.name;
  return target.cwd === environment.path || target.cwd.startsWith(`${environment.path}/`);
}

function stillUndoing(cause: unknown): WtError {
  return new WtError({
    kind: "cancelled",
    code: "interrupted",
    message: "Interrupted; the daemon is still undoing what was begun.",
    hints: ["See how far it is: wt list"],
    cause,
  });
}
