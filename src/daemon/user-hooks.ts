// The user's own hooks, around those of the project: theirs come first before something happens, and last after it. Never at once: two that touch the same thing would meet.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Config, type Hooks, hookEvents } from "../config/config.ts";
import { parseUserHooks } from "../config/user-hooks.ts";
import { WtError } from "../errors/wt-error.ts";
import type { World } from "./world.ts";

export function userConfigPath({ paths }: Pick<World, "paths">): string {
  return join(paths.config, "config.yaml");
}

/** Also for `wt doctor`, which says what is wrong with the file. */
export async function readUserHooks(world: Pick<World, "paths">): Promise<{ hooks: Hooks; problem: string | null; path: string }> {
  const path = userConfigPath(world);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? "" : null));
  return text === null ? { hooks: {}, problem: "It cannot be read.", path } : { ...parseUserHooks(text), path };
}

/** Throws `WtError` (`config`, `user_config_invalid`): a hook that somebody counts on must not be left out in silence. */
export async function withUserHooks(world: Pick<World, "paths">, config: Config): Promise<Config> {
  const { hooks, problem, path } = await readUserHooks(world);
  if (problem !== null) {
    throw new WtError({
      kind: "config",
      code: "user_config_invalid",
      message: `${path}: ${problem}`,
      hints: [`Mend it: $EDITOR ${path}`, "Or leave the hooks out this time: --no-hooks"],
      details: { path },
    });
  }
  return { ...config, hooks: joined(hooks, config.hooks) };
}

function joined(own: Hooks, project: Hooks): Hooks {
  const hooks: Hooks = {};
  for (const event of hookEvents) {
    const [mine, theirs] = [own[event] ?? [], project[event] ?? []];
    const commands = event.startsWith("before_") ? [...mine, ...theirs] : [...theirs, ...mine];
    if (commands.length > 0) hooks[event] = commands;
  }
  return hooks;
}
