// The list of drivers of this build, in one place.
import type { Clock } from "../os/clock.ts";
import type { WorldPaths } from "../os/paths.ts";
import type { ResourceDriver } from "../resource/resource-driver.ts";

export interface DriverOptions {
  paths: WorldPaths;
  clock: Clock;
}

/** By `type:` in wt.yaml. */
export function createResourceDrivers(_options: DriverOptions): ReadonlyMap<string, ResourceDriver> {
  const drivers: ResourceDriver[] = [];
  return new Map(drivers.map((driver) => [driver.type, driver]));
}
