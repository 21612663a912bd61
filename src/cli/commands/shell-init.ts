import { WtError } from "../../errors/wt-error.ts";
import { type Context, defineCommand } from "../command.ts";
import { shellInitScript } from "../completion/shell-init-script.ts";
import { type Shell, shells } from "../completion/shells.ts";

export const shellInit = defineCommand({
  name: "shell-init",
  summary: "Shell code that lets wt change the directory, with completion",
  details: [
    "For the start file of the shell. With --aliases also: wl (list), wstart (up), wstop (down), wr (restart), wclean (delete).",
    "--install puts a line into the start file, between two marks, and --uninstall takes it out again; everything else in the file stays as it is.",
  ],
  arguments: [{ name: "shell", summary: shells.join(", "), required: true, choices: shells }],
  options: {
    aliases: { type: "boolean", summary: "Also the short names wl, wstart, wstop, wr, wclean" },
    install: { type: "boolean", summary: "Add it to ~/.bashrc, ~/.zshrc or config.fish" },
    uninstall: { type: "boolean", summary: "Remove it from there" },
  },
  examples: [
    { command: "wt shell-init bash --install --aliases", summary: "once" },
    { command: 'eval "$(wt shell-init bash)"', summary: "by hand, in ~/.bashrc (zsh: the same with zsh, in ~/.zshrc)" },
    { command: "wt shell-init fish | source", summary: "by hand, in ~/.config/fish/config.fish" },
  ],
  async handler({ options, arguments: [name] }, context) {
    const shell = name as Shell;
    if (options.install && options.uninstall) throw conflict();
    if (options.install || options.uninstall) return await changeStartFile(context, shell, options);
    await context.terminal.out(shellInitScript(shell, { aliases: options.aliases }));
    return 0;
  },
});

async function changeStartFile(
  context: Context,
  shell: Shell,
  { aliases, install }: { aliases: boolean; install: boolean },
): Promise<number> {
  const { installStartFile, uninstallStartFile } = await import("../start-file/shell-start-file.ts");
  const { path, changed } = install
    ? await installStartFile(shell, context.env, { aliases })
    : await uninstallStartFile(shell, context.env);
  if (context.json) {
    await context.terminal.out(`${JSON.stringify({ schema: 1, path, changed })}\n`);
    return 0;
  }
  const done = install ? `${path} has it; new shells of ${shell} know it.` : `${path} does not have it any more.`;
  const unchanged = install ? `${path} has it already.` : `${path} does not have it.`;
  await context.terminal.out(`${changed ? done : unchanged}\n`);
  return 0;
}

function conflict(): WtError {
  return new WtError({
    kind: "usage",
    code: "options_conflict",
    message: "--install and --uninstall are two wishes.",
    hints: ["See: wt shell-init --help"],
  });
}
