import { WtError } from "../errors/wt-error.ts";

/** `message`: what of ours could not be ended, in sentences. */
export function processRemains(message: string): WtError {
  return new WtError({
    kind: "machine",
    code: "process_remains",
    message,
    hints: ["Run `wt doctor` to see what is left, end it by hand, then try again."],
  });
}
