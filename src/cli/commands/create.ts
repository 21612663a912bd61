import type { CreateRequest } from "../../api/environment.ts";
import { WtError } from "../../errors/wt-error.ts";
import { agentOptions } from "../agents/agent-options.ts";
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
  arguments: [{ name: "branch", summary: "Branch names, of any legal shape", required: true, variadic: true, complete: "branch" }],
  options: {
    from: { type: "string", placeholder: "ref", summary: "Where a new branch starts", complete: "branch" },
    resume: { type: "boolean", summary: "Carry on with an incomplete environment, by what its worktree says now" },
    "no-up": { type: "boolean", summary: "Do not start the services" },
    "no-setup": { type: "boolean", summary: "Leave the setup commands to the next `wt up`" },
    "no-hooks": { type: "boolean", summary: "Leave the hooks of wt.yaml out this time" },
    "no-pool": { type: "boolean", summary: "Make the worktree from the beginning, also where the pool has one (see wt pool)" },
    variants: { type: "number", placeholder: "count", summary: "Several for each name: <branch>-1, <branch>-2 …" },
    go: { type: "boolean", summary: "Then start a coding agent there (see wt go), with the options below" },
    ...agentOptions,
  },
  examples: [
    { command: "wt create earl/fib-123-feature", summary: "a new branch from the default branch, or the one that exists" },
    { command: "wt create spike --resume", summary: "after its migration failed and was mended" },
    { command: "wt create hotfix --from v1.4.0", summary: "a new branch from a tag" },
    { command: 'wt create spike --go --prompt "make the tests pass"', summary: "and Claude Code at work in it, in this terminal" },
    { command: "wt create idea --variants 3 --go --tmux -p task.md", summary: "three attempts at one task, a window each" },
    { command: "wt create spike --no-up --json", summary: "only the worktree, answered as JSON" },
  ],
  async handler({ options, arguments: branches }, context) {
    const [branch = "", another] = branches;
    const create = options.from === undefined ? {} : { from: options.from };
    const request: CreateRequest = {
      cwd: context.cwd,
      branch,
      up: !options["no-up"],
      ...(options["no-hooks"] ? { hooks: false } : {}),
      ...(options["no-setup"] ? { setup: false } : {}),
      ...(options["no-pool"] ? { pool: false } : {}),
      ...(options.resume ? { resume: true } : {}),
      env: callerEnvironment(context.env),
      // Only the JSON shows git's facts.
      git: context.json ? ("wait" as const) : ("skip" as const),
      ...create,
    };
    const agentOption = (["agent", "prompt", "tmux", "zellij", "detach"] as const).find((name) => options[name]);
    if (agentOption !== undefined && !options.go) throw needsGo(agentOption);
    if (options.go || options.variants !== undefined || another !== undefined) {
      const { createWithAgents, variantNames } = await import("../agents/create-with-agents.ts");
      const { readAgentChoice } = await import("../agents/agent-choice.ts");
      const requests = variantNames(branches, options.variants).map((name) => ({ ...request, branch: name }));
      return await createWithAgents(context, { requests, agent: options.go ? await readAgentChoice(context, options) : null });
    }
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

function needsGo(option: string): WtError {
  return new WtError({
    kind: "usage",
    code: "option_needs_go",
    message: `--${option} is about an agent, and none is started without --go.`,
    hints: [`Add --go, or leave --${option} out.`],
  });
}
