// The resources of an environment: leased before they exist, released after they are verified gone.
import { join } from "node:path";
import type { EnvironmentRecord, Lease, ProjectRecord } from "../environment/ledger.ts";
import { type JsonValue, WtError } from "../errors/wt-error.ts";
import { ensureResourcePlace } from "../os/storage-image.ts";
import type { ResourceCall, ResourceConnection, ResourceDriver, ResourceOptions, ResourceSpec } from "../resource/resource-driver.ts";
import type { EnvironmentSession } from "./environment-session.ts";
import { keptOf } from "./kept-environment.ts";
import { ensurePort } from "./port-leases.ts";
import { wakeServer } from "./wake-server.ts";
import type { World } from "./world.ts";

export interface LeasedResource {
  lease: Lease;
  type: string;
  spec: ResourceSpec;
  /** null until `ensure` came to its end. */
  connection: ResourceConnection | null;
}

export function leasedResources(world: World, environmentId: string): LeasedResource[] {
  return world.ledger.leases({ environmentId, kind: "resource" }).map((lease) => ({
    lease,
    type: String(lease.data.type),
    // Written by `claimResource` below; the ledger keeps JSON as it was given.
    spec: lease.data.spec as unknown as ResourceSpec,
    connection: (lease.data.connection ?? null) as ResourceConnection | null,
  }));
}

/** What services and commands of the environment get; resources that are not ready are left out. */
export function resourceConnections(world: World, environmentId: string): Record<string, ResourceConnection> {
  const ready = leasedResources(world, environmentId).filter((one) => one.connection !== null);
  return Object.fromEntries(ready.map((one) => [one.spec.name, one.connection ?? { variables: {}, values: {} }]));
}

/** Name of the port lease of a resource; no service can be called so. */
export function resourcePortName(name: string): string {
  return `resource:${name}`;
}

/** Makes the resource ready; what fails is taken back by the driver, and its lease with it unless something may be left. */
export async function ensureResource(
  world: World,
  session: EnvironmentSession,
  wanted: { name: string; call: ResourceCall; options: ResourceOptions; source?: ResourceSpec | null },
): Promise<void> {
  const config = session.config.resources[wanted.name];
  if (!config) return;
  const driver = driverOf(world, config.type);
  const spec = await claimResource(world, session, { name: wanted.name, driver, options: wanted.options });
  const source = wanted.source && (await driver.connection(spec)) === null ? wanted.source : null;
  const connection = source ? await fork(driver, { spec, source, call: wanted.call }) : await driver.ensure(spec, wanted.call);
  keepConnection(world, session.environment.id, { name: wanted.name, connection });
}

async function fork(
  driver: ResourceDriver,
  { spec, source, call }: { spec: ResourceSpec; source: ResourceSpec; call: ResourceCall },
): Promise<ResourceConnection> {
  if (driver.fork) return driver.fork(spec, source, call);
  throw new WtError({
    kind: "refused",
    code: "fork_unsupported",
    message: `${spec.name} is of type ${driver.type}, which cannot begin as a fork of another environment's.`,
    hints: ["Take `from:` out of wt.yaml, or load a dump instead: wt db load"],
  });
}

/** Back to how it was first made, by the options that wt.yaml has now; with `source` its present content instead. */
export async function resetResource(
  world: World,
  session: EnvironmentSession,
  wanted: { leased: LeasedResource; call: ResourceCall; options: ResourceOptions; source?: ResourceSpec | null },
): Promise<void> {
  const { name } = wanted.leased.spec;
  const driver = driverOf(world, wanted.leased.type);
  const spec = await claimResource(world, session, { name, driver, options: wanted.options });
  const { source, call } = wanted;
  const connection = source ? await fork(driver, { spec, source, call }) : await driver.reset(spec, call);
  keepConnection(world, session.environment.id, { name, connection });
}

function keepConnection(world: World, environmentId: string, made: { name: string; connection: ResourceConnection }): void {
  const leased = leasedResources(world, environmentId).find((one) => one.spec.name === made.name);
  const connection = asJson(made.connection);
  if (leased) world.ledger.updateLease(leased.lease.id, { state: "present", data: { ...leased.lease.data, connection } });
  world.changes.emit(environmentId);
}

