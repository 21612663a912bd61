// From a directory to its project and environment; worktrees that others made are registered on sight.
import { randomBytes } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { closest } from "../config/closest.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { hostLabelFor, lowestFreeSlot, projectNameFor, slugFor } from "../environment/slug.ts";
import { WtError } from "../errors/wt-error.ts";
import type { Git } from "../git/git.ts";
import { findRepository, type Repository } from "../git/repository.ts";
import { initializing } from "../git/worktree-registration.ts";
import { listWorktrees, type Worktree } from "../git/worktrees.ts";
import { adoptedName } from "./adopted-name.ts";
import { readProjectName } from "./config-reader.ts";
import { worktreeExists } from "./worktree-exists.ts";
import { noteMount } from "./worktree-presence.ts";
import type { World } from "./world.ts";
import { newNonce } from "./world-nonce.ts";

export interface Location {
  project: ProjectRecord;
  /** The environment whose worktree the directory is in; null in a bare repository. */
  environment: EnvironmentRecord | null;
}

/** Throws `WtError` (`not_found`, `not_a_repository`) outside of any repository. */
export async function locate(world: World, git: Git, cwd: string): Promise<Location> {
  const known = knownLocation(world, cwd);
  if (known) return known;
  const repository = await repositoryAt(git, cwd);
  const project = await ensureProject(world, repository);
  await syncWorktrees(world, git, project);
  const environment = world.ledger.environments({ projectId: project.id }).find((one) => one.path === repository.worktreeRoot);
  return { project, environment: environment ?? null };
}

/** Without asking git: the nearest directory with a `.git` is a registered worktree. */
export function knownLocation(world: World, cwd: string): Location | null {
  const root = nearestWorktree(cwd);
  const environment = root ? world.ledger.environments().find((one) => one.path === root) : undefined;
  const project = environment ? world.ledger.project(environment.projectId) : null;
  return environment && project ? { project, environment } : null;
}

/** What a command of a caller in `cwd` has to call the environment: nothing where the caller stands in it. */
export function seenFrom(world: World, cwd: string, environment: EnvironmentRecord): { slug: string; here: boolean } {
  return { slug: environment.slug, here: knownLocation(world, cwd)?.environment?.id === environment.id };
}

function nearestWorktree(cwd: string): string | null {
  let directory: string;
  try {
    directory = realpathSync(cwd);
  } catch {
    return null;
  }
  // Git has its own opinion of what is inside its directory.
  if (directory.split("/").includes(".git")) return null;
  for (;;) {
    if (existsSync(join(directory, ".git"))) return directory;
    const parent = dirname(directory);
    if (parent === directory) return null;
    directory = parent;
  }
}

async function repositoryAt(git: Git, cwd: string): Promise<Repository> {
  const repository = await findRepository(git, cwd);
  if (!repository) {
    throw new WtError({
      kind: "not_found",
      code: "not_a_repository",
      message: `${cwd} is not inside a git repository.`,
      hints: ["Go to one, or name it: `wt -C <directory> …`.", "Every project of this machine: `wt list --all`."],
    });
  }
  if (repository.inSubmodule) {
    throw new WtError({
      kind: "refused",
      code: "in_submodule",
      message: `${cwd} is inside a submodule, and worktrees belong to the repository around it.`,
      hints: ["Go to the outer repository, then try again."],
    });
  }
  return repository;
}

