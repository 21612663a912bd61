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
const data = "Databases and other resources";
const system = "The system";
const shell = "Shell";
const agent = "Coding agents";

export const commandTable: readonly CommandEntry[] = [
  { name: "init", aliases: [], group: start, load: async () => (await import("./commands/init.ts")).init },
  { name: "create", aliases: [], group: start, load: async () => (await import("./commands/create.ts")).create },
  { name: "pr", aliases: [], group: start, load: async () => (await import("./commands/pr.ts")).pr },
  { name: "trust", aliases: [], group: start, load: async () => (await import("./commands/trust.ts")).trust },
  { name: "list", aliases: ["ls"], group: look, load: async () => (await import("./commands/list.ts")).list },
  { name: "agents", aliases: [], group: look, load: async () => (await import("./commands/agents.ts")).agents },
  { name: "status", aliases: [], group: look, load: async () => (await import("./commands/status.ts")).status },
  { name: "here", aliases: [], group: look, load: async () => (await import("./commands/here.ts")).here },
  { name: "logs", aliases: [], group: look, load: async () => (await import("./commands/logs.ts")).logs },
  { name: "explain", aliases: [], group: look, load: async () => (await import("./commands/explain.ts")).explain },
  { name: "open", aliases: [], group: look, load: async () => (await import("./commands/open.ts")).open },
  { name: "up", aliases: [], group: steer, load: async () => (await import("./commands/up.ts")).up },
  { name: "down", aliases: [], group: steer, load: async () => (await import("./commands/down.ts")).down },
  { name: "restart", aliases: [], group: steer, load: async () => (await import("./commands/restart.ts")).restart },
  { name: "delete", aliases: ["rm"], group: steer, load: async () => (await import("./commands/delete.ts")).deleteCommand },
  { name: "pool set", aliases: [], group: steer, load: async () => (await import("./commands/pool-set.ts")).poolSet },
  { name: "pool clear", aliases: [], group: steer, load: async () => (await import("./commands/pool-clear.ts")).poolClear },
  { name: "pool refill", aliases: [], group: steer, load: async () => (await import("./commands/pool-refill.ts")).poolRefill },
  { name: "pool", aliases: [], group: steer, load: async () => (await import("./commands/pool.ts")).pool },
  { name: "gc", aliases: [], group: steer, load: async () => (await import("./commands/gc.ts")).gc },
  { name: "clean", aliases: [], group: steer, load: async () => (await import("./commands/clean.ts")).clean },
  { name: "pin", aliases: [], group: steer, load: async () => (await import("./commands/pin.ts")).pin },
  { name: "unpin", aliases: [], group: steer, load: async () => (await import("./commands/unpin.ts")).unpin },
  { name: "undelete", aliases: [], group: steer, load: async () => (await import("./commands/undelete.ts")).undelete },
  { name: "checkpoint diff", aliases: [], group: steer, load: async () => (await import("./commands/checkpoint-diff.ts")).checkpointDiff },
  { name: "checkpoint", aliases: [], group: steer, load: async () => (await import("./commands/checkpoint.ts")).checkpoint },
  { name: "checkpoints", aliases: [], group: steer, load: async () => (await import("./commands/checkpoints.ts")).checkpoints },
  { name: "restore", aliases: [], group: steer, load: async () => (await import("./commands/restore.ts")).restore },
  { name: "shared up", aliases: [], group: steer, load: async () => (await import("./commands/shared-up.ts")).sharedUp },
  { name: "shared down", aliases: [], group: steer, load: async () => (await import("./commands/shared-down.ts")).sharedDown },
  { name: "shared", aliases: [], group: steer, load: async () => (await import("./commands/shared.ts")).shared },
  { name: "switch", aliases: [], group: use, load: async () => (await import("./commands/switch.ts")).switchCommand },
  { name: "go", aliases: [], group: use, load: async () => (await import("./commands/go.ts")).go },
  { name: "run", aliases: [], group: use, load: async () => (await import("./commands/run.ts")).run },
  { name: "compose", aliases: [], group: use, load: async () => (await import("./commands/compose.ts")).compose },
  { name: "env", aliases: [], group: use, load: async () => (await import("./commands/env.ts")).env },
  { name: "db list", aliases: [], group: data, load: async () => (await import("./commands/db-list.ts")).dbList },
  { name: "db url", aliases: [], group: data, load: async () => (await import("./commands/db-url.ts")).dbUrl },
  { name: "db psql", aliases: ["db shell"], group: data, load: async () => (await import("./commands/db-psql.ts")).dbPsql },
  { name: "db usage", aliases: [], group: data, load: async () => (await import("./commands/db-usage.ts")).dbUsage },
  { name: "db branch", aliases: [], group: data, load: async () => (await import("./commands/db-branch.ts")).dbBranch },
  { name: "db reset", aliases: [], group: data, load: async () => (await import("./commands/db-reset.ts")).dbReset },
  { name: "db remove", aliases: [], group: data, load: async () => (await import("./commands/db-remove.ts")).dbRemove },
  { name: "db start", aliases: [], group: data, load: async () => (await import("./commands/db-start.ts")).dbStart },
  { name: "db stop", aliases: [], group: data, load: async () => (await import("./commands/db-stop.ts")).dbStop },
  { name: "db diff", aliases: [], group: data, load: async () => (await import("./commands/db-diff.ts")).dbDiff },
  { name: "db dump", aliases: [], group: data, load: async () => (await import("./commands/db-dump.ts")).dbDump },
  { name: "db checkpoint", aliases: [], group: data, load: async () => (await import("./commands/db-checkpoint.ts")).dbCheckpoint },
  { name: "db checkpoints", aliases: [], group: data, load: async () => (await import("./commands/db-checkpoints.ts")).dbCheckpoints },
  { name: "db restore", aliases: [], group: data, load: async () => (await import("./commands/db-restore.ts")).dbRestore },
  {
    name: "db template list",
    aliases: [],
    group: data,
    load: async () => (await import("./commands/db-template-list.ts")).dbTemplateList,
  },
  {
    name: "db template build",
    aliases: [],
    group: data,
    load: async () => (await import("./commands/db-template-build.ts")).dbTemplateBuild,
  },
  {
    name: "db template refresh",
    aliases: [],
    group: data,
    load: async () => (await import("./commands/db-template-refresh.ts")).dbTemplateRefresh,
  },
  {
    name: "db template remove",
    aliases: [],
    group: data,
    load: async () => (await import("./commands/db-template-remove.ts")).dbTemplateRemove,
  },
  { name: "db gc", aliases: [], group: data, load: async () => (await import("./commands/db-gc.ts")).dbGc },
  {
    name: "db storage create",
    aliases: [],
    group: data,
    load: async () => (await import("./commands/db-storage-create.ts")).dbStorageCreate,
  },
  {
    name: "db storage show",
    aliases: [],
    group: data,
    load: async () => (await import("./commands/db-storage-show.ts")).dbStorageShow,
  },
  {
    name: "db storage mount",
    aliases: [],
    group: data,
    load: async () => (await import("./commands/db-storage-mount.ts")).dbStorageMount,
  },
  {
    name: "db storage remove",
    aliases: [],
    group: data,
    load: async () => (await import("./commands/db-storage-remove.ts")).dbStorageRemove,
  },
  { name: "doctor", aliases: [], group: system, load: async () => (await import("./commands/doctor.ts")).doctor },
  { name: "daemon status", aliases: [], group: system, load: async () => (await import("./commands/daemon-status.ts")).daemonStatus },
  { name: "daemon stop", aliases: [], group: system, load: async () => (await import("./commands/daemon-stop.ts")).daemonStop },
  { name: "daemon run", aliases: [], group: system, load: async () => (await import("./commands/daemon-run.ts")).daemonRun },
  { name: "daemon install", aliases: [], group: system, load: async () => (await import("./commands/daemon-install.ts")).daemonInstall },
  {
    name: "daemon uninstall",
    aliases: [],
    group: system,
    load: async () => (await import("./commands/daemon-uninstall.ts")).daemonUninstall,
  },
  { name: "gateway status", aliases: [], group: system, load: async () => (await import("./commands/gateway-status.ts")).gatewayStatus },
  { name: "shell-init", aliases: [], group: shell, load: async () => (await import("./commands/shell-init.ts")).shellInit },
  { name: "prompt", aliases: [], group: shell, load: async () => (await import("./commands/prompt.ts")).prompt },
  { name: "completion", aliases: [], group: shell, load: async () => (await import("./commands/completion.ts")).completion },
  { name: "help", aliases: [], group: shell, load: async () => (await import("./commands/help.ts")).help },
  { name: "version", aliases: [], group: shell, load: async () => (await import("./commands/version.ts")).versionCommand },
  { name: "agent install", aliases: [], group: agent, load: async () => (await import("./commands/agent-install.ts")).agentInstall },
  { name: "agent uninstall", aliases: [], group: agent, load: async () => (await import("./commands/agent-uninstall.ts")).agentUninstall },
  { name: "agent event", aliases: [], group: agent, load: async () => (await import("./commands/agent-event.ts")).agentEvent },
  {
    name: "agent worktree-create",
    aliases: [],
    group: agent,
    load: async () => (await import("./commands/agent-worktree-create.ts")).agentWorktreeCreate,
  },
  {
    name: "agent worktree-remove",
    aliases: [],
    group: agent,
    load: async () => (await import("./commands/agent-worktree-remove.ts")).agentWorktreeRemove,
  },
  { name: "agent run", aliases: [], group: "", load: async () => (await import("./commands/agent-run.ts")).agentRun },
  { name: "__complete", aliases: [], group: "", load: async () => (await import("./commands/complete.ts")).complete },
];

export interface FoundCommand {
  entry: CommandEntry;
  /** How many words of the command line named it. */
  words: number;
}

/** The entry that the first words name, by name or alias. */
export function findCommand(words: readonly string[]): FoundCommand | null {
  for (const candidate of commandTable) {
    for (const name of [candidate.name, ...candidate.aliases]) {
      const count = name.split(" ").length;
      if (name === words.slice(0, count).join(" ")) return { entry: candidate, words: count };
    }
  }
  return null;
}

/** Commands that begin with a noun of one word or two: `daemon` → its five. Empty for what is no noun. */
export function commandsOfNoun(noun: string): CommandEntry[] {
  return commandTable.filter((candidate) => candidate.name.startsWith(`${noun} `));
}
