// Who is at work in a worktree: terminals, agents, editors. Not what wt itself started there.
import { readFileSync } from "node:fs";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { parseEnviron } from "../os/process-mark.ts";
import { type Workplace, workingIn } from "../os/workplaces.ts";
import { markVariable, parseMark } from "../runtime/process/instance-identity.ts";
import type { World } from "./world.ts";

/** A sentence about the first of them; null when nobody is there. */
export function presentIn(world: World, environment: EnvironmentRecord, workplaces: readonly Workplace[]): string | null {
  const own = new Set(world.supervisor.runners(environment.id).flatMap((runner) => runner.instance?.pid ?? []));
  const there = workingIn(workplaces, environment.path).filter(
    ({ pid }) => pid !== process.pid && !own.has(pid) && !isService(pid, environment),
  );
  const first = there.find(({ terminal }) => terminal) ?? there[0];
  if (!first) return null;
  const who = `${first.name} (pid ${first.pid})`;
  const more = there.length === 1 ? "" : `, and ${there.length - 1} more`;
  return first.terminal ? `A terminal is open in it: ${who}${more}.` : `A program works in it: ${who}${more}.`;
}

/** It carries the mark of one of the environment's services or setup commands. An agent that wt started is somebody at work. */
function isService(pid: number, { id, nonce }: EnvironmentRecord): boolean {
  try {
    const mark = parseMark(parseEnviron(readFileSync(`/proc/${pid}/environ`), markVariable) ?? "");
    return mark !== null && mark.environmentId === id && mark.nonce === nonce && !mark.service.startsWith("agent");
  } catch {
    return false;
  }
}
