// Which Redis there is: the user's own redis-server or valkey-server.
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";

export interface RedisProgram {
  path: string;
  /** `7.0.15`. */
  version: string;
  /** It can open and close its port while it runs (Redis 7, every Valkey). */
  movesPort: boolean;
}

/** Throws `WtError` (`machine`, `program_missing`) when none is on the PATH. */
export async function findRedisProgram(env: Readonly<Record<string, string | undefined>>): Promise<RedisProgram> {
  const PATH = env.PATH ?? "";
  const path = ["redis-server", "valkey-server"].map((name) => Bun.which(name, { PATH })).find((found) => found !== null);
  if (path) {
    const { stdout } = await exec([path, "--version"], { cwd: "/", env: { PATH, LC_ALL: "C" } });
    const program = parseRedisVersion(stdout);
    if (program) return { path, ...program };
  }
  throw new WtError({
    kind: "machine",
    code: "program_missing",
    message: "Neither redis-server nor valkey-server was found on the PATH.",
    hints: [
      process.platform === "darwin" ? "Run `brew install redis`, then try again." : "Run `sudo apt install redis-server`, then try again.",
    ],
    details: { program: "redis-server" },
  });
}

/** What `--version` prints: `Redis server v=7.0.15 sha=…`, `Valkey server v=8.1.0 sha=…`. */
export function parseRedisVersion(text: string): Omit<RedisProgram, "path"> | null {
  const version = /\bv=(\d+)(\.\d+)*/.exec(text);
  return version ? { version: version[0].slice(2), movesPort: Number(version[1]) >= 7 } : null;
}
