import type { ResourceView } from "../api/resources.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { isLogMark } from "./log-marks.ts";
import { describedView } from "./resource-views.ts";
import { leasedResources } from "./resources.ts";
import type { ServiceRunner } from "./service-runner.ts";
import { isReady } from "./service-waits.ts";
import type { World } from "./world.ts";

const linesShown = 10;

/**
 * Waits until none of the services is on its way any more. Throws `WtError` (`unhealthy`, `services_unhealthy`) with reasons and last
 * log lines when one did not become ready; everything is left as it is.
 */
export async function awaitHealth(
  world: World,
  environment: EnvironmentRecord,
  wanted: { services: readonly string[]; abort: AbortSignal },
): Promise<void> {
  await world.supervisor.whenSettled(environment.id, wanted.services, wanted.abort);
  const sick = wanted.services.flatMap((name) => {
    const runner = world.supervisor.runner(environment.id, name);
    return runner && !isReady(runner) ? [runner] : [];
  });
  // The ones that only wait for others come last: their logs explain nothing.
  sick.sort((a, b) => Number(a.status.phase === "Waiting") - Number(b.status.phase === "Waiting"));
  if (sick.length === 0) return;
  const logs = await Promise.all(sick.map(async (runner) => ({ service: runner.name, lines: await lastLines(world, runner) })));
  throw new WtError({
    kind: "unhealthy",
    code: "services_unhealthy",
    message: sick.map((runner) => `${runner.name} of ${environment.slug} is ${runner.status.phase}: ${reasonOf(world, runner)}`).join(" "),
    hints: [
      ...logs.flatMap((log) => log.lines.map((line) => `  ${log.service} | ${line}`)),
      `The environment is kept. See \`wt logs ${sick[0]?.name} -e ${environment.slug}\`, mend it, then run \`wt up ${environment.slug}\`.`,
    ],
    details: {
      slug: environment.slug,
      services: sick.map((runner) => ({ name: runner.name, state: runner.status.phase, reason: reasonOf(world, runner) })),
    },
  });
}

/** None of these resources is known not to work. Wakes nobody. Throws `WtError` (`unhealthy`, `resources_unhealthy`). */
export async function requireResources(world: World, environment: EnvironmentRecord, names: readonly string[]): Promise<void> {
  const views = (await madeResources(world, environment)).filter(({ name }) => names.includes(name));
  const sick = views.filter(({ state }) => state === "Broken" || state === "Foreign");
  const [first] = sick;
  if (!first) return;
  const { slug } = environment;
  throw new WtError({
    kind: "unhealthy",
    code: "resources_unhealthy",
    message: sick.map(({ name, state, detail }) => `${name} of ${slug} is ${state}: ${detail ?? "no reason is known."}`).join(" "),
    hints: [
      `Try to start it: wt db start ${first.name} -e ${slug}`,
      `Give its content up and make it anew: wt db reset ${first.name} -e ${slug}`,
    ],
    details: { slug, resources: sick.map(({ name, state, detail }) => ({ name, state, reason: detail ?? null })) },
  });
}

export async function brokenResources(world: World, environment: EnvironmentRecord): Promise<string[]> {
  return (await madeResources(world, environment)).flatMap(({ name, state }) => (state === "Broken" ? [name] : []));
}

function madeResources(world: World, environment: EnvironmentRecord): Promise<ResourceView[]> {
  const made = leasedResources(world, environment.id).filter((one) => one.connection !== null);
  return Promise.all(made.map((one) => describedView(world, one)));
}

function reasonOf(world: World, runner: ServiceRunner): string {
  const needed = world.supervisor.vainNeed(runner);
  return needed ? `It waits for ${needed.name}, which is ${needed.status.phase}.` : (runner.status.reason ?? "no reason is known.");
}

export async function lastLines(world: World, runner: ServiceRunner): Promise<string[]> {
  const logPath = runner.plan?.spec.logPath;
  if (!logPath) return [];
  const lines: string[] = [];
  // One more, for the mark at the end: what it says is said as the reason.
  const query = { logPath, tail: linesShown + 1, sinceMs: null, follow: false };
  for await (const { line } of world.driver.logs(query, new AbortController().signal)) if (!isLogMark(line)) lines.push(line);
  return lines.slice(-linesShown);
}
