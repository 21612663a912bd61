import type { DeleteRequest, DeleteResult, EnvironmentView, GitView, Target } from "../../api/environment.ts";
import { WtError } from "../../errors/wt-error.ts";
import { type Context, callerEnvironment, defineCommand, targetOf } from "../command.ts";
import { canAsk, confirm } from "../confirm.ts";
import { writeDirective } from "../directive.ts";
import { deleteJson } from "../render/delete-json.ts";
import { deleteLines, workAtStake } from "../render/delete-text.ts";
import { currentEnvironment } from "../render/list-text.ts";
import { runOperation } from "../run-operation.ts";

export const deleteCommand = defineCommand({
  name: "delete",
  summary: "Stop everything, then remove worktree, resources and (if merged) the branch",
  details: [
    "Refuses uncommitted and untracked files, and commits that no branch has; with --force they go.",
    "The branch is deleted when its work is merged, and stays otherwise; with --branch it goes also then.",
    "All of it is kept for 7 days, and `wt undelete` brings it back; with --purge nothing is kept.",
    "The main checkout is never deleted.",
  ],
  arguments: [
    {
      name: "name",
      summary: "Slugs or branches; without one, asks about the current environment",
      variadic: true,
      complete: "environment",
    },
  ],
  options: {
    force: { type: "boolean", short: "f", summary: "Also with uncommitted or untracked work" },
    branch: { type: "boolean", short: "b", summary: "Also delete a branch that is not merged" },
    purge: { type: "boolean", summary: "Keep nothing that `wt undelete` could bring back" },
    abandon: { type: "boolean", summary: "Leave where it is what cannot be removed, such as a database whose server is gone" },
    "end-agents": { type: "boolean", summary: "End the agents that live there, with everything they started" },
    "no-hooks": { type: "boolean", summary: "Leave the hooks of wt.yaml out, when one of them refuses or fails" },
  },
  examples: [
    { command: "wt delete earl-fib-123-feature", summary: "one that is merged and clean" },
    { command: "wt delete spike --force --purge", summary: "one that nobody will miss, for good" },
    { command: "wt rm spike-1 spike-2 --force --branch", summary: "two experiments, whatever their state" },
  ],
  async handler({ options, arguments: names }, context) {
    const { environments } = await context.client.call("/v1/environments/list", { cwd: context.cwd, all: false, git: "skip" });
    const current = currentEnvironment(environments, context.cwd);
    const chosen = names.length > 0 ? names : await currentAfterAsking(context, current, options.force);
    if (chosen.length === 0) return 130;
    const deleted: DeleteResult[] = [];
    const failed: { name: string; error: WtError }[] = [];
    for (const name of chosen) {
      const target = targetOf(context, name);
      try {
        const result = await deleteOne(context, target, {
          agents: options["end-agents"],
          force: options.force,
          branch: options.branch,
          purge: options.purge,
          abandon: options.abandon,
          hooks: !options["no-hooks"],
        });
        deleted.push(result);
        if (result.slug === current?.slug) await leave(context, environments);
        if (!context.json) await context.terminal.out(`${deleteLines(result, context.terminal.paint).join("\n")}\n`);
      } catch (error) {
        if (!(error instanceof WtError) || error.kind === "cancelled") throw error;
        failed.push({ name, error });
      }
    }
    if (failed.length > 0) throw combined(failed, deleted);
    if (context.json) await context.terminal.out(deleteJson(deleted));
    return 0;
  },
});

type DeleteConsent = Pick<DeleteRequest, "force" | "branch" | "purge" | "abandon" | "hooks" | "agents">;

/** A person at a terminal is asked about agents that live there; everybody else is refused. */
async function deleteOne(context: Context, target: Target, consent: DeleteConsent): Promise<DeleteResult> {
  const request = { target, env: callerEnvironment(context.env), ...consent };
  const run = (now: DeleteRequest) => runOperation(context, { path: "/v1/environments/delete", request: now }, { target });
  try {
    return await run(request);
  } catch (error) {
    if (!(error instanceof WtError) || error.code !== "agent_live" || !canAsk(context)) throw error;
    if (!(await confirm(context, `${error.message} End all of it and delete?`))) throw error;
    return await run({ ...request, agents: true });
  }
}

async function currentAfterAsking(context: Context, current: EnvironmentView | null, force: boolean): Promise<string[]> {
  if (!current || !canAsk(context)) {
    throw new WtError({
      kind: "usage",
      code: "argument_missing",
      message: "Missing argument: wt delete <name>.",
      hints: ["See the names: wt list"],
    });
  }
  // What would be refused anyway is not asked about.
  if (current.main) return [current.slug];
  const { environment } = await context.client.call("/v1/environments/status", { target: { cwd: context.cwd, name: current.slug } });
  const { git } = environment;
  if (!force && git && git.dirty + git.untracked > 0) throw unsaved(current.slug, git);
  const work = force ? workAtStake(git) : "";
  return (await confirm(context, `Delete the current environment ${current.slug} (${current.path})${work && ` with ${work}`}?`))
    ? [current.slug]
    : [];
}

/** As the daemon would say it: nothing is worth a question that it would refuse after the answer. */
function unsaved(slug: string, git: GitView): WtError {
  return new WtError({
    kind: "refused",
    code: "unsaved_work",
    message: `${slug} has ${workAtStake({ ...git, ahead: 0 })}.`,
    hints: ["Commit it, then try again.", `Run \`wt delete ${slug} --force\` to delete it all the same; it is kept for a while.`],
    details: { dirty: git.dirty, untracked: git.untracked },
  });
}

/** The shell stands in a directory that is gone: with shell integration it goes to the main checkout. */
async function leave(context: Context, environments: readonly EnvironmentView[]): Promise<void> {
  const main = environments.find((environment) => environment.main);
  if (main) await writeDirective(context.env, main.path);
}

/** One failure is thrown as it is; several become one that names each. */
function combined(failed: readonly { name: string; error: WtError }[], deleted: readonly DeleteResult[]): WtError {
  const [first] = failed;
  if (first && failed.length === 1 && deleted.length === 0) return first.error;
  return new WtError({
    kind: first?.error.kind ?? "internal",
    code: first?.error.code ?? "bug",
    message: failed.map(({ name, error }) => `${name} was not deleted: ${error.message}`).join(" "),
    hints: [...new Set(failed.flatMap(({ error }) => error.hints))],
    details: {
      deleted: deleted.map(({ slug }) => slug),
      failed: failed.map(({ name, error }) => ({ name, kind: error.kind, code: error.code, message: error.message })),
    },
  });
}
