import { version } from "../../../package.json";
import type { DoctorFinding } from "../../api/operations.ts";
import { WtError } from "../../errors/wt-error.ts";
import { type Context, callerEnvironment, defineCommand } from "../command.ts";
import { daemonFinding } from "../doctor/daemon-check.ts";
import { findingLines } from "../render/doctor-text.ts";
import { isolationLines } from "../render/isolation-text.ts";
import { symbolsFor } from "../symbols.ts";

export const doctor = defineCommand({
  name: "doctor",
  summary: "Check this machine and what the daemon finds, with the command that mends each problem",
  details: [
    "It compares what wt has noted with the machine, both ways. --fix mends what can be mended without losing anything: it gives back what environments had whose worktree was removed, ends stray processes, drops rows that stand for nothing and empty directories, and brings operations to their end. It says what it did.",
    "--isolation does something else: from each environment that runs it tries to reach each other one by name, network, port, gateway, cookie and database. It changes nothing, and fails when it gets anywhere.",
    "Exit code 0 when no error is left, else 7; warnings alone are no error.",
  ],
  arguments: [],
  options: {
    fix: { type: "boolean", summary: "Mend what is safe to mend" },
    isolation: { type: "boolean", summary: "Try to get from each running environment of this project to each other one" },
    full: { type: "boolean", summary: "Also try names in a browser and in a container, which takes some seconds" },
  },
  examples: [
    { command: "wt doctor", summary: "when something does not work" },
    { command: "wt doctor --isolation", summary: "with two environments up" },
    { command: "wt doctor --fix", summary: "after somebody removed worktrees by hand" },
  ],
  async handler({ options: { fix, full, isolation } }, context) {
    if (isolation) return doctorIsolation(context, { others: fix || full });
    const { observeMachine } = await import("../doctor/observe-machine.ts");
    const [own, daemon] = await Promise.all([observeMachine(callerEnvironment(context.env), { full }), daemonFindings(context, fix)]);
    const findings = [...own, ...daemon];
    const { terminal } = context;
    if (context.json) await terminal.out(`${JSON.stringify({ schema: 1, findings })}\n`);
    else await terminal.out(`${findingLines(findings, terminal.paint, symbolsFor(terminal.unicode)).join("\n")}\n`);
    return findings.some(({ level, fixed }) => level === "error" && fixed === undefined) ? 7 : 0;
  },
});

async function doctorIsolation(context: Context, { others }: { others: boolean }): Promise<number> {
  if (others)
    throw new WtError({
      kind: "usage",
      code: "option_conflict",
      message: "--isolation goes with neither --fix nor --full: it tries, and changes nothing.",
      hints: ["wt doctor --isolation"],
    });
  const report = await context.client.call("/v1/doctor/isolation", { cwd: context.cwd });
  const { terminal } = context;
  if (context.json) await terminal.out(`${JSON.stringify(report)}\n`);
  else await terminal.out(`${isolationLines(report, { paint: terminal.paint, symbols: symbolsFor(terminal.unicode) }).join("\n")}\n`);
  return report.findings.some(({ level }) => level === "error") ? 7 : 0;
}

/** A daemon that does not start is itself the most important finding. */
async function daemonFindings(context: Context, fix: boolean): Promise<DoctorFinding[]> {
  try {
    const [view, report] = await Promise.all([
      context.client.call("/v1/daemon", {}),
      context.client.call("/v1/doctor", { cwd: context.cwd, fix }),
    ]);
    return [daemonFinding(view, version), ...report.findings];
  } catch (error) {
    if (!(error instanceof WtError)) throw error;
    return [{ code: error.code, level: "error", message: error.message, fix: error.hints[0] ?? null }];
  }
}
