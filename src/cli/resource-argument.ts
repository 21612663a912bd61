// What the commands about resources have in common.
import type { ResourceDocument } from "../api/resources.ts";
import { WtError } from "../errors/wt-error.ts";
import type { ArgumentSpec, Context, FlagSpec } from "./command.ts";
import { canAsk, confirm } from "./confirm.ts";

export const resourceArgument = {
  name: "resource",
  summary: "Its name under resources: in wt.yaml; default: the only one, or the only database",
  complete: "resource",
} as const satisfies ArgumentSpec;

export const yesOption = { type: "boolean", short: "y", summary: "Do not ask" } as const satisfies FlagSpec;

export const restartOption = {
  type: "boolean",
  summary: "Stop the running services before and start them again after; without it they run on",
} as const satisfies FlagSpec;

/** True when the user agrees that content is thrown away; without a terminal only `--yes` says so. */
export async function agreed(context: Context, asked: { yes: boolean; question: string; command: string }): Promise<boolean> {
  if (asked.yes) return true;
  if (canAsk(context)) return await confirm(context, asked.question);
  throw new WtError({
    kind: "usage",
    code: "consent_missing",
    message: `${asked.command} throws content away, and nobody can be asked here.`,
    hints: [`Say that it is meant: ${asked.command} --yes`],
  });
}

/** Services that held what is gone now have to be told to the person. */
export function runningLines({ runningServices }: Pick<ResourceDocument, "runningServices">): string[] {
  if (runningServices.length === 0) return [];
  const verb = runningServices.length === 1 ? "was" : "were";
  return [`${runningServices.join(", ")} ${verb} not restarted and may hold old data or connections: wt restart`];
}
