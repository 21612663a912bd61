// A machine that outlives its daemons: a real repository, and rows, processes and databases in memory. A daemon on it can be killed at any instant
// and started again.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Call } from "../../src/daemon/journaled-run.ts";
import { dayMs } from "../../src/daemon/kept-environment.ts";
import { keepDeletedTidy } from "../../src/daemon/kept-upkeep.ts";
import { adoptServices, settleOperations } from "../../src/daemon/recovery.ts";
import { emptyTrash } from "../../src/daemon/trash.ts";
import type { World } from "../../src/daemon/world.ts";
import type { Ledger } from "../../src/environment/ledger.ts";
import { memoryLedger } from "../../src/environment/memory-ledger.ts";
import { armFaults } from "../../src/os/fault-layer.ts";
import { createMemoryResource, createMemoryServer, type MemoryServer } from "../../src/resource/memory/memory-resource.ts";
import type { ResourceOptions } from "../../src/resource/resource-driver.ts";
import { createMemoryDriver, createMemoryMachine, type MemoryMachine } from "../../src/runtime/memory/memory-driver.ts";
import type { RuntimeDriver } from "../../src/runtime/runtime-driver.ts";
import { buildTestWorld, fastClock, trustAll } from "../support/daemon-world.ts";
import { gitRepository, type TestRepository } from "../support/git-repository.ts";
import { type Accident, Life, livingEffect } from "./instants.ts";
import { mortalLedger, mortalResources, mortalRuntime, processOf } from "./mortal-parts.ts";

export const projectFiles: Record<string, string> = {
  "wt.yaml": `project: shop
copy: [.env]
setup:
  - { run: "prepare", inputs: [input.txt] }
resources:
  db: { type: sqlite, path: app.db }
services:
  web: { run: serve, port: auto, ready: { log: ^up }, needs: [db] }
  worker: { run: work, ready: { log: ^up }, needs: [web] }
`,
  ".gitignore": ".env\nprepared.txt\n",
  "input.txt": "1\n",
  "tracked-0.txt": "as committed\n",
  "tracked-1.txt": "as committed\n",
};

export interface HistoryWorld extends AsyncDisposable {
  repository: TestRepository;
  keeps: boolean;
  machine: MemoryMachine;
  server: MemoryServer;
  /** What outlives daemons; reading it is nobody's effect. */
  ledger: Ledger;
  /** Of the present daemon. */
  life: Life;
  world: World;
  /** What the present daemon could not do and only noted. */
  reported: unknown[];
  /** Runs `work` as the present daemon; gives null when it died meanwhile. */
  act<T>(work: (world: World, call: Call) => Promise<T>): Promise<{ value: T } | { error: unknown } | null>;
  /** Ends the present daemon (unless it is dead) and starts one that settles everything, or meets with its own accident. `reboot`: processes and the boot's id are gone. */
  restart(how?: { reboot?: boolean; accident?: Accident | null }): Promise<void>;
  /** Background work of the present daemon is over. */
  quiet(): Promise<void>;
  pass(days: number): void;
  nowMs(): number;
}

