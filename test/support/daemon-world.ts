// A daemon's world for tests of what it does with resources: a real repository, ledger, supervisor and gateway; services and databases are
// data structures.
import { createServer } from "node:net";
import { join } from "node:path";
import type { OperationEvent } from "../../src/api/environment.ts";
import { Admission } from "../../src/daemon/admission.ts";
import { createAgentMemory } from "../../src/daemon/agent-memory.ts";
import { Changes } from "../../src/daemon/changes.ts";
import { readConfig, readTrust } from "../../src/daemon/config-reader.ts";
import { ConfiguredServices } from "../../src/daemon/configured-services.ts";
import { bootTimeMs } from "../../src/daemon/doctor-machine.ts";
import { createDriftMemory } from "../../src/daemon/drift-memory.ts";
import { EngineReturn } from "../../src/daemon/engine-return.ts";
import { startGatewayControl } from "../../src/daemon/gateway-control.ts";
import { GitStatusCache } from "../../src/daemon/git-status-cache.ts";
import type { Call } from "../../src/daemon/journaled-run.ts";
import { KeyedLock } from "../../src/daemon/keyed-lock.ts";
import { PoolMemory } from "../../src/daemon/pool-memory.ts";
import { locate } from "../../src/daemon/projects.ts";
import { RunningCommands } from "../../src/daemon/running-commands.ts";
import { isSharedName } from "../../src/daemon/shared-names.ts";
import { Supervisor } from "../../src/daemon/supervisor.ts";
import type { World } from "../../src/daemon/world.ts";
import type { Ledger } from "../../src/environment/ledger.ts";
import { memoryLedger } from "../../src/environment/memory-ledger.ts";
import { worktreeFiles } from "../../src/git/worktree-files.ts";
import { openChangeWatch } from "../../src/os/change-watch.ts";
import { type Clock, systemClock } from "../../src/os/clock.ts";
import { worldPaths } from "../../src/os/paths.ts";
import {
  createMemoryResource,
  type MemoryResourceControls,
  type MemoryResourceOptions,
} from "../../src/resource/memory/memory-resource.ts";
import type { ResourceDriver, ResourceOptions } from "../../src/resource/resource-driver.ts";
import type { ComposeStack } from "../../src/runtime/compose/compose-stack.ts";
import { createMemoryDriver, type MemoryControls } from "../../src/runtime/memory/memory-driver.ts";
import type { RuntimeDriver } from "../../src/runtime/runtime-driver.ts";
import { gitRepository, type TestRepository } from "./git-repository.ts";

export interface TestWorld extends AsyncDisposable {
  world: World;
  repository: TestRepository;
  services: MemoryControls;
  /** By type. */
  databases: Record<string, ResourceDriver & MemoryResourceControls>;
  /** What the world reported instead of throwing. */
  reported: unknown[];
  target: { cwd: string };
  /** Approves what wt.yaml says now. */
  trust(): Promise<void>;
  /** For requests of operations; everything emitted is kept. */
  call(abort?: AbortSignal): Call & { events: OperationEvent<never>[] };
}

/** Types are real ones, so that wt.yaml may name them; what stands behind them is in memory and takes any option. */
export async function testWorld(files: Record<string, string>, types: Record<string, MemoryResourceOptions>): Promise<TestWorld> {
  const repository = await gitRepository({ files });
  const env = {
    ...repository.env,
    XDG_STATE_HOME: join(repository.base, "state"),
    XDG_RUNTIME_DIR: join(repository.base, "run"),
    WT_UNDELETE_DAYS: "0",
  };
  const databases = Object.fromEntries(
    Object.entries(types).map(([type, options]) => {
      const driver = createMemoryResource({ ...options, type });
      return [type, { ...driver, parseOptions: (written: ResourceOptions) => ({ options: { ...written } }) }];
    }),
  );
  const clock = fastClock();
  const services = createMemoryDriver({ clock });
  const { world, reported } = await buildTestWorld({ env, resources: new Map(Object.entries(databases)), driver: services, clock });
  await trustAll(world, repository);
  return {
    world,
    repository,
    services,
    databases,
    reported,
    target: { cwd: repository.root },
    trust: () => trustAll(world, repository),
    call(abort = new AbortController().signal) {
      const events: OperationEvent<never>[] = [];
      return { emit: (event) => void events.push(event), abort, events };
    },
    async [Symbol.asyncDispose]() {
      await world.gateway.stop();
      world.supervisor.detach();
      world.gitStatus.close();
      await services.close();
      await repository[Symbol.asyncDispose]();
    },
  };
}

