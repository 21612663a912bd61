// What a test run left on the machine. Everything a test makes lies in, or names, the run's own directory; so does what leaked.
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findContainerLeaks } from "./container-leaks.ts";

interface Leftover {
  pid: number;
  command: string;
}

/** Sentences about what is left: processes, containers and what belongs to them, mounts, files. Ends and removes it, so that the next run starts clean. */
export async function findLeaks(directory: string): Promise<string[]> {
  const processes = await settledProcesses(directory);
  const leaks = processes.map(({ pid, command }) => `The process ${pid} still runs: ${command}`);
  for (const { pid } of processes) endQuietly(pid);
  leaks.push(...(await findContainerLeaks(directory)));
  for (const mount of mountsBelow(directory)) {
    leaks.push(`${mount} is still mounted.`);
    Bun.spawnSync(["umount", "-l", mount]);
  }
  for (const name of existsSync(join(directory, "tmp")) ? readdirSync(join(directory, "tmp")) : []) {
    if (!isForeign(name)) leaks.push(`The temporary file or directory ${name} was not removed.`);
  }
  for (const name of ["state", "config", "run"]) {
    if (readdirSync(join(directory, name)).length > 0) leaks.push(`A test used the default ${name} directory instead of one of its own.`);
  }
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  return leaks;
}

/** What browsers, node and npm leave in the temporary directory; none of it is ours to clean. */
function isForeign(name: string): boolean {
  return /^(\.org\.chromium|\.com\.google|org\.chromium|node-compile-cache|node-jiti|npm-|\.bun|bun-|xfs-)/.test(name);
}

/** Processes of the run, once those that are on their way out are gone. */
async function settledProcesses(directory: string): Promise<Leftover[]> {
  const deadlineMs = Date.now() + 5000;
  for (;;) {
    const found = process.platform === "linux" ? linuxProcesses(directory) : await psProcesses(directory);
    if (found.length === 0 || Date.now() > deadlineMs) return found;
    await Bun.sleep(100);
  }
}

function linuxProcesses(directory: string): Leftover[] {
  const found: Leftover[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const place = join("/proc", name);
      const belongs =
        readFileSync(join(place, "environ"), "utf8").includes(directory) || readlinkSync(join(place, "cwd")).startsWith(directory);
      if (belongs) found.push({ pid, command: readFileSync(join(place, "cmdline"), "utf8").replaceAll("\0", " ").trim() || "(ending)" });
    } catch {
      // Gone meanwhile, or not ours to read.
    }
  }
  return found;
}

async function psProcesses(directory: string): Promise<Leftover[]> {
  const listed = Bun.spawn(["/bin/ps", "-axwwE", "-o", "pid=,command="], { stdout: "pipe", stderr: "ignore" });
  const lines = (await new Response(listed.stdout).text()).split("\n").filter((line) => line.includes(directory));
  return lines
    .map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim().slice(0, 200) }))
    .filter(({ pid }) => pid !== process.pid && pid !== listed.pid);
}

function mountsBelow(directory: string): string[] {
  if (process.platform !== "linux") return [];
  const points = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  return points.filter((point) => point.startsWith(`${directory}/`)).reverse();
}

function endQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone by itself.
  }
}