async function ensureProject(world: World, repository: Repository): Promise<ProjectRecord> {
  const { ledger } = world;
  const known = ledger.projects().some((one) => one.gitCommonDir === repository.gitCommonDir);
  const directory = basename(repository.mainRoot).replace(/\.git$/, "");
  const wanted = known ? directory : ((await readProjectName(repository.mainRoot, directory)) ?? directory);
  return ledger.transaction(() => {
    const projects = ledger.projects();
    const existing = projects.find((one) => one.gitCommonDir === repository.gitCommonDir);
    if (existing) {
      if (existing.root !== repository.mainRoot) ledger.updateProject(existing.id, { root: repository.mainRoot });
      return { ...existing, root: repository.mainRoot };
    }
    const name = projectNameFor(wanted, new Set(projects.map((one) => one.name)));
    const project: ProjectRecord = {
      id: randomBytes(8).toString("hex"),
      name,
      root: repository.mainRoot,
      gitCommonDir: repository.gitCommonDir,
      createdAtMs: world.clock.now(),
    };
    ledger.insertProject(project);
    return project;
  });
}

/** Brings the ledger's environments in line with git's worktrees: new ones are registered, branches that changed are noted. */
export async function syncWorktrees(world: World, git: Git, project: ProjectRecord): Promise<Worktree[]> {
  const worktrees = (await listWorktrees(git, project.root)).filter((one) => !one.bare);
  const { ledger } = world;
  const known = new Map(ledger.environments({ projectId: project.id }).map((one) => [one.path, one]));
  const pooled = poolPaths(world, project);
  for (const worktree of worktrees) {
    if (pooled.has(worktree.path)) continue;
    const environment = known.get(worktree.path);
    if (environment && environment.branch !== worktree.branch && worktree.exists && !isBusy(world, environment.id)) {
      ledger.updateEnvironment(environment.id, { branch: worktree.branch });
      world.changes.emit(environment.id);
    }
    if (!environment && worktree.exists && worktree.locked !== initializing) {
      registerEnvironment(world, project, {
        branch: worktree.branch,
        path: worktree.path,
        main: worktree.main,
        ownsWorktree: false,
        ownsBranch: false,
      });
    }
  }
  return worktrees;
}

/** Where members of the pool lie, and those that are just being claimed lay. */
function poolPaths({ ledger }: World, project: ProjectRecord): Set<string> {
  const claimed = ledger.leases({ kind: "worktree" }).flatMap(({ data }) => (typeof data.from === "string" ? [data.from] : []));
  return new Set([...claimed, ...ledger.members({ projectId: project.id }).map(({ environment }) => environment.path)]);
}

function isBusy(world: World, environmentId: string): boolean {
  return world.ledger.operations({ environmentId }).length > 0;
}

export type NewEnvironment = Pick<EnvironmentRecord, "branch" | "path" | "main" | "ownsWorktree" | "ownsBranch">;

/** Chooses every name once and writes the row. Throws `WtError` (`refused`) when the path is registered already. */
export function registerEnvironment(world: World, project: ProjectRecord, wanted: NewEnvironment): EnvironmentRecord {
  const { ledger } = world;
  return ledger.transaction(() => {
    const environment: EnvironmentRecord = {
      ...wanted,
      ...chooseNames(world, project, wanted),
      id: randomBytes(8).toString("hex"),
      projectId: project.id,
      nonce: newNonce(ledger),
      wanted: "down",
      createdAtMs: world.clock.now(),
    };
    ledger.insertEnvironment(environment);
    if (worktreeExists(environment)) noteMount(world, environment);
    world.changes.emit(environment.id);
    return environment;
  });
}

/** Free in this moment: the caller writes them down in the same transaction. */
export function chooseNames(
  { ledger }: World,
  project: ProjectRecord,
  wanted: NewEnvironment,
): Pick<EnvironmentRecord, "slug" | "hostLabel" | "slot"> {
  const siblings = ledger.environments({ projectId: project.id });
  // "main" is the main worktree's name, whatever it has checked out.
  const slugs = new Set(siblings.map((one) => one.slug).concat(wanted.main ? [] : ["main"]));
  const slug = wanted.main
    ? "main"
    : slugFor(wanted.ownsWorktree ? (wanted.branch ?? basename(wanted.path)) : adoptedName({ ...wanted, root: project.root }), slugs);
  const labels = new Set(ledger.environments().map((one) => one.hostLabel));
  return {
    slug,
    hostLabel: hostLabelFor({ slug, project: project.name }, labels),
    slot: wanted.main ? 0 : lowestFreeSlot(new Set(siblings.map((one) => one.slot))),
  };
}

