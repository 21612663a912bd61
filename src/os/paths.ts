// Where worldtree keeps its files, after the XDG base directory specification. Two worlds with other XDG directories never meet.
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

export interface WorldPaths {
  /** Ledger, logs: `$XDG_STATE_HOME/worldtree` (default `~/.local/state/worldtree`), mode 0700. */
  state: string;
  /** The user's own settings: `$XDG_CONFIG_HOME/worldtree`. */
  config: string;
  /** Socket and pid file: `$XDG_RUNTIME_DIR/worldtree`, else `<state>/run`; mode 0700. */
  runtime: string;
  socket: string;
  ledger: string;
  /** `<state>/environments/<environment id>/` holds an environment's logs. */
  environments: string;
  daemonLog: string;
  /** What there is, for programs that cannot wait for the daemon (src/api/overview.ts). */
  overview: string;
}

/** A unix socket's path must fit `sockaddr_un` (104 bytes on macOS, 108 on Linux). */
const longestSocketPath = 100;

export function worldPaths(env: Record<string, string | undefined>): WorldPaths {
  const home = env.HOME || homedir();
  const state = join(env.XDG_STATE_HOME || join(home, ".local/state"), "worldtree");
  const config = join(env.XDG_CONFIG_HOME || join(home, ".config"), "worldtree");
  const runtime = env.XDG_RUNTIME_DIR ? join(env.XDG_RUNTIME_DIR, "worldtree") : join(state, "run");
  return {
    state,
    config,
    runtime,
    socket: socketPath(runtime, state),
    ledger: join(state, "ledger.sqlite"),
    environments: join(state, "environments"),
    daemonLog: join(state, "daemon.log"),
    overview: join(state, "overview.json"),
  };
}

/** One socket per state directory: worlds that share a runtime directory but not the state do not share a daemon. */
function socketPath(runtime: string, state: string): string {
  // Not node:crypto: loading that module costs the CLI ten milliseconds.
  const key = new Bun.CryptoHasher("sha256").update(state).digest("hex").slice(0, 8);
  const path = join(runtime, `daemon-${key}.sock`);
  if (Buffer.byteLength(path) <= longestSocketPath) return path;
  return join(tmpdir(), `worldtree-${process.getuid?.() ?? 0}-${key}`, "daemon.sock");
}
