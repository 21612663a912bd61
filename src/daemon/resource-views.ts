// Resources as the wire shows them.
import type { ResourceConnectionView, ResourceTarget, ResourceUsageView, ResourceView } from "../api/resources.ts";
import { createGit } from "../git/git.ts";
import type { ResourceObservation } from "../resource/resource-driver.ts";
import { driftOf, statusDriftMs } from "./drift.ts";
import { locateTarget } from "./projects.ts";
import { chosenResource } from "./resource-choice.ts";
import { driverOf, type LeasedResource, leasedResources } from "./resources.ts";
import type { World } from "./world.ts";

/** `wt status` never waits longer than this for a measurement. */
const quickUsageMs = 150;

/** A list never waits longer for a driver that has to ask a server or a command. */
const listObservationMs = 500;

/** For lists: name, type, state; `Unknown` for what does not say in time. */
export function resourceViews(world: World, environmentId: string): Promise<ResourceView[]> {
  const late = (one: LeasedResource) =>
    world.clock.sleep(listObservationMs).then(() => viewOf(one, { state: "unknown", reason: "It did not say in time." }));
  return Promise.all(leasedResources(world, environmentId).map((one) => Promise.race([plainView(world, one), late(one)])));
}

/** For `wt status`: with details, the URL without its password, and the disk it takes where that is known in a moment. */
export function detailedResourceViews(world: World, environmentId: string): Promise<ResourceView[]> {
  return Promise.all(
    leasedResources(world, environmentId).map(async (one) => {
      const [view, drift, usage] = await Promise.all([
        describedView(world, one),
        driftOf(world, one, statusDriftMs).catch(() => null),
        Promise.race([usageOf(world, one), world.clock.sleep(quickUsageMs).then(() => null)]),
      ]);
      return { ...view, usage, drift };
    }),
  );
}

/** With the password: only for who asks for exactly this. */
export async function resourceConnection(world: World, request: ResourceTarget): Promise<ResourceConnectionView> {
  const { environment } = await locateTarget(world, createGit(world.env), request.target);
  const leased = chosenResource(world, environment, { name: request.resource });
  const { state } = await plainView(world, leased);
  const { variables, values } = leased.connection;
  return {
    schema: 1,
    environment: environment.slug,
    resource: leased.spec.name,
    type: leased.type,
    state,
    url: values.url ?? null,
    variables,
    values,
  };
}

export async function describedView(world: World, one: LeasedResource): Promise<ResourceView> {
  const observation = await observed(world, one);
  const detail = "reason" in observation ? observation.reason : "detail" in observation ? observation.detail : null;
  const url = one.connection?.values.url;
  return { ...viewOf(one, observation), detail, url: url === undefined ? null : withoutPassword(url) };
}

async function plainView(world: World, one: LeasedResource): Promise<ResourceView> {
  return viewOf(one, await observed(world, one));
}

function viewOf(one: LeasedResource, observation: Observed): ResourceView {
  return { name: one.spec.name, type: one.type, state: stateWords[observation.state] };
}

type Observed = ResourceObservation | { state: "unknown"; reason: string };

async function observed(world: World, one: LeasedResource): Promise<Observed> {
  try {
    return await driverOf(world, one.type).observe(one.spec);
  } catch (error) {
    world.report(error);
    return { state: "unknown", reason: error instanceof Error ? error.message : String(error) };
  }
}

const stateWords = {
  absent: "Absent",
  ready: "Ready",
  asleep: "Asleep",
  shared: "Shared",
  foreign: "Foreign",
  broken: "Broken",
  unknown: "Unknown",
} as const;

export async function usageOf(world: World, one: LeasedResource): Promise<ResourceUsageView> {
  try {
    return await driverOf(world, one.type).usage(one.spec);
  } catch (error) {
    return {
      exclusiveBytes: null,
      sharedBytes: null,
      how: `It could not be measured: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

const secretParameter = /([?&])(?:[a-z_]*(?:password|passwd|pwd|token|secret|api_?key|sslkey))=[^&#]*/gi;

/** For people and screens: `postgres://user:secret@host/db` → `postgres://user@host/db`. */
export function withoutPassword(url: string): string {
  const bare = url.replace(/^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)@/i, (_, scheme: string, user: string) => {
    const name = user.split(":", 1)[0] ?? "";
    return name === "" ? scheme : `${scheme}${name}@`;
  });
  return bare
    .replace(secretParameter, "$1")
    .replace(/&{2,}/g, "&")
    .replace(/\?&/, "?")
    .replace(/[?&]+(?=#|$)/, "");
}
