// Environments as the wire shows them.
import type { AgentView } from "../api/agents.ts";
import type { EnvironmentDocument, EnvironmentList, EnvironmentView, ListEvent, ListRequest } from "../api/environment.ts";
import type { ResourceView } from "../api/resources.ts";
import { conditionWithResources, environmentCondition } from "../environment/environment-status.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { environmentUrl, hostSuffix } from "../environment/routes.ts";
import { createGit, type Git } from "../git/git.ts";
import { agentsOf } from "./agent-presence.ts";
import { clonesUnderWay } from "./clone-journal.ts";
import { readIncomplete } from "./incomplete.ts";
import { locate, syncWorktrees } from "./projects.ts";
import { detailedResourceViews, resourceViews } from "./resource-views.ts";
import { detailedServiceViews, serviceViews } from "./service-views.ts";
import { sharedViews } from "./shared-names.ts";
import { worktreeExists } from "./worktree-exists.ts";
import type { World } from "./world.ts";

const watchPauseMs = 100;
const gitRefreshMs = 5_000;

export interface Listed {
  project: ProjectRecord;
  environment: EnvironmentRecord;
}

export function environmentView(world: World, { project, environment }: Listed): EnvironmentView {
  const services = serviceViews(world, environment.id);
  const incomplete = readIncomplete(world, environment.id);
  const copying = clonesUnderWay(world, environment.id).map(({ directory, sinceMs }) => ({
    directory,
    since: new Date(sinceMs).toISOString(),
  }));
  const operation = world.ledger.operations({ environmentId: environment.id })[0]?.kind ?? null;
  const routed = world.supervisor.runners(environment.id).some((runner) => (runner.plan?.routes.length ?? 0) > 0);
  return {
    project: project.name,
    slug: environment.slug,
    branch: environment.branch,
    path: environment.path,
    main: environment.main,
    status: environmentCondition({
      operation,
      worktreeExists: worktreeExists(environment),
      incomplete: incomplete !== null,
      wanted: environment.wanted,
      services: services.map((service) => service.state),
    }),
    url: routed ? environmentUrl(environment, hostSuffix(world.gateway.port)) : null,
    slot: environment.slot,
    createdAt: new Date(environment.createdAtMs).toISOString(),
    git: null,
    services,
    resources: [],
    ...(incomplete ? { incomplete } : {}),
    ...sharedServices(world, environment),
    ...(copying.length > 0 ? { copying } : {}),
  };
}

function sharedServices(world: World, { id, main }: EnvironmentRecord): Pick<EnvironmentView, "shared"> {
  const shared = main ? sharedViews(world, id) : [];
  return shared.length > 0 ? { shared } : {};
}

/** With the states of its resources and agents, which takes a look at each. */
async function fullView(world: World, listed: Listed): Promise<EnvironmentView> {
  const [resources, agents] = await Promise.all([resourceViews(world, listed.environment.id), agentsOf(world, listed)]);
  return { ...withResources(environmentView(world, listed), resources), ...withAgents(agents) };
}

function withAgents(agents: AgentView[]): Pick<EnvironmentView, "agents"> {
  return agents.length > 0 ? { agents } : {};
}

function withResources(view: EnvironmentView, resources: ResourceView[]): EnvironmentView {
  const states = resources.map(({ state }) => state);
  return { ...view, status: conditionWithResources(view.status, states), resources };
}

/** With the details of `wt status`, and with git's facts unless `git` is null. Throws `internal` for an unknown id. */
export async function environmentDocument(world: World, git: Git | null, environmentId: string): Promise<EnvironmentDocument> {
  const environment = world.ledger.environment(environmentId);
  const project = environment ? world.ledger.project(environment.projectId) : null;
  if (!environment || !project) throw new Error(`environment ${environmentId} is not in the ledger`);
  const [services, resources, agents, status] = await Promise.all([
    detailedServiceViews(world, environmentId),
    detailedResourceViews(world, environmentId),
    agentsOf(world, { project, environment }),
    git ? world.gitStatus.status(git, project, environment) : null,
  ]);
  const view = withResources(environmentView(world, { project, environment }), resources);
  return { schema: 1, environment: { ...view, services, git: status, ...withAgents(agents) } };
}

/** The environments a list shows, main first, then by age. */
export async function listedEnvironments(world: World, git: Git, request: ListRequest): Promise<Listed[]> {
  const projects = request.all ? world.ledger.projects() : [(await locate(world, git, request.cwd)).project];
  await Promise.all(
    projects.map((project) =>
      syncWorktrees(world, git, project).catch((error) => {
        // One repository that is gone must not hide the others.
        if (!request.all) throw error;
      }),
    ),
  );
  return projects.flatMap((project) =>
    world.ledger
      .environments({ projectId: project.id })
      .sort((a, b) => Number(b.main) - Number(a.main) || b.createdAtMs - a.createdAtMs)
      .map((environment) => ({ project, environment })),
  );
}

export async function listEnvironments(world: World, request: ListRequest): Promise<EnvironmentList> {
  const git = createGit(world.env);
  const listed = await listedEnvironments(world, git, request);
  const asked = request.git === "skip" ? [] : listed;
  const [views, statuses] = await Promise.all([
    Promise.all(listed.map((one) => fullView(world, one))),
    Promise.all(asked.map((one) => world.gitStatus.statusInList(git, one.project, one.environment))),
  ]);
  return { schema: 1, environments: views.map((view, index) => ({ ...view, git: statuses[index] ?? null })) };
}

/** The list at once, with what is proven of git; the rest as git answers, then (with `follow`) the list anew whenever something changed. */
export async function* watchEnvironments(
  world: World,
  request: ListRequest & { follow: boolean },
  abort: AbortSignal,
): AsyncGenerator<ListEvent> {
  const git = createGit(world.env);
  const changes = changeSignal(world);
  try {
    for (;;) {
      const listed = await listedEnvironments(world, git, request);
      const [views, gitViews] = await Promise.all([
        Promise.all(listed.map((one) => fullView(world, one))),
        Promise.all(listed.map((one) => (request.git === "wait" ? world.gitStatus.proven(git, one.project, one.environment) : null))),
      ]);
      yield { type: "list", environments: views.map((view, index) => ({ ...view, git: gitViews[index] ?? null })) };
      if (request.git === "wait")
        yield* gitEvents(
          world,
          git,
          listed.filter((_, index) => !gitViews[index]),
        );
      yield { type: "settled" };
      if (!request.follow) return;
      await Promise.race([changes.next(), world.clock.sleep(gitRefreshMs, abort)]);
      await world.clock.sleep(watchPauseMs, abort);
    }
  } finally {
    changes.stop();
  }
}

async function* gitEvents(world: World, git: Git, listed: readonly Listed[]): AsyncGenerator<ListEvent> {
  const pending = new Map(
    listed.map((one) => [
      one,
      world.gitStatus.statusInList(git, one.project, one.environment).then((status) => ({
        one,
        event: { type: "git" as const, project: one.project.name, slug: one.environment.slug, git: status },
      })),
    ]),
  );
  while (pending.size > 0) {
    const { one, event } = await Promise.race(pending.values());
    pending.delete(one);
    yield event;
  }
}

function changeSignal(world: World): { next: () => Promise<void>; stop: () => void } {
  let changed = Promise.withResolvers<void>();
  const stop = world.changes.listen(() => {
    changed.resolve();
  });
  return {
    next: async () => {
      await changed.promise;
      changed = Promise.withResolvers<void>();
    },
    stop,
  };
}
