// The few commands that only root may run: run as they are, through sudo where a person can be asked, or printed for somebody who may.
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { type Context, callerEnvironment } from "../command.ts";
import { canAsk } from "../confirm.ts";
import { runForeground } from "../run-foreground.ts";

/** Where mkfs and mount are, which a user's PATH often leaves out. */
export function systemEnvironment(context: Pick<Context, "env">): Record<string, string> {
  return { ...callerEnvironment(context.env), PATH: `${context.env.PATH ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: "C" };
}

/** Throws `WtError`: `needs_root` (nothing was run) or `root_command_failed`. `then` is the command that carries on. */
export async function runAsRoot(context: Context, commands: string[][], then: string): Promise<void> {
  const env = systemEnvironment(context);
  if (process.getuid?.() === 0) {
    for (const command of commands) {
      const result = await exec(command, { cwd: "/", env });
      if (result.code !== 0) throw failed(command, result.stderr.trim() || `it ended with code ${result.code}`);
    }
    return;
  }
  if (!canAsk(context) || !Bun.which("sudo", { PATH: env.PATH ?? "" })) throw needsRoot(commands, then);
  await context.terminal.err(
    `Only root may do this, so sudo may ask for your password:\n${commands.map((one) => `  sudo ${shown(one)}\n`).join("")}`,
  );
  for (const command of commands) {
    const code = await runForeground(["sudo", "--", ...command], { cwd: "/", env, onTerminal: true });
    if (code !== 0) throw failed(command, `it ended with code ${code}`);
  }
}

function needsRoot(commands: string[][], then: string): WtError {
  return new WtError({
    kind: "refused",
    code: "needs_root",
    message: "Only root may do the rest, and there is no terminal to ask in.",
    hints: [...commands.map((one) => `sudo ${shown(one)}`), then],
    details: { commands },
  });
}

function failed(command: string[], why: string): WtError {
  return new WtError({
    kind: "machine",
    code: "root_command_failed",
    message: `${shown(command)} failed: ${why.split("\n").at(-1)?.replace(/\.$/, "")}.`,
    details: { command },
  });
}

/** As a shell reads it. */
function shown(command: string[]): string {
  return command.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}
