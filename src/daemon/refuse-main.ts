import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { stackLeases } from "./stack-leases.ts";
import type { World } from "./world.ts";

/** The main worktree stays, whatever is agreed to. Throws `WtError` (`refused`, `main_environment`) that says what can be done instead. */
export function refuseMain(world: World, environment: EnvironmentRecord): void {
  if (!environment.main) return;
  const hasStack = stackLeases(world, environment.id, null).length > 0;
  throw new WtError({
    kind: "refused",
    code: "main_environment",
    message: `${environment.slug} is the main worktree, which is never deleted.`,
    hints: [
      "Run `wt down main` to stop its services.",
      ...(hasStack ? [`Its containers go with \`wt compose -e ${environment.slug} -- down\`; the next \`wt up\` makes them anew.`] : []),
    ],
  });
}
