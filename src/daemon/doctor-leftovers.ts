// What `wt doctor` finds where the ledger and the machine differ: worktrees that others removed, processes, rows and directories that are left.
import { readdir, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { GcItem } from "../api/gc.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { createGit } from "../git/git.ts";
import { type Registration, readRegistrations } from "../git/worktree-registration.ts";
import { entryAt } from "../os/files.ts";
import { observeWorkplaces, workingIn } from "../os/workplaces.ts";
import type { Finding } from "./finding.ts";
import { collectLeftovers } from "./gc-leftovers.ts";
import { unseenStacks } from "./gc-stacks.ts";
import { heldData } from "./held-data.ts";
import { never } from "./journaled-run.ts";
import { readOrphans } from "./orphans.ts";
import { releaseEnvironment } from "./release-environment.ts";
import { holdsRemoved } from "./removed-worktrees.ts";
import { observePresence } from "./worktree-presence.ts";
import type { World } from "./world.ts";

export async function leftoverFindings(world: World): Promise<Finding[]> {
  const projects = world.ledger.projects();
  const [items, programs, orphans, ...perProject] = await Promise.all([
    collectLeftovers({ world, dryRun: true, abort: never() }),
    programFindings(projects),
    orphanFindings(world),
    ...projects.map((project) => projectFindings(world, project)),
  ]);
  return [...items.flatMap((item) => leftoverFinding(world, item)), ...programs, ...orphans, ...perProject.flat()];
}

const codes: Partial<Record<GcItem["kind"], string>> = {
  process: "process_stray",
  containers: "containers_orphaned",
  lease: "lease_stale",
  port: "lease_stale",
  operation: "operation_orphaned",
  project: "repository_gone",
  directory: "directory_left",
};

/** Trash is emptied by itself; that the engine could not be asked is a finding of its own. */
function leftoverFinding(world: World, item: GcItem): Finding[] {
  const code = codes[item.kind];
  if (code === undefined || (item.kind === "containers" && item.name === unseenStacks)) return [];
  const message = `${capital(item.kind)} ${item.name} is left. ${item.reason}`;
  const finding: Finding = { code, level: "warning", message, fix: "wt gc" };
  if (item.outcome !== "removed") return [finding];
  return [{ ...finding, repair: () => removeLeftover(world, item) }];
}

/** All leftovers go at once; the one that is asked about must be among them or gone already. */
async function removeLeftover(world: World, { kind, name }: GcItem): Promise<string> {
  const items = await collectLeftovers({ world, dryRun: false, abort: never() });
  const failed = items.find((item) => item.kind === kind && item.name === name && item.outcome !== "removed");
  if (failed) throw new Error(failed.reason);
  return `Removed ${kind} ${name}.`;
}

/** Programs that go on in a worktree that was removed under them. Whose they are is not proven, so they are only named. */
async function programFindings(projects: readonly ProjectRecord[]): Promise<Finding[]> {
  const workplaces = (await observeWorkplaces()) ?? [];
  const removed = workplaces.filter((one) => one.removed);
  return projects.flatMap((project) =>
    [project.root, worktreesBeside(project)].flatMap((place) =>
      workingIn(removed, place).map(({ pid, name, directory }): Finding => {
        const message = `${name} (pid ${pid}) works in ${directory}, which was removed under it.`;
        return { code: "program_in_removed", level: "warning", message, fix: `kill ${pid}` };
      }),
    ),
  );
}

async function orphanFindings(world: World): Promise<Finding[]> {
  try {
    const orphans = await readOrphans(world);
    return orphans.map(({ directory, doubt }) => ({
      code: "resource_orphaned",
      level: "warning",
      message: `${directory} belongs to an environment that is gone.${doubt === null ? "" : ` ${doubt}`}`,
      fix: "wt gc --dry-run",
    }));
  } catch (error) {
    return [{ code: "state_unreadable", level: "error", message: `${world.paths.environments}: ${(error as Error).message}.`, fix: null }];
  }
}

async function projectFindings(world: World, project: ProjectRecord): Promise<Finding[]> {
  const environments = world.ledger.environments({ projectId: project.id });
  const found = await Promise.all(environments.map((environment) => worktreeFindings(world, project, environment)));
  if (entryAt(project.gitCommonDir) === null) return found.flat();
  const known = world.ledger.environments({ projectId: project.id, members: "with" });
  return [...found.flat(), ...(await registrationFindings(project, known)), ...(await directoryFindings(project, known))];
}

async function worktreeFindings(world: World, project: ProjectRecord, environment: EnvironmentRecord): Promise<Finding[]> {
  const { slug, branch } = environment;
  const presence = await observePresence(world, project, environment);
  const warning = { level: "warning" as const };
  if (presence.state === "there") return environment.main ? [] : await branchFindings(world, project, environment);
  if (presence.state === "unknown") {
    const message = `The worktree of ${slug} cannot be seen. ${presence.because} Nothing of it is given back.`;
    return [{ ...warning, code: "worktree_unseen", message, fix: `ls -ld ${environment.path}` }];
  }
  if (presence.state === "remains") {
    const message = `${presence.because} The names, ports and resources of ${slug} are still its.`;
    return [{ ...warning, code: "worktree_missing", message, fix: `wt delete ${slug}` }];
  }
  const code = presence.how === "repository" ? "repository_gone" : "worktree_missing";
  const isGone = presence.how === "repository";
  const held = await (isGone ? heldData(world, environment) : holdsRemoved(world, project, environment));
  if (held !== null) {
    const message = `${presence.because} What ${slug} had is still leased, for ${held}.`;
    return [{ ...warning, code, message, fix: isGone ? "wt gc" : `wt delete ${slug}` }];
  }
  const kept = presence.how === "repository" ? "" : branch === null ? "" : ` The branch ${branch} stays.`;
  return [
    {
      ...warning,
      code,
      message: `${presence.because} What ${slug} had${presence.how === "repository" ? ` at ${environment.path}` : ""} is still leased.${kept}`,
      fix: "wt doctor --fix",
      repair: async () => {
        const call = { emit: () => undefined, abort: never() };
        await releaseEnvironment(world, { project, environment, repositoryGone: presence.how === "repository" }, call);
        return `Gave back what ${slug} had: processes, ports, resources, names.`;
      },
    },
  ];
}

/** Deleted under a worktree that has it checked out, as `git update-ref` can. */
async function branchFindings(world: World, project: ProjectRecord, { branch, slug, path }: EnvironmentRecord): Promise<Finding[]> {
  if (branch === null) return [];
  const args = ["rev-parse", "--quiet", "--verify", `refs/heads/${branch}`];
  const found = await createGit(world.env)
    .run(project.root, args, { allow: [1] })
    .catch(() => "unknown");
  if (found.trim() !== "") return [];
  const message = `The branch ${branch} of ${slug} is gone, and its worktree is on it.`;
  return [{ code: "branch_gone", level: "warning", message, fix: `git -C ${path} reflog` }];
}

/** Registrations whose directory is gone and that are no environment's. One at a time: `git worktree prune` would take all that cannot be seen. */
async function registrationFindings(project: ProjectRecord, environments: readonly EnvironmentRecord[]): Promise<Finding[]> {
  const registrations = await readRegistrations(project.gitCommonDir);
  return registrations.flatMap(({ id, path, lockReason }: Registration): Finding[] => {
    const known = environments.some((one) => one.path === path);
    if (known || (path !== null && entryAt(path) !== null)) return [];
    const at = path ?? "no directory";
    // Whoever locked it said that it comes back; git itself, while it works, and when it is killed.
    if (lockReason !== null && lockReason !== "initializing") return [];
    const unlock = lockReason === null ? "" : `rm ${join(project.gitCommonDir, "worktrees", id, "locked")} && `;
    const remove =
      path === null ? `rm -r ${join(project.gitCommonDir, "worktrees", id)}` : `git -C ${project.root} worktree remove ${path}`;
    const message = `git in ${project.name} still lists the worktree ${id} (${at}), which is gone${lockReason === null ? "" : "; it was never finished"}.`;
    return [{ code: "registration_left", level: "warning", message, fix: `${unlock}${remove}` }];
  });
}

/** Beside the repository, where wt makes worktrees: what is neither a worktree nor an environment. */
async function directoryFindings(project: ProjectRecord, environments: readonly EnvironmentRecord[]): Promise<Finding[]> {
  const parent = worktreesBeside(project);
  const names = await readdir(parent, { withFileTypes: true }).catch(() => []);
  const findings: Finding[] = [];
  for (const entry of names) {
    const path = join(parent, entry.name);
    const known = environments.some((one) => one.path === path || one.path.startsWith(`${path}/`));
    if (!entry.isDirectory() || known || entryAt(join(path, ".git")) !== null) continue;
    const inside = await readdir(path).catch(() => ["?"]);
    const what = inside.length === 0 ? "and empty" : `with ${inside.slice(0, 3).join(", ")}${inside.length > 3 ? " and more" : ""}`;
    const message = `${path} is left, ${what}; it is no worktree and no environment.`;
    const finding: Finding = { code: "directory_left", level: "warning", message, fix: `ls -la ${path}` };
    const repair = async () => {
      await rmdir(path);
      return `Removed the empty directory ${path}.`;
    };
    findings.push(inside.length === 0 ? { ...finding, fix: `rmdir ${path}`, repair } : finding);
  }
  return findings;
}

/** Where wt makes worktrees. */
function worktreesBeside({ root }: ProjectRecord): string {
  return join(dirname(root), `${basename(root).replace(/\.git$/, "")}.worktrees`);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
