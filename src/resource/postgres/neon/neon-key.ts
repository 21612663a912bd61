// Where the API key comes from: the caller's environment, the daemon's, or a file that only its user can read. It is kept in memory alone.
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../../../errors/wt-error.ts";

export interface KeyRing {
  /** Takes the key out of a caller's variables, for calls that bring none. */
  remember(variable: string, env: Readonly<Record<string, string>> | undefined): void;
  /** Throws `WtError` where there is none. `place` is the resource, as `resources.db`. */
  find(variable: string, place: string): Promise<string>;
}

export interface KeyRingOptions {
  /** The daemon's own. */
  env: Readonly<Record<string, string>>;
  /** Its file `keys/<variable>` is read; null: there is no such place. */
  configDirectory: string | null;
}

export function createKeyRing({ env, configDirectory }: KeyRingOptions): KeyRing {
  const seen = new Map<string, string>();
  return {
    remember(variable, from) {
      const key = from?.[variable]?.trim();
      if (key) seen.set(variable, key);
    },
    async find(variable, place) {
      const file = configDirectory === null ? null : join(configDirectory, "keys", variable);
      const key = seen.get(variable) || env[variable]?.trim() || (file ? await readKeyFile(file, place) : "");
      if (!key) throw noKey(variable, place, file);
      // A line break would end the header.
      if (!/^[\x21-\x7e]+$/.test(key))
        throw badKey(`${place}: the value of ${variable} is not an API key: it has spaces or control characters.`);
      return key;
    },
  };
}

async function readKeyFile(file: string, place: string): Promise<string> {
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) throw badKey(`${place}: ${file} can be read by others, so the key in it is not used.`, `chmod 600 '${file}'`);
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    if (error instanceof WtError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || (error as NodeJS.ErrnoException).code === "ENOTDIR") return "";
    throw badKey(`${place}: ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function badKey(message: string, hint = "Put the key alone there."): WtError {
  return new WtError({ kind: "config", code: "neon_key", message, hints: [hint] });
}

function noKey(variable: string, place: string, file: string | null): WtError {
  return new WtError({
    kind: "config",
    code: "neon_key_missing",
    message: `${place}: the API key of Neon is not known: ${variable} is not set.`,
    hints: [
      `Set ${variable} in the shell that calls wt; \`wt up\` hands it to the daemon.`,
      ...(file ? [`Or, for good: write it to ${file}, with mode 600.`] : []),
    ],
  });
}
