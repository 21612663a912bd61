import { defineCommand } from "../command.ts";
import { shellInitScript } from "../completion/shell-init-script.ts";
import { type Shell, shells } from "../completion/shells.ts";

export const shellInit = defineCommand({
  name: "shell-init",
  summary: "Shell code that lets wt change the directory, with completion",
  details: ["For the start file of the shell. With --aliases also: wl (list), wstart (up), wstop (down), wr (restart), wclean (delete)."],
  arguments: [{ name: "shell", summary: shells.join(", "), required: true, choices: shells }],
  options: { aliases: { type: "boolean", summary: "Also the short names wl, wstart, wstop, wr, wclean" } },
  examples: [
    { command: 'eval "$(wt shell-init bash)"', summary: "in ~/.bashrc (zsh: the same with zsh, in ~/.zshrc)" },
    { command: "wt shell-init fish | source", summary: "in ~/.config/fish/config.fish" },
  ],
  async handler({ options, arguments: [shell] }, context) {
    await context.terminal.out(shellInitScript(shell as Shell, { aliases: options.aliases }));
    return 0;
  },
});
