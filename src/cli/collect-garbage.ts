// What `wt gc` and `wt clean` have in common: look first, say what would go, ask, then remove what was agreed to and nothing else.
import type { GcReport, GcRequest } from "../api/gc.ts";
import { WtError } from "../errors/wt-error.ts";
import type { Context } from "./command.ts";
import { canAsk, confirm } from "./confirm.ts";
import { environmentCount, gcLines } from "./render/gc-text.ts";
import { runOperation } from "./run-operation.ts";

export interface Collection {
  command: string;
  request: Omit<GcRequest, "cwd" | "dryRun" | "environments">;
  dryRun: boolean;
  yes: boolean;
  verbose: boolean;
}

/** Gives the exit code. */
export async function collectGarbage(context: Context, { command, request, dryRun, yes, verbose }: Collection): Promise<number> {
  const run = (more: Pick<GcRequest, "dryRun" | "environments">): Promise<GcReport> =>
    runOperation(context, { path: "/v1/gc", request: { ...request, cwd: context.cwd, ...more } }, { target: { cwd: context.cwd } });
  const print = async (report: GcReport) => {
    if (context.json) await context.terminal.out(`${JSON.stringify(report)}\n`);
    else await context.terminal.out(`${gcLines(report, { paint: context.terminal.paint, verbose }).join("\n")}\n`);
  };
  const planned = await run({ dryRun: true, environments: null });
  if (dryRun) {
    await print(planned);
    return 0;
  }
  const names = planned.items.filter(({ kind, outcome }) => kind === "environment" && outcome === "removed").map(({ name }) => name);
  if (names.length > 0 && !yes) {
    if (!canAsk(context)) throw consentMissing(command, names);
    await context.terminal.err(`${gcLines(planned, { paint: context.terminal.paint, verbose }).join("\n")}\n`);
    if (!(await confirm(context, `Delete ${environmentCount(names.length)}?`))) return 130;
  }
  const report = await run({ dryRun: false, environments: names });
  await print(report);
  return report.items.some(({ outcome }) => outcome === "failed") ? 7 : 0;
}

function consentMissing(command: string, names: readonly string[]): WtError {
  return new WtError({
    kind: "usage",
    code: "consent_missing",
    message: `${command} would delete ${names.join(", ")}, and nobody can be asked here.`,
    hints: [`Look first: ${command} --dry-run`, `Say that it is meant: ${command} --yes`],
    details: { environments: [...names] },
  });
}