/** Verified removal of a leased resource; its port stays with the environment until the environment goes. */
export async function removeResource(world: World, environment: EnvironmentRecord, name: string): Promise<void> {
  const leased = leasedResources(world, environment.id).find((one) => one.spec.name === name);
  if (!leased) return;
  // Without its connection it counts as never made: what a crash leaves here is removed again, or made anew.
  world.ledger.updateLease(leased.lease.id, { state: "removing", data: { ...leased.lease.data, connection: null } });
  await wakeServer(world, environment, leased.spec);
  await driverOf(world, leased.type).remove(leased.spec);
  world.ledger.release(leased.lease.id);
}

/**
 * Stops a leased resource and keeps its content with its lease; false: its driver cannot, and it was removed. Without its connection it counts as
 * never made, and making it brings the content back.
 */
export async function retireResource(world: World, environment: EnvironmentRecord, name: string): Promise<boolean> {
  const leased = leasedResources(world, environment.id).find((one) => one.spec.name === name);
  if (!leased) return true;
  const driver = driverOf(world, leased.type);
  world.ledger.updateLease(leased.lease.id, { state: "removing", data: { ...leased.lease.data, connection: null } });
  await wakeServer(world, environment, leased.spec);
  if (await driver.retire?.(leased.spec)) return true;
  await removeResource(world, environment, name);
  return false;
}

/** Gives up a leased resource, which stays where it is. */
export function abandonResource(world: World, environment: EnvironmentRecord, name: string): void {
  const leased = leasedResources(world, environment.id).find((one) => one.spec.name === name);
  if (leased) world.ledger.release(leased.lease.id);
}

export async function wakeResources(world: World, environmentId: string): Promise<void> {
  await Promise.all(leasedResources(world, environmentId).map((one) => driverOf(world, one.type).wake(one.spec)));
}

/** Puts what nobody uses to sleep; never an error. */
export async function restResources(world: World, environmentId: string): Promise<void> {
  await Promise.all(leasedResources(world, environmentId).map((one) => driverOf(world, one.type).sleep(one.spec).catch(world.report)));
}

/** Makes what was retired whole again, by what it was: nothing of wt.yaml is needed, and no command runs. */
export async function reviveResource(
  world: World,
  environment: EnvironmentRecord,
  { leased, abort }: { leased: LeasedResource; abort: AbortSignal },
): Promise<void> {
  const driver = driverOf(world, leased.type);
  const { name } = leased.spec;
  const port = driver.features.port
    ? await ensurePort(world, environment, { name: resourcePortName(name), port: { kind: "leased" } })
    : null;
  const spec = { ...leased.spec, port };
  world.ledger.updateLease(leased.lease.id, { data: { ...leased.lease.data, spec: asJson(spec) } });
  await wakeServer(world, environment, spec);
  const run = () => Promise.reject(new WtError({ kind: "machine", code: "resource_lost", message: `The content of ${name} is gone.` }));
  const connection = await driver.ensure(spec, { abort, report: () => undefined, run, env: world.env });
  keepConnection(world, environment.id, { name, connection });
}

/** After the worktree was moved: specs, what drivers wrote down, and connection values name its new place. Idempotent. */
export async function followWorktree(world: World, environment: EnvironmentRecord): Promise<void> {
  for (const { lease, type, spec, connection } of leasedResources(world, environment.id)) {
    if (spec.worktree === environment.path) continue;
    const moved = { ...spec, worktree: environment.path };
    const driver = driverOf(world, type);
    await driver.moved?.(moved, spec.worktree);
    const values = connection && ((await driver.connection(moved)) ?? connection);
    world.ledger.updateLease(lease.id, { data: { ...lease.data, spec: asJson(moved), ...(values ? { connection: asJson(values) } : {}) } });
  }
}

