// A long operation from the first step to the last: progress, Ctrl-C, trust.
import type { OperationEndpoints } from "../api/endpoints.ts";
import type { Target } from "../api/environment.ts";
import { cancelled } from "../client/daemon-client.ts";
import { WtError } from "../errors/wt-error.ts";
import type { Context } from "./command.ts";
import { catchInterrupt } from "./interrupt.ts";
import { createProgressView } from "./progress-view.ts";
import { withTrust } from "./trust-dialog.ts";

export interface OperationOptions {
  /** What the operation is about: asked about when trust is missing. */
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
  return await withTrust(context, { target, ...(create ? { create } : {}) }, () => runOnce(context, call));
}

async function runOnce<Path extends keyof OperationEndpoints>(
  context: Context,
  call: { path: Path; request: OperationEndpoints[Path]["request"] },
): Promise<OperationEndpoints[Path]["result"]> {
  const progress = createProgressView(context);
  const id = crypto.randomUUID();
  let told: Promise<void> = Promise.resolve();
  using interruption = catchInterrupt(() => {
    told = progress.say("wt: interrupted, undoing what was begun (Ctrl-C again leaves that to the daemon).");
  });
  try {
    const result = await context.client.operate(call.path, call.request, { onEvent: progress.onEvent, abort: interruption.signal, id });
    await progress.end("done");
    return result;
  } catch (error) {
    const interrupted = interruption.signal.aborted;
    await told;
    const quoted = quotesOutput(error);
    await progress.end(interrupted ? "done" : quoted ? "failed_quoted" : "failed");
    if (!interrupted) throw quoted && progress.showsAllOutput ? withoutOutput(error) : error;
    const outcome = await outcomeOf(context, id);
    if (outcome === null) throw stillUndoing(error);
    throw outcome === "done" ? tooLate(error) : cancelled(error);
  }
}

/** A command's output comes twice: while it runs, and its ends in the error. */
function quotesOutput(error: unknown): error is WtError {
  return error instanceof WtError && /^(setup|hook)_failed$/.test(error.code);
}

function withoutOutput(error: WtError): WtError {
  return new WtError({ ...error.toWire(), hints: error.hints.filter((hint) => !hint.startsWith("  ")), cause: error });
}

/** What became of it: the daemon takes back what it can when the connection closes. null: that takes longer than anybody waits. */
async function outcomeOf(context: Context, id: string): Promise<"done" | "undone" | null> {
  const deadline = performance.now() + rollbackDeadlineMs;
  while (performance.now() < deadline) {
    try {
      const { outcome } = await context.client.call("/v1/operations/outcome", { id });
      if (outcome !== "running") return outcome === "done" ? "done" : "undone";
    } catch (error) {
      if (!(error instanceof WtError)) throw error;
      return error.code === "daemon_lost" ? null : "undone";
    }
    await Bun.sleep(20);
  }
  return null;
}

function tooLate(cause: unknown): WtError {
  return new WtError({ kind: "cancelled", code: "interrupted", message: "Interrupted too late: it was done.", cause });
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
