// Logs of commands that ran to their end: setup, commands of resources, hooks. One run of each is kept, the last.
import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** Name of a log without its ending; the start of the run makes it another one each time. */
export function setupLogName(command: string, startedMs: number): string {
  return `${command.replaceAll(":", "-")}-${startedMs}`;
}

/** The name of the command as it was marked (`setup:0`, `resource:db`, `hook:before_up:0`), and its log; in the order in which they began. */
export async function setupLogs(directory: string): Promise<{ service: string; logPath: string }[]> {
  const names = await readdir(directory).catch(() => []);
  const logs = names.flatMap((name) => {
    const [, kind = "", rest = "", startedMs = ""] = /^(setup|resource|hook)-(.+)-(\d+)\.log$/.exec(name) ?? [];
    const what = kind === "hook" ? rest.replace(/-(\d+)$/, ":$1") : rest;
    return kind === "" ? [] : [{ service: `${kind}:${what}`, logPath: join(directory, name), startedMs: Number(startedMs) }];
  });
  return logs.sort((a, b) => a.startedMs - b.startedMs).map(({ service, logPath }) => ({ service, logPath }));
}
