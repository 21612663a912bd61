import { defineCommand } from "../command.ts";
import { completionCandidates } from "../completion/candidates.ts";

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
    const candidates = await completionCandidates(words, context);
    await context.terminal.out(candidates.map(({ value, description }) => `${value}\t${description}\n`).join(""));
    return 0;
  },
});
