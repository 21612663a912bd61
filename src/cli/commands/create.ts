import { callerEnvironment, defineCommand } from "../command.ts";
import { environmentJson } from "../render/environment-json.ts";
import { printEnvironment } from "../render/print-environment.ts";
import { runOperation } from "../run-operation.ts";

export const create = defineCommand({
  name: "create",
  summary: "Make an environment for a branch: worktree, setup, services, URLs",
  details: [
    "A local branch is checked out; else a remote branch is tracked; else a new branch starts from --from (default: the default branch).",
    "An environment that exists already is brought up. When it is interrupted, nothing half-made stays.",
    "When a setup command or a migration fails, the environment is kept as Incomplete: mend it there, then carry on with --resume.",
    "When services do not become healthy, the environment is kept and the exit code is 8.",
  ],
  arguments: [{ name: "branch", summary: "Branch name, of any legal shape", required: true, complete: "branch" }],
  options: {
    from: { type: "string", placeholder: "ref", summary: "Where a new branch starts", complete: "branch" },
    resume: { type: "boolean", summary: "Carry on with an incomplete environment, by what its worktree says now" },
    "no-up": { type: "boolean", summary: "Do not start the services" },
    "no-setup": { type: "boolean", summary: "Leave the setup commands to the next `wt up`" },
    "no-hooks": { type: "boolean", summary: "Leave the hooks of wt.yaml out this time" },
  },
  examples: [
    { command: "wt create earl/fib-123-feature", summary: "a new branch from the default branch, or the one that exists" },
    { command: "wt create spike --resume", summary: "after its migration failed and was mended" },
    { command: "wt create hotfix --from v1.4.0", summary: "a new branch from a tag" },
    { command: "wt create spike --no-up --json", summary: "only the worktree, answered as JSON" },
  ],
  async handler({ options, arguments: [branch = ""] }, context) {
    const create = options.from === undefined ? {} : { from: options.from };
    const request = {
      cwd: context.cwd,
      branch,
      up: !options["no-up"],
      ...(options["no-hooks"] ? { hooks: false } : {}),
      ...(options["no-setup"] ? { setup: false } : {}),
      ...(options.resume ? { resume: true } : {}),
      env: callerEnvironment(context.env),
      // Only the JSON shows git's facts.
      git: context.json ? ("wait" as const) : ("skip" as const),
      ...create,
    };
    const target = { cwd: context.cwd, name: branch };
    const result = await runOperation(context, { path: "/v1/environments/create", request }, { target, create });
    if (context.json) {
      await context.terminal.out(environmentJson(result));
      return 0;
    }
    const { slug, branch: itsBranch } = result.environment;
    // Found by its slug, it may well have another branch than the one that was meant.
    const about = itsBranch === branch ? "" : ` (${itsBranch === null ? "detached HEAD" : `branch ${itsBranch}`})`;
    if (!result.created)
      await context.terminal.err(`The environment ${slug}${about} exists already${options["no-up"] ? "" : " and is up"}.\n`);
    await printEnvironment(context, result.environment);
    return 0;
  },
});
