// Builds the daemon: every part is made here once and handed down. Crash-only: whatever ends it, the next one carries on.
import { statSync, truncateSync } from "node:fs";
import { cpus } from "node:os";
import { WtError } from "../errors/wt-error.ts";
import { buildId } from "../os/build-id.ts";
import { openChangeWatch } from "../os/change-watch.ts";
import { systemClock } from "../os/clock.ts";
import { createLogFiles } from "../os/log-files/log-files.ts";
import { worldPaths } from "../os/paths.ts";
import { readBootId } from "../os/process-identity.ts";
import { createComposeDriver } from "../runtime/compose/compose-driver.ts";
import type { StackMark } from "../runtime/compose/compose-stack.ts";
import { createComposeStack } from "../runtime/compose/docker-compose-stack.ts";
import { createEngineAccess } from "../runtime/compose/engine-access.ts";
import { createProcessDriver } from "../runtime/process/process-driver.ts";
import type { RuntimeDriver } from "../runtime/runtime-driver.ts";
import { openLedger, type SqliteLedger } from "../state/sqlite-ledger.ts";
import { Admission } from "./admission.ts";
import { createAgentMemory } from "./agent-memory.ts";
import { Changes } from "./changes.ts";
import { createCombinedDriver } from "./combined-driver.ts";
import { ConfiguredServices } from "./configured-services.ts";
import { bootTimeMs } from "./doctor-machine.ts";
import { createDriftMemory } from "./drift-memory.ts";
import { createResourceDrivers } from "./drivers.ts";
import { EngineReturn } from "./engine-return.ts";
import { faultsFrom } from "./faults.ts";
import { startGatewayControl } from "./gateway-control.ts";
import { collectOnSchedule } from "./gc-schedule.ts";
import { GitStatusCache } from "./git-status-cache.ts";
import { keepDeletedTidy } from "./kept-upkeep.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { keepOverview } from "./overview.ts";
import { PoolMemory } from "./pool-memory.ts";
import { keepPools } from "./pool-upkeep.ts";
import { adoptServices, settleOperations } from "./recovery.ts";
import { restResources } from "./resources.ts";
import { RunningCommands } from "./running-commands.ts";
import { type ControlServer, startServer } from "./server.ts";
import { isSharedName } from "./shared-names.ts";
import { hasStack } from "./stack-leases.ts";
import { Supervisor } from "./supervisor.ts";
import { keepTemplatesTidy } from "./tidy-templates.ts";
import { watchWorktrees } from "./worktree-watch.ts";
import type { World } from "./world.ts";
import { beginNonces } from "./world-nonce.ts";

/** Runs until it is told to stop; gives the exit code. A second daemon of the same world ends at once with 0. */
export async function runDaemon(_argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<number> {
  const paths = worldPaths(env);
  let ledger: SqliteLedger;
  try {
    ledger = openLedger({ path: paths.ledger, nowMs: () => systemClock.now() });
  } catch (error) {
    const failure = WtError.from(error);
    report(failure);
    return failure.code === "ledger_in_use" ? 0 : 1;
  }
  shortenLog(paths.daemonLog);
  const world = await buildWorld({ ledger, paths, env });
  const { promise: ended, resolve: end } = Promise.withResolvers<{ services: boolean }>();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => end({ services: false }));
  process.on("unhandledRejection", report);
  await adoptServices(world, await readBootId());
  let server: ControlServer;
  try {
    server = startServer({ world, build: buildId(), startedAtMs: systemClock.now(), shutDown: end });
  } catch (error) {
    // Nobody could reach it: a daemon that lived on would only hold the ledger.
    report(error);
    await letGo(world);
    return 1;
  }
  const worktrees = settleOperations(world)
    .catch(report)
    .then(() => watchWorktrees(world));
  const overview = keepOverview(world);
  keepTemplatesTidy(world);
  const stopped = new AbortController();
  void keepDeletedTidy(world, stopped.signal);
  collectOnSchedule(world, stopped.signal).catch(() => undefined);
  // After what a crash left half-made is taken back.
  const pools = worktrees.then(() => keepPools(world, stopped.signal)).catch(report);
  const how = await ended;
  worktrees.then((watch) => watch.close()).catch(report);
  stopped.abort();
  if (how.services) await stopAllServices(world);
  await Bun.sleep(20);
  // Setup commands that run for nobody end with the daemon.
  await Promise.race([pools, Bun.sleep(longestEndMs)]);
  await server.stop();
  await overview.stop();
  await letGo(world);
  return 0;
}

