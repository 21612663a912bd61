// `wt trust`: what a worktree, or a branch that has none yet, wants to run; and a person's approval of exactly that.

import type { TrustGrantRequest, TrustRequest, TrustView } from "../api/operations.ts";
import type { TrackedFiles } from "../config/config.ts";
import type { ProjectRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { planBranch } from "../git/branches.ts";
import { createGit, type Git } from "../git/git.ts";
import { treeFiles } from "../git/tree-files.ts";
import { worktreeFiles } from "../git/worktree-files.ts";
import { readConfig, readTrust } from "./config-reader.ts";
import { locate, locateTarget } from "./projects.ts";
import type { World } from "./world.ts";

interface Question {
  project: ProjectRecord;
  view: TrustView;
}

export async function trustQuestion(world: World, request: TrustRequest): Promise<Question> {
  const { project, files } = await subject(world, createGit(world.env), request);
  const config = await readConfig(project, files);
  return { project, view: await readTrust(world, project, { config, files }) };
}

/** Grants what was shown and nothing else: the hash must still be the same. */
export async function grantTrust(world: World, request: TrustGrantRequest): Promise<TrustView> {
  const { project, view } = await trustQuestion(world, request);
  if (view.hash !== request.hash) {
    throw new WtError({
      kind: "untrusted",
      code: "trust_moved",
      message: `The commands of ${project.name} changed while they were being looked at.`,
      hints: ["Run `wt trust` again."],
    });
  }
  if (view.state !== "nothing_to_trust") {
    const commands = view.commands.map(({ source, text }) => ({ source, text }));
    world.ledger.grantTrust({ projectId: project.id, hash: view.hash, commands, grantedAtMs: world.clock.now() });
  }
  return (await trustQuestion(world, request)).view;
}

/** An environment's worktree; else the commit that `wt create <name>` would check out; else the commit that the name means to git. */
async function subject(world: World, git: Git, request: TrustRequest): Promise<{ project: ProjectRecord; files: TrackedFiles }> {
  const { target, create } = request;
  try {
    const { project, environment } = await locateTarget(world, git, target);
    return { project, files: worktreeFiles(git, environment.path) };
  } catch (error) {
    if (WtError.from(error).code !== "environment_unknown" || target.name === undefined) throw error;
    const { project } = await locate(world, git, target.cwd);
    const { root } = project;
    const plan = await planBranch(git, { root, branch: target.name, from: create?.from ?? null }).catch(() => null);
    const commit = plan && (create || plan.kind !== "new") ? plan.commit : await commitNamed(git, root, target.name);
    if (commit === null) throw error;
    return { project, files: treeFiles(git, { root, commit }) };
  }
}

async function commitNamed(git: Git, root: string, name: string): Promise<string | null> {
  const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`];
  const output = await git.run(root, args, { allow: [1, 128] });
  // Git of old repeats `--end-of-options` on a line of its own.
  return /^[0-9a-f]{40,64}$/m.exec(output)?.[0] ?? null;
}
