import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import type { World } from "./world.ts";

export interface RunningCommand {
  environmentId: string;
  /** The key in wt.yaml: `hooks.before_up`, `setup[0]`. */
  place: string;
  /** An operation holds the environment while it runs. */
  holds: boolean;
  /** Token of the command that asked for the operation it belongs to. */
  within: string | null;
}

/** Commands of repositories that run now, so that a `wt` that one of them calls is known as theirs. In memory: without the daemon nothing waits for them. */
export class RunningCommands {
  readonly #commands = new Map<string, RunningCommand>();

  /** A token for the command's environment (`callerVariable`), and the end of it. */
  begin(command: RunningCommand): { token: string; end: () => void } {
    const token = crypto.randomUUID();
    this.#commands.set(token, command);
    return { token, end: () => void this.#commands.delete(token) };
  }

  /** The command with this token and those that it was called within; none for a token of a command that has ended. */
  chain(token: string | null | undefined): RunningCommand[] {
    const found: RunningCommand[] = [];
    for (let next = token ?? null; next !== null; ) {
      const command = this.#commands.get(next);
      if (!command) break;
      found.push(command);
      next = command.within;
    }
    return found;
  }
}

/** The variable that tells a `wt` within which command it was called. */
export const callerVariable = "WT_WITHIN";

/** A hook that waits for an operation which waits for the hook would wait for ever. */
export function refuseWithin(world: World, environment: Pick<EnvironmentRecord, "id" | "slug">, within: string | undefined): void {
  const holder = world.running.chain(within).find((one) => one.holds && one.environmentId === environment.id);
  if (!holder) return;
  throw new WtError({
    kind: "refused",
    code: "within_own_command",
    message: `This runs within ${holder.place} of ${environment.slug}, which holds ${environment.slug} until it has ended, so it would wait for itself.`,
    hints: ["Let it run after that, such as in hooks.after_up or hooks.after_create."],
    details: { environment: environment.slug, place: holder.place },
  });
}
