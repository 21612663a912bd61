// Hands the daemon over to systemd or launchd. The file is always written; the manager's program is called only where it answers.
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";
import { worldPaths } from "../../os/paths.ts";
import { daemonCommand } from "../daemon-start.ts";
import { launchdLabel, launchdPlist } from "./launchd-plist.ts";
import { systemdUnit } from "./systemd-unit.ts";

export interface ServiceManagerReport {
  manager: "systemd" | "launchd";
  file: string;
  /** Whether the manager took it over (or let go of it) now; false: only the file changed. */
  active: boolean;
  /** What was done, in order. */
  steps: string[];
}

const systemdName = "worldtree.service";

/** Variables that decide where the daemon's world lies, and the PATH to find git with. The rest comes from callers with each request. */
const keptVariables = ["PATH", "HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "WT_GATEWAY_PORT", "LANG"];

export async function installService(env: Record<string, string>, platform: NodeJS.Platform): Promise<ServiceManagerReport> {
  const kept = Object.fromEntries(keptVariables.flatMap((name) => (env[name] ? [[name, env[name]] as const] : [])));
  if (platform === "darwin") {
    const file = launchdFile(env);
    await writeUnit(file, launchdPlist(daemonCommand(), { env: kept, logPath: worldPaths(env).daemonLog }));
    const domain = `gui/${process.getuid?.() ?? 0}`;
    await tryRun(["launchctl", "bootout", `${domain}/${launchdLabel}`], env);
    const active = await tryRun(["launchctl", "bootstrap", domain, file], env);
    return {
      manager: "launchd",
      file,
      active,
      steps: [`Wrote ${file}.`, active ? "launchd runs it from now on." : launchdLater(domain, file)],
    };
  }
  const file = systemdFile(env);
  await writeUnit(file, systemdUnit(daemonCommand(), kept));
  const active = (await systemctl(["daemon-reload"], env)) && (await systemctl(["enable", "--now", systemdName], env));
  const later = `systemd does not answer for this user; once it does, run: systemctl --user enable --now ${systemdName}`;
  return {
    manager: "systemd",
    file,
    active,
    steps: [`Wrote ${file}.`, active ? "systemd runs it from now on, also after a reboot." : later],
  };
}

export async function uninstallService(env: Record<string, string>, platform: NodeJS.Platform): Promise<ServiceManagerReport> {
  const manager = platform === "darwin" ? "launchd" : "systemd";
  const file = platform === "darwin" ? launchdFile(env) : systemdFile(env);
  if (!(await Bun.file(file).exists())) return { manager, file, active: false, steps: [`There is no ${file}; nothing to do.`] };
  const stopped =
    platform === "darwin"
      ? await tryRun(["launchctl", "bootout", `gui/${process.getuid?.() ?? 0}/${launchdLabel}`], env)
      : await systemctl(["disable", "--now", systemdName], env);
  await rm(file, { force: true });
  if (platform !== "darwin") await systemctl(["daemon-reload"], env);
  const steps = [...(stopped ? [`${manager} let go of the daemon; services keep running.`] : []), `Removed ${file}.`];
  return { manager, file, active: stopped, steps };
}

function systemdFile(env: Record<string, string>): string {
  return join(env.XDG_CONFIG_HOME || join(homeOf(env), ".config"), "systemd/user", systemdName);
}

function launchdFile(env: Record<string, string>): string {
  return join(homeOf(env), "Library/LaunchAgents", `${launchdLabel}.plist`);
}

function homeOf(env: Record<string, string>): string {
  if (env.HOME) return env.HOME;
  throw new WtError({
    kind: "machine",
    code: "home_missing",
    message: "The variable HOME is not set.",
    hints: ["Set HOME, then try again."],
  });
}

async function writeUnit(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}`;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new WtError({
      kind: "machine",
      code: "unit_not_written",
      message: `${file} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
      details: { path: file },
      cause,
    });
  }
}

async function systemctl(words: string[], env: Record<string, string>): Promise<boolean> {
  return await tryRun(["systemctl", "--user", ...words], env);
}

/** False when the program is missing or fails: then only the file was changed, and the report says so. */
async function tryRun(command: string[], env: Record<string, string>): Promise<boolean> {
  try {
    const { code } = await exec(command, { cwd: "/", env });
    return code === 0;
  } catch (error) {
    if (error instanceof WtError) return false;
    throw error;
  }
}

function launchdLater(domain: string, file: string): string {
  return `launchd did not take it; log in to the desktop and run: launchctl bootstrap ${domain} ${file}`;
}
