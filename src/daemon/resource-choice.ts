// Which resource a command means.
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import type { ResourceConnection } from "../resource/resource-driver.ts";
import { driverOf, type LeasedResource, leasedResources } from "./resources.ts";
import type { World } from "./world.ts";

export type MadeResource = LeasedResource & { connection: ResourceConnection };

/** The named one; without a name the only one, or the only database. Throws `WtError` that lists what there is. */
export function chosenResource(world: World, environment: EnvironmentRecord, wanted: { name: string | null }): MadeResource {
  const leased = leasedResources(world, environment.id);
  const { slug } = environment;
  if (leased.length === 0) throw noResources(environment);
  if (wanted.name !== null) {
    const named = leased.find((one) => one.spec.name === wanted.name);
    if (!named) throw unknownResource({ name: wanted.name, where: slug, known: leased });
    return made(named, environment);
  }
  const databases = leased.filter((one) => isDatabase(world, one));
  const candidates = leased.length === 1 ? leased : databases;
  const [only] = candidates;
  if (only && candidates.length === 1) return made(only, environment);
  throw new WtError({
    kind: "usage",
    code: "resource_ambiguous",
    message: `${slug} has several resources${databases.length === 0 ? ", none of them a database" : ""}: ${described(leased)}.`,
    hints: ["Name the one you mean after the command, such as: wt db list, then wt db url <name>"],
    details: { resources: leased.map((one) => one.spec.name) },
  });
}

/** Throws `WtError` (`refused`, `resource_unfinished`) for one that was never made to its end. */
export function made(one: LeasedResource, environment: EnvironmentRecord): MadeResource {
  if (one.connection !== null) return { ...one, connection: one.connection };
  throw new WtError({
    kind: "refused",
    code: "resource_unfinished",
    message: `${one.spec.name} of ${environment.slug} was not made to its end.`,
    hints: [`Run \`wt up ${environment.slug}\`, which makes it.`],
  });
}

export function noResources({ slug }: EnvironmentRecord): WtError {
  return new WtError({
    kind: "not_found",
    code: "no_resources",
    message: `${slug} has no resources.`,
    hints: [`Those under resources: in wt.yaml are made by: wt up ${slug}`],
  });
}

export function unknownResource(wanted: { name: string; where: string; known: readonly LeasedResource[] }): WtError {
  return new WtError({
    kind: "not_found",
    code: "resource_unknown",
    message: `There is no resource called ${wanted.name} in ${wanted.where}.`,
    hints: [wanted.known.length > 0 ? `There is: ${described(wanted.known)}` : "See what there is: wt db list"],
  });
}

const databaseTypes = new Set(["postgres", "mysql", "mariadb", "sqlite", "neon"]);

function isDatabase(world: World, one: LeasedResource): boolean {
  return databaseTypes.has(one.type) || driverOf(world, one.type).variableNames(one.spec.options, one.spec.name).includes("DATABASE_URL");
}

function described(leased: readonly LeasedResource[]): string {
  return [...new Set(leased.map((one) => `${one.spec.name} (${one.type})`))].join(", ");
}
