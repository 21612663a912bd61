// Every command, in the order of `wt --help`. Only the file of the command that runs is loaded.
import type { Command } from "./command.ts";

export interface CommandEntry {
  name: string;
  aliases: string[];
  group: string;
  load(): Promise<Command>;
}

const start = "Start";
const look = "Look";
const steer = "Steer";
const use = "Use";
const system = "The system";
const shell = "Shell";

export const commandTable: readonly CommandEntry[] = [
  entry("init", start, async () => (await import("./commands/init.ts")).init),
  entry("create", start, async () => (await import("./commands/create.ts")).create),
  entry("trust", start, async () => (await import("./commands/trust.ts")).trust),
  entry("list", look, async () => (await import("./commands/list.ts")).list, ["ls"]),
  entry("status", look, async () => (await import("./commands/status.ts")).status),
  entry("here", look, async () => (await import("./commands/here.ts")).here),
  entry("logs", look, async () => (await import("./commands/logs.ts")).logs),
  entry("open", look, async () => (await import("./commands/open.ts")).open),
  entry("up", steer, async () => (await import("./commands/up.ts")).up),
  entry("down", steer, async () => (await import("./commands/down.ts")).down),
  entry("restart", steer, async () => (await import("./commands/restart.ts")).restart),
  entry("delete", steer, async () => (await import("./commands/delete.ts")).deleteCommand, ["rm"]),
  entry("switch", use, async () => (await import("./commands/switch.ts")).switchCommand),
  entry("run", use, async () => (await import("./commands/run.ts")).run),
  entry("env", use, async () => (await import("./commands/env.ts")).env),
  entry("doctor", system, async () => (await import("./commands/doctor.ts")).doctor),
  entry("daemon status", system, async () => (await import("./commands/daemon-status.ts")).daemonStatus),
  entry("daemon stop", system, async () => (await import("./commands/daemon-stop.ts")).daemonStop),
  entry("daemon run", system, async () => (await import("./commands/daemon-run.ts")).daemonRun),
  entry("daemon install", system, async () => (await import("./commands/daemon-install.ts")).daemonInstall),
  entry("daemon uninstall", system, async () => (await import("./commands/daemon-uninstall.ts")).daemonUninstall),
  entry("gateway status", system, async () => (await import("./commands/gateway-status.ts")).gatewayStatus),
  entry("shell-init", shell, async () => (await import("./commands/shell-init.ts")).shellInit),
  entry("completion", shell, async () => (await import("./commands/completion.ts")).completion),
  entry("help", shell, async () => (await import("./commands/help.ts")).help),
  entry("version", shell, async () => (await import("./commands/version.ts")).versionCommand),
  entry("__complete", "", async () => (await import("./commands/complete.ts")).complete),
];

export interface FoundCommand {
  entry: CommandEntry;
  /** How many words of the command line named it. */
  words: number;
}

/** The entry that the first words name, by name or alias. */
export function findCommand(words: readonly string[]): FoundCommand | null {
  const [first = "", second = ""] = words;
  for (const candidate of commandTable) {
    if (candidate.name === first || candidate.aliases.includes(first)) return { entry: candidate, words: 1 };
    if (candidate.name === `${first} ${second}`) return { entry: candidate, words: 2 };
  }
  return null;
}

/** Commands that begin with a noun: `daemon` → its five. Empty for what is no noun. */
export function commandsOfNoun(noun: string): CommandEntry[] {
  return commandTable.filter((candidate) => candidate.name.startsWith(`${noun} `));
}

function entry(name: string, group: string, load: () => Promise<Command>, aliases: string[] = []): CommandEntry {
  return { name, aliases, group, load };
}
