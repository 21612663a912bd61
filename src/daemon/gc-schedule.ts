// `wt gc` by itself, where the user's config.yaml says how often. Off by default, and more careful than one that somebody asked for.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseUserGc, type UserGc } from "../config/user-gc.ts";
import { WtError } from "../errors/wt-error.ts";
import { dayMs } from "./garbage-plan.ts";
import { collect } from "./gc.ts";
import type { World } from "./world.ts";

const lastSetting = "gc.last";
/** The file is read again so often; the daemon never collects right after its start, when people wait for it. */
const lookEveryMs = 600_000;

/** Until `abort` fires. */
export async function collectOnSchedule(world: World, abort: AbortSignal): Promise<void> {
  while (!abort.aborted) {
    await world.clock.sleep(lookEveryMs, abort);
    await collectIfDue(world, abort).catch((error: unknown) => {
      if (!abort.aborted) world.report(error);
    });
  }
}

/** Says whether it collected. */
export async function collectIfDue(world: World, abort: AbortSignal): Promise<boolean> {
  const { gc } = await readUserGc(world);
  if (gc === null) return false;
  const now = world.clock.now();
  const last = Number(world.ledger.setting(lastSetting) ?? 0);
  // A clock that was set back must not stop it for ever.
  if (last <= now && now - last < gc.everyMs) return false;
  world.ledger.putSetting(lastSetting, String(now));
  const request = { cwd: "/", all: true, dryRun: false, mergedOnly: false, adopted: false, environments: null };
  const report = await collect(world, { ...request, olderThanMs: gc.olderThanMs, restMs: dayMs }, { emit: () => undefined, abort });
  for (const { kind, name, outcome, reason } of report.items) {
    if (outcome === "removed" || outcome === "failed")
      world.report(new WtError({ kind: "machine", code: "gc", message: `gc: ${outcome} ${kind} ${name}: ${reason}`, hints: [] }));
  }
  return true;
}

/** Also for `wt doctor`, which says what is wrong with the file. */
export async function readUserGc({ paths }: World): Promise<{ gc: UserGc | null; problem: string | null; path: string }> {
  const path = join(paths.config, "config.yaml");
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? "" : null));
  return text === null ? { gc: null, problem: "It cannot be read.", path } : { ...parseUserGc(text), path };
}
