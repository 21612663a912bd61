import type { Environment } from "./terminal.ts";

/** The program that opens a URL for the person in front of this machine; null where nobody would see it. */
export function browserCommand(env: Environment, platform: NodeJS.Platform, which: (program: string) => string | null): string | null {
  if (env.BROWSER && !env.BROWSER.includes(":")) return which(env.BROWSER);
  if (platform === "darwin") return env.SSH_CONNECTION ? null : which("open");
  if (env.WSL_DISTRO_NAME) return which("wslview") ?? which("xdg-open");
  if (!env.DISPLAY && !env.WAYLAND_DISPLAY) return null;
  return which("xdg-open");
}

/** Starts the browser and does not wait for it. False where there is none. */
export function openBrowser(url: string, env: Environment): boolean {
  const program = browserCommand(env, process.platform, (name) => Bun.which(name, { PATH: env.PATH ?? "" }));
  if (!program) return false;
  const child = Bun.spawn([program, url], { stdio: ["ignore", "ignore", "ignore"], env, detached: true });
  child.unref();
  return true;
}
