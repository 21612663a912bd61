// The way out where something of an environment cannot be removed, and never will be: a database whose server is gone, containers of an engine
// that is not installed any more. With that consent it is left where it is, named, and the rest goes.
import { WtError } from "../errors/wt-error.ts";

export interface Abandoning {
  consent: boolean;
  /** The command that gives the consent, such as `wt delete spike --abandon`. */
  command: string;
  /** Is told what was left, and why it could not be removed. */
  left: (what: string, reason: string) => void;
}

/** The engine does not answer, or a driver cannot tell what became of what it started. */
function isUnseen({ code }: WtError): boolean {
  return code === "services_unseen" || code.startsWith("engine_");
}

/** The same for ending what runs: only what nobody can see may be abandoned. */
export async function endOrAbandon(what: string, abandoning: Abandoning, end: () => Promise<void>): Promise<void> {
  try {
    await end();
  } catch (error) {
    if (!isUnseen(WtError.from(error))) throw error;
    await removeOrAbandon(what, abandoning, () => Promise.reject(error));
  }
}

/** Does `remove`; where that fails and it may be abandoned, gives undefined. Throws the failure otherwise, with the command that would leave `what`. */
export async function removeOrAbandon<T>(what: string, abandoning: Abandoning, remove: () => Promise<T>): Promise<T | undefined> {
  try {
    return await remove();
  } catch (cause) {
    const failure = WtError.from(cause);
    if (abandoning.consent) {
      abandoning.left(what, failure.message);
      return undefined;
    }
    if (failure.kind === "internal") throw cause;
    throw new WtError({
      ...failure.toWire(),
      hints: [...failure.hints, `Where it will never be possible, leave ${what} there and remove the rest: ${abandoning.command}`],
      cause: failure,
    });
  }
}