/** Services run on. */
async function letGo(world: World): Promise<void> {
  world.agents.closing.abort(new Error("the daemon stops"));
  world.engineReturn.close();
  await world.gateway.stop();
  world.supervisor.detach();
  world.shared.detach();
  await world.driver.close();
  for (const driver of world.resources.values()) await driver.close();
  world.ledger.close();
}

interface Parts {
  ledger: SqliteLedger;
  paths: World["paths"];
  env: Readonly<Record<string, string | undefined>>;
}

async function buildWorld({ ledger, paths, env }: Parts): Promise<World> {
  const clock = systemClock;
  if (ledger.recovery !== null) beginNonces(ledger);
  const changes = new Changes();
  const logs = createLogFiles({ clock, rotateBytes: 10 * 1024 * 1024 });
  const access = createEngineAccess(definedOnly(env));
  const processes = createProcessDriver({ clock, logs });
  const containers = createComposeDriver({ clock, ...access, environments: paths.environments, logs });
  const hasContainers = (environmentId: string) => hasStack(ledger, environmentId);
  const driver = createCombinedDriver({ processes, containers, hasContainers });
  const cores = Math.max(1, cpus().length);
  const startsAtOnce = Math.max(4, cores * 3);
  const supervisor = new Supervisor({ ledger, driver, clock, changes, startsAtOnce, report });
  const shared = new Supervisor({ ledger, driver, clock, changes, startsAtOnce, report, owns: isSharedName });
  const holder: { world: World | null } = { world: null };
  const built = (): World => {
    if (!holder.world) throw new Error("the world is used before it is built");
    return holder.world;
  };
  const gateway = await startGatewayControl({ ledger, clock, wantedPort: wantedPort(env.WT_GATEWAY_PORT), world: built });
  holder.world = {
    paths,
    env: definedOnly(env),
    clock,
    ledger,
    driver,
    resources: createResourceDrivers({ paths, clock, env: definedOnly(env), report }),
    supervisor,
    shared,
    engineReturn: new EngineReturn({ clock, report }),
    stack: createComposeStack({ access, env: definedOnly(env), state: paths.state, marks: composeMarks(processes) }),
    gateway,
    configured: new ConfiguredServices(),
    drift: createDriftMemory(paths.environments),
    gitStatus: new GitStatusCache({ clock, atOnce: cores * 2, watch: openChangeWatch(), env: definedOnly(env) }),
    changes,
    locks: new KeyedLock(),
    running: new RunningCommands(),
    agents: createAgentMemory(clock),
    pool: new PoolMemory(),
    setups: new Admission(Math.max(2, cores)),
    ledgerRecovery: ledger.recovery,
    bootTimeMs: bootTimeMs(clock.now()),
    reached: faultsFrom(env.WT_TEST_FAULT),
    report,
  };
  return holder.world;
}

/** Compose goes on when the daemon is killed, and would make what the next one has just taken back. */
function composeMarks({ marks }: RuntimeDriver): (mark: StackMark) => Record<string, string> {
  return (mark) => marks?.({ ...mark, service: "docker:compose", generation: 1 }) ?? {};
}

function definedOnly(env: Parts["env"]): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

function wantedPort(text: string | undefined): number | null {
  const port = Number(text);
  return text && Number.isInteger(port) && port > 0 && port < 65_536 ? port : null;
}

async function stopAllServices(world: World): Promise<void> {
  await Promise.all(
    world.ledger.environments({ members: "with" }).map(async (environment) => {
      const names = world.supervisor.runners(environment.id).map((runner) => runner.name);
      await world.supervisor.stop(environment.id, names).catch(report);
      const shared = world.shared.runners(environment.id).map((runner) => runner.name);
      await world.shared.stop(environment.id, shared).catch(report);
      await restResources(world, environment.id);
      world.ledger.updateEnvironment(environment.id, { wanted: "down" });
    }),
  );
}

const longestEndMs = 5_000;
const longestLogBytes = 5 * 1024 * 1024;

/** Once a start: the log is opened for appending, so cutting it is safe while somebody writes. */
function shortenLog(path: string): void {
  try {
    if (statSync(path).size > longestLogBytes) truncateSync(path, 0);
  } catch {
    // In the foreground there is none.
  }
}

/** Standard error is the daemon's log. */
function report(error: unknown): void {
  const expected = error instanceof WtError && error.kind !== "internal";
  const text = expected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${new Date().toISOString()} ${text}\n`);
}
