import { WtError } from "../../errors/wt-error.ts";
import { defineCommand } from "../command.ts";
import { type Shell, shells } from "../completion/shells.ts";
import { printPrompt } from "../prompt/print-prompt.ts";

export const prompt = defineCommand({
  name: "prompt",
  summary: "The environment of this directory in a few characters, for a shell's prompt or a status line",
  details: [
    "Name, state (● healthy, ◐ on its way, ▲ needs you, ○ stopped) and what its agent does. Nothing outside of an environment; the exit code is always 0.",
    "It reads what the daemon last wrote down, and neither asks nor starts it.",
    "With --statusline it reads Claude Code's JSON on standard input, and leaves out the least important where the line is too long for COLUMNS.",
  ],
  arguments: [],
  options: {
    shell: { type: "string", placeholder: shells.join("|"), summary: "Colours, marked as this shell's prompt needs them" },
    statusline: { type: "boolean", summary: "A line for Claude Code" },
  },
  examples: [
    { command: `PS1='$(wt prompt --shell bash) \\w \\$ '`, summary: "in ~/.bashrc" },
    { command: 'echo \'{"model":{"display_name":"Opus"}}\' | wt prompt --statusline', summary: "what Claude Code would show" },
  ],
  async handler({ options }, { env, cwd, json }) {
    await printPrompt({ shell: shellNamed(options.shell), statusline: options.statusline, json }, { env, cwd });
    return 0;
  },
});

function shellNamed(name: string | undefined): Shell | null {
  if (name === undefined) return null;
  const found = shells.find((shell) => shell === name);
  if (found) return found;
  throw new WtError({
    kind: "usage",
    code: "shell_unknown",
    message: `The option --shell is one of ${shells.join(", ")}, not "${name}".`,
    hints: ["See: wt prompt --help"],
  });
}
