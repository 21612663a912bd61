// Which templates the environments that are there would be made from now: derived forward from the ledger and each worktree's wt.yaml.
import { join } from "node:path";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { repositoryFiles } from "../os/repository-files.ts";
import type { ResourceSpec, ResourceTemplates } from "../resource/resource-driver.ts";
import { readConfig } from "./config-reader.ts";
import type { EnvironmentSession } from "./environment-session.ts";
import { wantedOptions } from "./resource-options.ts";
import { driverOf } from "./resources.ts";
import type { World } from "./world.ts";

export interface Needs {
  /** Key → slugs. */
  wantedBy: Map<string, string[]>;
  /** Main worktrees of projects of which something could not be told → why, a sentence. */
  unknown: Map<string, string>;
}

/** Of the resources of `type`. */
export async function readNeeds(world: World, type: string): Promise<Needs> {
  const needs: Needs = { wantedBy: new Map(), unknown: new Map() };
  const projects = new Map(world.ledger.projects().map((project) => [project.id, project]));
  for (const environment of world.ledger.environments({ members: "with" })) {
    const project = projects.get(environment.projectId);
    if (!project) continue;
    try {
      const session = await lookingSession(project, environment);
      for (const name of templatedResources(world, session)) {
        if (session.config.resources[name]?.type !== type) continue;
        const { templates, spec } = templateSpec(world, session, name);
        for (const key of (await templates.need(spec))?.keys ?? []) {
          needs.wantedBy.set(key, [...(needs.wantedBy.get(key) ?? []), environment.slug]);
        }
      }
    } catch (error) {
      needs.unknown.set(project.root, `${environment.slug} of ${project.name}: ${WtError.from(error).message}`);
    }
  }
  return needs;
}

/** Names of the resources whose driver has templates. */
export function templatedResources(world: World, { config }: Pick<EnvironmentSession, "config">): string[] {
  return Object.entries(config.resources).flatMap(([name, { type }]) => (driverOf(world, type).templates ? [name] : []));
}

/** What `ensure` would get, without a lease: enough to tell a template or to build it. Throws `WtError`. */
export function templateSpec(
  world: World,
  session: EnvironmentSession,
  name: string,
): { templates: ResourceTemplates; spec: ResourceSpec } {
  const { environment, project, config } = session;
  const driver = driverOf(world, config.resources[name]?.type ?? "");
  const parsed = driver.parseOptions(wantedOptions(world, session, name));
  if ("problems" in parsed || !driver.templates) {
    const problem = "problems" in parsed ? parsed.problems[0] : undefined;
    throw new WtError({
      kind: "config",
      code: "config_invalid",
      message: `resources.${name}.${problem?.key ?? "type"}: ${problem?.message ?? "has no templates."}`,
      hints: problem?.hint ? [problem.hint] : [],
    });
  }
  const spec: ResourceSpec = {
    environmentId: environment.id,
    nonce: environment.nonce,
    name,
    label: `wt_template_${name}`,
    options: parsed.options,
    directory: join(world.paths.environments, environment.id, "resources", name),
    worktree: environment.path,
    mainWorktree: project.root,
    main: environment.main,
    port: null,
  };
  return { templates: driver.templates, spec };
}

/** Runs nothing of the repository, so nobody's approval is needed. */
async function lookingSession(project: ProjectRecord, environment: EnvironmentRecord): Promise<EnvironmentSession> {
  const config = await readConfig(project, repositoryFiles(environment.path));
  return { project, environment, config, git: createGit({}), callerEnv: {} };
}
