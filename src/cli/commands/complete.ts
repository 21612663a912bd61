import { defineCommand } from "../command.ts";
import { printCandidates } from "../completion/print-candidates.ts";

/** Called by the completion scripts at every press of TAB: fast, silent, and never starts a daemon. */
export const complete = defineCommand({
  name: "__complete",
  summary: "Candidates for shell completion",
  arguments: [{ name: "word", summary: "The words of the command line, the last one being completed", variadic: true }],
  options: {},
  examples: [],
  passthrough: true,
  hidden: true,
  async handler({ arguments: words }, context) {
    await printCandidates(words, context);
    return 0;
  },
});