/** At daemon start: stable ports are taken up again, running servers adopted. */
export async function adoptResources(world: World, environmentId: string): Promise<void> {
  await Promise.all(
    leasedResources(world, environmentId)
      .filter((one) => one.connection !== null)
      .map((one) => driverOf(world, one.type).adopt(one.spec).catch(world.report)),
  );
}

export function driverOf(world: World, type: string): ResourceDriver {
  const driver = world.resources.get(type);
  if (driver) return driver;
  throw new WtError({
    kind: "config",
    code: "resource_unsupported",
    message: `This build has no driver for resources of type ${type}.`,
    hints: [`It has ${[...world.resources.keys()].join(", ")}.`],
  });
}

async function claimResource(
  world: World,
  session: EnvironmentSession,
  wanted: { name: string; driver: ResourceDriver; options: ResourceOptions },
): Promise<ResourceSpec> {
  const { environment, project } = session;
  const { name, driver } = wanted;
  const parsed = driver.parseOptions(wanted.options);
  if ("problems" in parsed) throw optionProblem(name, parsed.problems[0]);
  const port = driver.features.port
    ? await ensurePort(world, environment, { name: resourcePortName(name), port: { kind: "leased" } })
    : null;
  const spec: ResourceSpec = {
    environmentId: environment.id,
    nonce: environment.nonce,
    name,
    label: resourceLabel(world, { project, environment, name }),
    options: parsed.options,
    directory: join(world.paths.environments, environment.id, "resources", name),
    worktree: environment.path,
    mainWorktree: project.root,
    main: environment.main,
    port,
  };
  await ensureResourcePlace(world.paths.state, environment.id);
  const lease = world.ledger.claim({
    environmentId: environment.id,
    kind: "resource",
    key: `${environment.id}/${name}`,
    data: { type: driver.type, spec: asJson(spec) },
  });
  // One of another type that never came to its end; else the caller has refused.
  if (lease && lease.data.type !== driver.type)
    await driverOf(world, String(lease.data.type)).remove(lease.data.spec as unknown as ResourceSpec);
  if (lease && (lease.data.type !== driver.type || JSON.stringify(lease.data.spec) !== JSON.stringify(spec))) {
    world.ledger.updateLease(lease.id, { data: { ...lease.data, type: driver.type, spec: asJson(spec) } });
  }
  await wakeServer(world, environment, spec);
  return spec;
}

/** `wt_shop_feat_x_db`; the environment's id makes what had to be cut, or what somebody else has, unique again. Chosen once. */
function resourceLabel(
  world: World,
  { project, environment, name }: { project: ProjectRecord; environment: EnvironmentRecord; name: string },
): string {
  const known = leasedResources(world, environment.id).find(({ spec }) => spec.name === name);
  if (known) return known.spec.label;
  const plain = `wt_${project.name}_${environment.slug}_${name}`.replace(/[^a-z0-9]+/g, "_");
  return plain.length <= 50 && !isLabelTaken(world, plain) ? plain : `${plain.slice(0, 43)}_${environment.id.slice(0, 6)}`;
}

/** By another environment, or by one that was deleted and can come back under the same name. */
function isLabelTaken({ ledger }: World, label: string): boolean {
  const living = ledger.leases({ kind: "resource" }).map(({ data }) => data);
  const kept = ledger.deleted().flatMap((record) => keptOf(record).resources);
  return [...living, ...kept].some(({ spec }) => (spec as unknown as ResourceSpec).label === label);
}

function optionProblem(name: string, problem: { key: string; message: string; hint: string | null } | undefined): WtError {
  return new WtError({
    kind: "config",
    code: "config_invalid",
    message: `resources.${name}.${problem?.key ?? "type"}: ${problem?.message ?? "is not valid"}`,
    hints: problem?.hint ? [problem.hint] : ["Mend it in wt.yaml, then try again."],
  });
}

/** Specs and connections are plain JSON by their types; TypeScript's interfaces have no index signature to say so. */
function asJson(value: ResourceSpec | ResourceConnection): { [key: string]: JsonValue } {
  return value as unknown as { [key: string]: JsonValue };
}
