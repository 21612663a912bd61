import type { DoctorFinding } from "../../api/operations.ts";
import { WtError } from "../../errors/wt-error.ts";
import { type Context, callerEnvironment, defineCommand } from "../command.ts";
import { findingLines } from "../render/doctor-text.ts";
import { symbolsFor } from "../symbols.ts";

export const doctor = defineCommand({
  name: "doctor",
  summary: "Check this machine and what the daemon finds, with the command that mends each problem",
  details: ["Exit code 0 when there is no error; warnings alone are no error."],
  arguments: [],
  options: {},
  examples: [{ command: "wt doctor", summary: "when something does not work" }],
  async handler(_invocation, context) {
    const { observeMachine } = await import("../doctor/observe-machine.ts");
    const [own, daemon] = await Promise.all([observeMachine(callerEnvironment(context.env)), daemonFindings(context)]);
    const findings = [...own, ...daemon];
    const { terminal } = context;
    if (context.json) await terminal.out(`${JSON.stringify({ schema: 1, findings })}\n`);
    else await terminal.out(`${findingLines(findings, terminal.paint, symbolsFor(terminal.unicode)).join("\n")}\n`);
    return findings.some(({ level }) => level === "error") ? 7 : 0;
  },
});

/** A daemon that does not start is itself the most important finding. */
async function daemonFindings(context: Context): Promise<DoctorFinding[]> {
  try {
    const report = await context.client.call("/v1/doctor", { cwd: context.cwd });
    return report.findings;
  } catch (error) {
    if (!(error instanceof WtError)) throw error;
    return [{ code: error.code, level: "error", message: error.message, fix: error.hints[0] ?? null }];
  }
}
