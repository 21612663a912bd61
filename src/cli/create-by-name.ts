// `wt switch --create`: the environment that was not there.
import type { EnvironmentView } from "../api/environment.ts";
import { createGit } from "../git/git.ts";
import { type Context, callerEnvironment } from "./command.ts";
import { runOperation } from "./run-operation.ts";

/** `cwd` is any worktree of the project. Throws what `wt create` throws. */
export async function createByName(context: Context, cwd: string, branch: string): Promise<EnvironmentView> {
  const request = { cwd, branch, up: true, env: callerEnvironment(context.env), git: context.json ? ("wait" as const) : ("skip" as const) };
  const result = await runOperation(context, { path: "/v1/environments/create", request }, { target: { cwd, name: branch }, create: {} });
  return result.environment;
}

/** A local branch, or one of any remote, of exactly this name. */
export async function hasBranch(context: Context, cwd: string, branch: string): Promise<boolean> {
  // Characters that no branch has, but a pattern may.
  if (/[*?[\\]/.test(branch)) return false;
  const patterns = [`refs/heads/${branch}`, `refs/remotes/*/${branch}`];
  const output = await createGit(callerEnvironment(context.env)).run(cwd, ["for-each-ref", "--format=%(refname)", ...patterns]);
  return output.split("\n").some((ref) => ref === patterns[0] || /^refs\/remotes\/[^/]+\/(.+)$/.exec(ref)?.[1] === branch);
}
