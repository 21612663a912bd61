// Who tries to reach whom: environments of a project that run, with all by which they could be reached.
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { type ContainerPlace, type DockerCall, inspectPlaces } from "../runtime/compose/container-tries.ts";
import { mainEnvironment } from "./main-environment.ts";
import { hasStack } from "./stack-leases.ts";
import { markOf, sharedMark } from "./stack-model.ts";
import type { World } from "./world.ts";

export interface IsolationSubject {
  environment: EnvironmentRecord;
  containers: ContainerPlace[];
  /** Services that are processes of this machine, with their ports. */
  processes: { service: string; port: number | null }[];
  /** Hosts at the gateway. */
  hosts: string[];
}

export interface IsolationScene {
  project: ProjectRecord;
  subjects: IsolationSubject[];
  /** Containers of the shared stack, which everybody reaches. */
  shared: ContainerPlace[];
  /** null: there are no containers. */
  docker: DockerCall | null;
  /** null: a stranger holds it, and is asked nothing. */
  gatewayPort: number | null;
}

/** Throws `WtError` (`refused`, `isolation_needs_two`) while fewer than two run. */
export async function isolationScene(world: World, project: ProjectRecord, abort: AbortSignal): Promise<IsolationScene> {
  const running = world.ledger
    .environments({ projectId: project.id })
    .filter(({ id }) => world.supervisor.runners(id).some(({ status }) => status.live));
  if (running.length < 2) throw tooFew(world, project, running);
  const docker = running.some(({ id }) => hasStack(world.ledger, id)) ? await dockerCall(world, abort) : null;
  const { routes, port, state } = await world.gateway.view();
  const subjects = await Promise.all(
    running.map(async (environment): Promise<IsolationSubject> => {
      const live = world.supervisor.runners(environment.id).filter(({ status }) => status.live);
      const own = routes.filter((route) => route.project === project.name && route.slug === environment.slug);
      return {
        environment,
        containers: docker ? await runningPlaces(world, { mark: markOf(environment), docker }) : [],
        processes: live.flatMap(({ name, plan }) => (plan && !plan.spec.container ? [{ service: name, port: plan.spec.port }] : [])),
        hosts: [...new Set(own.map(({ host }) => host))],
      };
    }),
  );
  const main = mainEnvironment(world, { project });
  const shared = docker && main ? await runningPlaces(world, { mark: sharedMark(main), docker }) : [];
  return { project, subjects, shared, docker, gatewayPort: state === "listening" ? port : null };
}

async function dockerCall(world: World, abort: AbortSignal): Promise<DockerCall> {
  const { endpoint } = await world.stack.checkEngine(abort);
  return { command: ["docker", "--host", endpoint], env: world.env, abort };
}

async function runningPlaces(
  world: World,
  { mark, docker }: { mark: ReturnType<typeof markOf>; docker: DockerCall },
): Promise<ContainerPlace[]> {
  const { containers } = await world.stack.observe(mark, docker.abort);
  const ids = containers.filter(({ state, role }) => state === "running" && role !== "one-off").map(({ id }) => id);
  return inspectPlaces(docker, ids);
}

function tooFew(world: World, project: ProjectRecord, running: readonly EnvironmentRecord[]): WtError {
  const idle = world.ledger.environments({ projectId: project.id }).filter(({ id }) => !running.some((one) => one.id === id));
  const [next] = idle.toSorted((a, b) => Number(a.main) - Number(b.main));
  const which = running.length === 0 ? "none runs" : `only ${running.map(({ slug }) => slug).join("")} runs`;
  return new WtError({
    kind: "refused",
    code: "isolation_needs_two",
    message: `Whether environments reach each other shows with two that run, and of ${project.name} ${which}.`,
    hints: [...(next ? [`Start another: wt up ${next.slug}`] : []), "Make one: wt create <branch>"],
  });
}
