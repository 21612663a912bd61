// How many containers there are, and what they hold in memory.
import { readFileSync } from "node:fs";

export interface Cost {
  containers: number;
  /** Proportional set size of all their processes: a page that several share counts once. */
  megabytes: number;
}

/** Of all running containers whose label begins with `value`. Linux, as root. */
export async function costOf(label: string, value: string): Promise<Cost> {
  const listed = await output(["docker", "ps", "--no-trunc", "--filter", `label=${label}`, "--format", `{{.ID}} {{.Label "${label}"}}`]);
  const ids = listed
    .split("\n")
    .map((line) => line.split(" "))
    .flatMap(([id = "", found = ""]) => (id !== "" && found.startsWith(value) ? [id] : []));
  let bytes = 0;
  for (const id of ids) {
    const processes = (await output(["docker", "top", id, "-eo", "pid"])).split("\n").slice(1);
    for (const pid of processes) bytes += proportionalBytes(Number(pid));
  }
  return { containers: ids.length, megabytes: bytes / 1e6 };
}

export function proportionalBytes(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0) * 1024;
  } catch (error) {
    // It ended in the meantime: a health check, say.
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return 0;
    throw error;
  }
}

async function output(command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with code ${code}: ${stderr}`);
  return stdout.trim();
}
