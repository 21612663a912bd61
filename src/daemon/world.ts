import type { Ledger } from "../environment/ledger.ts";
import type { Clock } from "../os/clock.ts";
import type { WorldPaths } from "../os/paths.ts";
import type { ResourceDriver } from "../resource/resource-driver.ts";
import type { ComposeStack } from "../runtime/compose/compose-stack.ts";
import type { RuntimeDriver } from "../runtime/runtime-driver.ts";
import type { Admission } from "./admission.ts";
import type { AgentMemory } from "./agent-memory.ts";
import type { Changes } from "./changes.ts";
import type { ConfiguredServices } from "./configured-services.ts";
import type { DriftMemory } from "./drift-memory.ts";
import type { EngineReturn } from "./engine-return.ts";
import type { ReachedPoint } from "./faults.ts";
import type { GatewayControl } from "./gateway-control.ts";
import type { GitStatusCache } from "./git-status-cache.ts";
import type { KeyedLock } from "./keyed-lock.ts";
import type { PoolMemory } from "./pool-memory.ts";
import type { RunningCommands } from "./running-commands.ts";
import type { Supervisor } from "./supervisor.ts";

/** Everything the daemon is made of; built once in `main.ts` and handed down. */
export interface World {
  paths: WorldPaths;
  /** The daemon's own environment, for git commands nobody's shell stands behind. */
  env: Record<string, string>;
  clock: Clock;
  ledger: Ledger;
  driver: RuntimeDriver;
  /** By type. */
  resources: ReadonlyMap<string, ResourceDriver>;
  supervisor: Supervisor;
  /** Containers that run once per project; they stand with the main environment. */
  shared: Supervisor;
  stack: ComposeStack;
  engineReturn: EngineReturn;
  gateway: GatewayControl;
  gitStatus: GitStatusCache;
  drift: DriftMemory;
  configured: ConfiguredServices;
  changes: Changes;
  /** Keys: `environment:<id>`, `project:<id>:<slug or branch>`. */
  locks: KeyedLock;
  running: RunningCommands;
  agents: AgentMemory;
  pool: PoolMemory;
  /** Places for setup commands. */
  setups: Admission;
  /** What the ledger had to recover from when it was opened; null normally. */
  ledgerRecovery: string | null;
  /** When the machine started, by the clock of the daemon's start. */
  bootTimeMs: number;
  reached: ReachedPoint;
  report: (error: unknown) => void;
}