/** `keeps` false: what is deleted cannot come back (WT_UNDELETE_DAYS=0). */
export async function historyWorld({ keeps = true } = {}): Promise<HistoryWorld> {
  const repository = await gitRepository({ files: projectFiles });
  writeFileSync(join(repository.root, ".env"), "SECRET=1\n");
  const clock = fastClock();
  const machine = createMemoryMachine();
  const server = createMemoryServer();
  const ledger = memoryLedger({ nowMs: () => clock.now() });
  const env = {
    ...repository.env,
    XDG_STATE_HOME: join(repository.base, "state"),
    XDG_RUNTIME_DIR: join(repository.base, "run"),
    WT_UNDELETE_DAYS: keeps ? "7" : "0",
  };
  let boot = 1;
  armFaults(livingEffect);

  const begin = async () => {
    const life = new Life();
    const built = await life.run(async () => {
      const database = createMemoryResource({ type: "sqlite", server });
      const resources = new Map([
        ["sqlite", mortalResources({ ...database, parseOptions: (written: ResourceOptions) => ({ options: { ...written } }) }, life)],
      ]);
      const driver = mortalRuntime(playing(createMemoryDriver({ clock, machine }), machine), life, machine);
      const reached = async (point: string) => life.effect({ verb: "point", subject: point, fails: false }, async () => undefined);
      return buildTestWorld({ env, resources, driver, clock, reached, ledger: mortalLedger(ledger, life) });
    });
    return { life, ...built };
  };

  const made = await begin();
  await adoptServices(made.world, `boot-${boot}`);
  await trustAll(made.world, repository);
  const history: HistoryWorld = {
    ...made,
    keeps,
    repository,
    machine,
    server,
    ledger,
    async act(work) {
      const { life, world } = history;
      const abort = new AbortController().signal;
      const outcome = life
        .run(() => work(world, { emit: () => undefined, abort }))
        .then(
          (value) => ({ value }),
          (error: unknown) => ({ error }),
        );
      const first = await Promise.race([outcome, life.died.promise.then(() => null)]);
      // Who dies says nothing any more.
      return life.dead ? null : first;
    },
    async restart({ reboot = false, accident = null } = {}) {
      await end(history);
      if (reboot) powerOff(machine);
      if (reboot) boot++;
      Object.assign(history, await begin());
      history.life.expect(accident);
      await history.act(async (world) => {
        await adoptServices(world, `boot-${boot}`);
        await settleOperations(world);
        await keepDeletedTidy(world, AbortSignal.abort());
      });
    },
    async quiet() {
      const { world } = history;
      await history.act(async () => {
        const abort = AbortSignal.timeout(20_000);
        for (const environment of world.ledger.environments()) {
          const names = world.supervisor.runners(environment.id).map(({ name }) => name);
          await world.supervisor.whenSettled(environment.id, names, abort);
          await Promise.all(world.supervisor.runners(environment.id).map((runner) => runner.idle()));
        }
        for (const { id } of world.ledger.deleted()) await world.locks.run(`environment:${id}`, async () => undefined);
        for (const project of world.ledger.projects()) await emptyTrash(world, project);
      });
    },
    pass: (days) => clock.pass(days * dayMs),
    nowMs: () => clock.now(),
    async [Symbol.asyncDispose]() {
      await end(history);
      armFaults(null);
      await repository[Symbol.asyncDispose]();
    },
  };
  return history;
}

/** As the kernel does it: sockets are closed, nothing else happens. */
async function end({ life, world, machine }: HistoryWorld): Promise<void> {
  life.die();
  await world.gateway.stop();
  world.supervisor.detach();
  world.gitStatus.close();
  machine.waiting.clear();
}

function powerOff(machine: MemoryMachine): void {
  for (const service of machine.services) service.end ??= { code: null, signal: "SIGKILL" };
}

/** Services come up at once; commands of the repository do what they do and end, whoever waits for them. */
function playing(driver: RuntimeDriver, machine: MemoryMachine): RuntimeDriver {
  return {
    ...driver,
    async start(spec) {
      const instance = await driver.start(spec);
      const service = processOf(machine, instance);
      if (!service) return instance;
      if (spec.port !== null) service.listening.add(spec.port);
      machine.logs.get(spec.logPath)?.push({ timeMs: instance.startedAtMs, line: "up" });
      if (spec.service === "web" || spec.service === "worker") return instance;
      setTimeout(() => {
        if (service.end) return;
        if (spec.service.startsWith("setup")) writeQuietly(join(spec.directory, "prepared.txt"));
        service.end = { code: 0, signal: null };
        for (const wake of [...machine.waiting]) wake();
      }, 1);
      return instance;
    },
  };
}

/** Its directory may be gone by now. */
function writeQuietly(path: string): void {
  try {
    writeFileSync(path, "prepared\n");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