/** By slug, then branch. Throws `WtError` (`not_found`, `environment_unknown`) that names near ones. */
export function environmentNamed(world: World, project: ProjectRecord, name: string): EnvironmentRecord {
  const environments = world.ledger.environments({ projectId: project.id });
  const found = environments.find((one) => one.slug === name) ?? environments.find((one) => one.branch === name);
  if (found) return found;
  const slugs = environments.map((one) => one.slug);
  const meant = closest(name, slugs);
  const near = new Set([...(meant === null ? [] : [meant]), ...slugs.filter((slug) => slug.includes(name) || name.includes(slug))]);
  throw new WtError({
    kind: "not_found",
    code: "environment_unknown",
    message: `There is no environment called ${name} in ${project.name}.`,
    hints: [
      near.size > 0 ? `Did you mean ${[...near].slice(0, 3).join(" or ")}?` : "Run `wt list` to see them all.",
      `Run \`wt create ${name}\` to make it.`,
    ],
  });
}

/** The environment a request is about. Throws `WtError` (`not_found`) when there is none. */
export async function locateTarget(
  world: World,
  git: Git,
  target: { cwd: string; name?: string },
): Promise<{ project: ProjectRecord; environment: EnvironmentRecord }> {
  const { project, environment } = await locate(world, git, target.cwd);
  if (target.name !== undefined) {
    await syncUnlessKnown(world, git, { project, name: target.name });
    return { project, environment: environmentNamed(world, project, target.name) };
  }
  if (environment) return { project, environment };
  refuseMember(world, project, target.cwd);
  throw new WtError({
    kind: "not_found",
    code: "no_environment_here",
    message: `${target.cwd} is not inside a worktree.`,
    hints: ["Name the environment, or go to its directory: `wt list` shows them."],
  });
}

/** A worktree that was made a moment ago may not have been seen yet. */
async function syncUnlessKnown(world: World, git: Git, { project, name }: { project: ProjectRecord; name: string }): Promise<void> {
  if (!knownAs(world, project, name)) await syncWorktrees(world, git, project);
}

function knownAs(world: World, project: ProjectRecord, name: string): EnvironmentRecord | undefined {
  return world.ledger.environments({ projectId: project.id }).find((one) => one.slug === name || one.branch === name);
}

/** Who stands in a prepared worktree is told what it is. */
function refuseMember(world: World, project: ProjectRecord, cwd: string): void {
  const root = nearestWorktree(cwd);
  const member = world.ledger.members({ projectId: project.id }).find(({ environment }) => environment.path === root);
  if (!member) return;
  throw new WtError({
    kind: "refused",
    code: "pool_member",
    message: `${member.environment.path} is a prepared worktree of the pool, and no environment yet.`,
    hints: ["Make one of it: wt create <branch>", "See the pool: wt pool"],
  });
}

/**
 * `wt up feature` means the environment and `wt up backend` a service of the current one: the first word is an environment's name when
 * the request names none and no service of the current environment is called so.
 */
export async function locateNamed(
  world: World,
  git: Git,
  request: { target: { cwd: string; name?: string }; services: string[] },
): Promise<{ project: ProjectRecord; environment: EnvironmentRecord; services: string[] }> {
  const { target, services } = request;
  const [first, ...rest] = services;
  if (first !== undefined && target.name === undefined) {
    const { project, environment } = await locate(world, git, target.cwd);
    const isService = environment !== null && world.supervisor.runner(environment.id, first) !== null;
    if (!isService) await syncUnlessKnown(world, git, { project, name: first });
    const named = knownAs(world, project, first);
    if (named && !isService) return { project, environment: named, services: rest };
  }
  return { ...(await locateTarget(world, git, target)), services };
}
