import { WtError } from "../../errors/wt-error.ts";
import { defineCommand } from "../command.ts";

export const daemonRun = defineCommand({
  name: "daemon run",
  summary: "Run the daemon in the foreground (commands start it by themselves)",
  details: ["For service managers and for looking at it closely. A second daemon of the same user ends at once with code 0."],
  arguments: [],
  options: {},
  examples: [{ command: "wt daemon run", summary: "its log goes to stderr" }],
  async handler() {
    // main.ts takes `wt daemon run` before this module is reached; here only other spellings arrive.
    throw new WtError({
      kind: "usage",
      code: "daemon_run_takes_no_options",
      message: "The words `daemon run` come first and take no other options.",
      hints: ["Run: wt daemon run"],
    });
  },
});
