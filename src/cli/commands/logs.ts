import type { LogsRequest } from "../../api/operations.ts";
import { WtError } from "../../errors/wt-error.ts";
import { defineCommand, environmentOption, targetOf } from "../command.ts";
import { catchInterrupt } from "../interrupt.ts";
import { parseSince } from "../parse-since.ts";
import { createLogFormatter } from "../render/logs-text.ts";

const defaultTail = 200;

export const logs = defineCommand({
  name: "logs",
  summary: "Output of the services, merged by time",
  arguments: [{ name: "service", summary: "Only these services; default: all", variadic: true, complete: "service" }],
  options: {
    follow: { type: "boolean", short: "f", summary: "Stay and show new lines until Ctrl-C" },
    lines: { type: "string", short: "n", placeholder: "count", summary: `The last <count> lines, or "all"; default: ${defaultTail}` },
    since: { type: "string", placeholder: "time", summary: "Not older than 10m, 2h, 1d or a time such as 2026-03-01T12:00:00Z" },
    setup: { type: "boolean", summary: "What setup commands, migrations and hooks wrote when they last ran" },
    environment: environmentOption,
  },
  examples: [
    { command: "wt logs backend -f", summary: "follow one service" },
    { command: "wt logs --setup", summary: "why the last `npm ci` failed" },
    { command: "wt logs --since 10m --json", summary: "the last ten minutes, a JSON object a line" },
  ],
  async handler({ options, arguments: services }, context) {
    const { terminal } = context;
    const request: LogsRequest = {
      target: targetOf(context, options.environment),
      services,
      ...(options.setup ? { setup: true } : {}),
      follow: options.follow,
      tail: parseTail(options.lines, options.since !== undefined),
      sinceMs: options.since === undefined ? null : parseSince(options.since, Date.now()),
    };
    using interruption = catchInterrupt();
    const format = createLogFormatter({ paint: terminal.paint, nowMs: Date.now(), colour: terminal.paint.bold("x") !== "x" });
    for await (const line of context.client.stream("/v1/logs", request, interruption.signal)) {
      await terminal.out(context.json ? `${JSON.stringify(line)}\n` : format(line));
    }
    return interruption.signal.aborted ? 130 : 0;
  },
});

/** With `--since` everything since then is meant, unless a count was given too. */
function parseTail(written: string | undefined, hasSince: boolean): number | null {
  if (written === undefined) return hasSince ? null : defaultTail;
  if (written === "all") return null;
  if (/^\d{1,9}$/.test(written)) return Number(written);
  throw new WtError({
    kind: "usage",
    code: "option_not_a_number",
    message: `The option -n needs a count of lines or "all", not "${written}".`,
    hints: ["See: wt logs --help"],
  });
}
