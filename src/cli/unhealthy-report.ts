import type { ServiceView, Target } from "../api/environment.ts";
import type { LogLine } from "../api/operations.ts";
import { WtError } from "../errors/wt-error.ts";
import type { Context } from "./command.ts";
import { statePaint } from "./render/state-paint.ts";
import { symbolsFor } from "./symbols.ts";

const shownLines = 10;

/** For each service that is not ready: why, and the last lines it wrote. On stderr, above the error; nothing with `--json`. */
export async function reportUnhealthy(context: Context, target: Target): Promise<void> {
  if (context.json) return;
  try {
    const { environment } = await context.client.call("/v1/environments/status", { target });
    const failing = environment.services.filter(({ state }) => state !== "Running" && state !== "Completed" && state !== "Waiting");
    for (const service of failing) await context.terminal.err(`${(await serviceLines(context, target, service)).join("\n")}\n`);
  } catch (error) {
    // The error that led here is what counts; without a daemon there is nothing to add to it.
    if (!(error instanceof WtError)) throw error;
  }
}

async function serviceLines(context: Context, target: Target, service: ServiceView): Promise<string[]> {
  const paint = context.terminal.errPaint;
  const bar = paint.dim(symbolsFor(context.terminal.unicode).bar);
  const lines: LogLine[] = [];
  const request = { target, services: [service.name], follow: false, tail: shownLines, sinceMs: null };
  for await (const line of context.client.stream("/v1/logs", request)) lines.push(line);
  const reason = service.reason ? `: ${service.reason}` : "";
  return [
    `${paint.bold(service.name)} ${statePaint(service.state, paint)(service.state)}${reason}`,
    ...lines.map(({ line }) => `  ${bar} ${Bun.stripANSI(line)}`),
  ];
}
