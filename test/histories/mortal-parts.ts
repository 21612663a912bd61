// Ledger and drivers of a daemon that can die at any of their calls. What they work on (rows, processes, databases) outlives it.
import type { Ledger } from "../../src/environment/ledger.ts";
import { WtError } from "../../src/errors/wt-error.ts";
import { isInjected } from "../../src/os/fault-layer.ts";
import type { ResourceDriver } from "../../src/resource/resource-driver.ts";
import type { MemoryMachine } from "../../src/runtime/memory/memory-driver.ts";
import type { RuntimeDriver, ServiceInstance } from "../../src/runtime/runtime-driver.ts";
import type { Life, MortalEffect } from "./instants.ts";

const reading = new Set([
  "projects",
  "project",
  "environments",
  "environment",
  "leases",
  "operations",
  "services",
  "setupStamp",
  "setupStamps",
  "deleted",
  "deletedRecord",
  "trusted",
  "setting",
]);
/** By contract these succeed on a full disk. */
const giving = new Set([
  "release",
  "endOperation",
  "advanceOperation",
  "updateLease",
  "updateEnvironment",
  "deleteEnvironment",
  "deleteProject",
  "deleteService",
  "putDeleted",
  "dropDeleted",
]);
type Methods = Record<string, (...args: unknown[]) => unknown>;

export function mortalLedger(ledger: Ledger, life: Life): Ledger {
  const methods = ledger as unknown as Methods;
  const mortal: Methods = {};
  for (const [name, method] of Object.entries(methods)) {
    mortal[name] = (...args) => {
      if (life.dead) throw new Error("this daemon is dead");
      if (reading.has(name) || name === "close") return method(...args);
      // What it is made of are instants of their own; it is whole or nothing.
      if (name === "transaction") return transaction(ledger, life, args[0] as () => unknown);
      return life.write(name, { gives: givesBack(name, args), work: () => method(...args) });
    };
  }
  return mortal as unknown as Ledger;
}

function transaction(ledger: Ledger, life: Life, work: () => unknown): unknown {
  const result = ledger.transaction(work);
  return life.write("commit", { gives: true, work: () => result });
}

function givesBack(name: string, args: unknown[]): boolean {
  const kind = name === "beginOperation" ? (args[0] as { kind: string }).kind : "";
  return giving.has(name) || kind === "delete" || kind === "down";
}

/** Commands of a repository end by themselves, also when nobody is left who waits for them. */
export function mortalRuntime(driver: RuntimeDriver, life: Life, machine: MemoryMachine): RuntimeDriver {
  const verb = (name: string, subject: string) => ({ verb: `driver ${name}`, subject, fails: "before" as const });
  const sure = (name: string, subject: string) => ({ ...verb(name, subject), fails: false });
  return {
    ...driver,
    async start(spec) {
      const instance = await effect(life, verb("start", spec.service), () => driver.start(spec));
      return instance;
    },
    observe: (instance) => unfailing(life, () => driver.observe(instance)),
    find: (mark) => unfailing(life, () => driver.find(mark)),
    waitForEnd: (instance, abort) => unfailing(life, () => driver.waitForEnd(instance, abort)),
    waitForCommand: (instance, abort) => unfailing(life, () => driver.waitForCommand(instance, abort)),
    stop: (instance, policy) => effect(life, sure("stop", instance.service), () => driver.stop(instance, policy)),
    pause: (instance) => effect(life, verb("pause", instance.service), () => driver.pause(instance)),
    resume: (instance) => effect(life, sure("resume", instance.service), () => driver.resume(instance)),
    close: async () => machine.waiting.clear(),
  };
}

export function processOf(machine: MemoryMachine, instance: ServiceInstance) {
  return machine.services.find((one) => one.pid === instance.pid) ?? null;
}

/** Verbs that change something; the others only read. */
const changing = ["ensure", "fork", "reset", "remove", "checkpoint", "restore", "removeCheckpoint", "sleep", "wake", "retire", "revive"];

/** When they fail, nothing is left. */
const making = new Set(["ensure", "fork", "checkpoint"]);

export function mortalResources(driver: ResourceDriver, life: Life): ResourceDriver {
  const methods = driver as unknown as Methods;
  const mortal: Methods = { ...methods };
  for (const name of changing) {
    const method = methods[name];
    if (typeof method !== "function") continue;
    mortal[name] = (spec, ...rest) => {
      const subject = (spec as { label: string }).label;
      return effect(life, { verb: `resource ${name}`, subject, fails: making.has(name) ? "before" : true }, async () =>
        method(spec, ...rest),
      );
    };
  }
  return mortal as unknown as ResourceDriver;
}

/** Drivers say in a `WtError` what the machine refused. */
async function effect<T>(life: Life, what: MortalEffect, work: () => Promise<T>): Promise<T> {
  try {
    return await life.effect(what, work);
  } catch (error) {
    if (!isInjected(error)) throw error;
    throw new WtError({
      kind: "machine",
      code: error.code === "ENOSPC" ? "disk_full" : "machine_refuses",
      message: `${what.verb} of ${what.subject}: ${error.text}.`,
      cause: error,
    });
  }
}

async function unfailing<T>(life: Life, work: () => Promise<T>): Promise<T> {
  if (life.dead) return new Promise(() => undefined);
  const settled = await work().then(
    (value) => () => value,
    (error: unknown) => () => {
      throw error;
    },
  );
  return life.dead ? new Promise(() => undefined) : settled();
}
