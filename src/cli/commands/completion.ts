import { defineCommand } from "../command.ts";
import { completionScript } from "../completion/completion-script.ts";
import { type Shell, shells } from "../completion/shells.ts";

export const completion = defineCommand({
  name: "completion",
  summary: "Completion for a shell (wt shell-init contains it already)",
  arguments: [{ name: "shell", summary: shells.join(", "), required: true, choices: shells }],
  options: {},
  examples: [
    { command: "wt completion bash > ~/.local/share/bash-completion/completions/wt", summary: "installed for bash" },
    { command: "wt completion fish > ~/.config/fish/completions/wt.fish", summary: "installed for fish" },
  ],
  async handler({ arguments: [shell] }, context) {
    await context.terminal.out(completionScript(shell as Shell));
    return 0;
  },
});