/** A project without containers must never ask Docker anything. */
function noStack(): ComposeStack {
  const asked = (name: string) => () => Promise.reject(new Error(`Docker was asked: ${name}`));
  return new Proxy({} as ComposeStack, { get: (_, name) => asked(String(name)) });
}

export interface TestWorldParts {
  env: Record<string, string>;
  resources: World["resources"];
  driver: RuntimeDriver;
  clock: Clock;
  /** Default: a new, empty one. */
  ledger?: Ledger;
  reached?: World["reached"];
}

export async function buildTestWorld(parts: TestWorldParts): Promise<{ world: World; reported: unknown[] }> {
  const { env, resources, driver, clock, ...given } = parts;
  const ledger = given.ledger ?? memoryLedger({ nowMs: () => clock.now() });
  const changes = new Changes();
  const reported: unknown[] = [];
  const report = (error: unknown) => void reported.push(error);
  const supervisor = new Supervisor({ ledger, driver, clock, changes, startsAtOnce: 4, report });
  const built: { world: World | null } = { world: null };
  const gateway = await startGatewayControl({
    ledger,
    clock,
    wantedPort: await freePort(),
    world: () => {
      if (!built.world) throw new Error("the world is used before it is built");
      return built.world;
    },
  });
  const world: World = {
    paths: worldPaths(env),
    env,
    clock,
    ledger,
    driver,
    resources,
    supervisor,
    shared: new Supervisor({ ledger, driver, clock, changes, startsAtOnce: 4, report, owns: isSharedName }),
    stack: noStack(),
    engineReturn: new EngineReturn({ clock, report }),
    gateway,
    configured: new ConfiguredServices(),
    drift: createDriftMemory(worldPaths(env).environments),
    gitStatus: new GitStatusCache({ clock, atOnce: 2, watch: openChangeWatch(), env }),
    changes,
    locks: new KeyedLock(),
    running: new RunningCommands(),
    agents: createAgentMemory(clock),
    pool: new PoolMemory(),
    setups: new Admission(2),
    ledgerRecovery: null,
    bootTimeMs: bootTimeMs(clock.now()),
    reached: given.reached ?? (async () => undefined),
    report,
  };
  built.world = world;
  return { world, reported };
}

/** Services that listen on nothing count as ready after a second: nobody waits for it here, time passes by itself; `pass` lets days go by. */
export function fastClock(): Clock & { pass(ms: number): void } {
  let aheadMs = 0;
  return {
    now: () => systemClock.now() + aheadMs,
    async sleep(ms, abort) {
      await systemClock.sleep(Math.min(ms, 5), abort);
      aheadMs += Math.max(0, ms - 5);
    },
    pass(ms) {
      aheadMs += ms;
    },
  };
}

export async function trustAll(world: World, repository: Pick<TestRepository, "git" | "root">): Promise<void> {
  const { project } = await locate(world, repository.git, repository.root);
  const files = worktreeFiles(repository.git, repository.root);
  const { hash, commands } = await readTrust(world, project, { config: await readConfig(project, files), files });
  world.ledger.grantTrust({
    projectId: project.id,
    hash,
    commands: commands.map(({ source, text }) => ({ source, text })),
    grantedAtMs: 0,
  });
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address ? address.port : 0));
    });
  });
}
