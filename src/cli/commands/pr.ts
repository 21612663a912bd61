import { WtError } from "../../errors/wt-error.ts";
import { codingAgent } from "../coding-agents.ts";
import { type Context, callerEnvironment, defineCommand } from "../command.ts";
import { canAsk, confirm } from "../confirm.ts";
import type { CheckedOut } from "../pull-request/check-out.ts";
import { environmentJson } from "../render/environment-json.ts";
import { printEnvironment } from "../render/print-environment.ts";
import { runOperation } from "../run-operation.ts";

export const pr = defineCommand({
  name: "pr",
  summary: "Check out a pull request, or merge request, into an environment",
  details: [
    "gh and glab are asked where they are installed; else the refs that GitHub, GitLab, Gitea and Forgejo keep for pull requests suffice.",
    "The branch has the name that it has there. From a fork, git pull and git push go to the fork.",
    "The same one again brings its branch up to date, unless it has commits of its own.",
    "A fork's code is somebody else's: wt asks before setup and services run it. --yes is that consent; agents cannot give it.",
  ],
  arguments: [{ name: "pull-request", summary: "Its number, or the address of its page", required: true }],
  options: {
    branch: { type: "string", short: "b", placeholder: "name", summary: "Name of the local branch" },
    closed: { type: "boolean", summary: "Also one that is closed or merged" },
    "no-up": { type: "boolean", summary: "Do not start the services" },
    yes: { type: "boolean", short: "y", summary: "Run a fork's setup and services without asking" },
  },
  examples: [
    { command: "wt pr 123", summary: "of the remote that pull requests are made to" },
    { command: "wt pr https://github.com/owner/name/pull/123", summary: "by address" },
    { command: "wt pr 123 --branch review/123", summary: "where a branch of its name exists already" },
  ],
  async handler({ options, arguments: [typed = ""] }, context) {
    const { checkOut } = await import("../pull-request/check-out.ts");
    const found = await checkOut(context, typed, { branch: options.branch ?? null, closed: options.closed });
    const { terminal } = context;
    for (const note of found.notes) await terminal.err(`${terminal.errPaint.dim(note)}\n`);
    try {
      if (found.stranger !== null && found.fresh) await requireConsent(context, found, { yes: options.yes, typed });
      return await bringUp(context, found, !options["no-up"]);
    } catch (error) {
      if (found.from !== null) {
        const { removeBranchSettings } = await import("../../git/pull-request-branch.ts");
        await removeBranchSettings(found.git, found);
      }
      throw error;
    }
  },
});

async function bringUp(context: Context, found: CheckedOut, up: boolean): Promise<number> {
  const create = found.from === null ? {} : { from: found.from };
  const request = {
    cwd: context.cwd,
    branch: found.createName,
    up,
    env: callerEnvironment(context.env),
    git: context.json ? ("wait" as const) : ("skip" as const),
    ...create,
  };
  const target = { cwd: context.cwd, name: found.createName };
  const result = await runOperation(context, { path: "/v1/environments/create", request }, { target, create });
  if (context.json) {
    await context.terminal.out(environmentJson(result));
    return 0;
  }
  if (!result.created)
    await context.terminal.err(`The environment ${result.environment.slug} has ${found.shown}${up ? " and is up" : ""}.\n`);
  await printEnvironment(context, result.environment);
  return 0;
}

/** What `wt trust` approved are commands; here the code behind them (packages, tests, scripts) is a stranger's. */
async function requireConsent(context: Context, found: CheckedOut, { yes, typed }: { yes: boolean; typed: string }): Promise<void> {
  const create = found.from === null ? {} : { create: { from: found.from } };
  const view = await context.client.call("/v1/trust", { target: { cwd: context.cwd, name: found.createName }, ...create });
  if (view.state === "nothing_to_trust") return;
  const agent = codingAgent(context.env);
  const atTerminal = context.terminal.stdinIsTty && context.terminal.stderrIsTty;
  if (yes && (agent === null || atTerminal)) return;
  const message = `The code of ${found.shown} comes from ${found.stranger}, and its setup and services would run here`;
  if (!yes && canAsk(context) && (await confirm(context, `${message}. Run them?`))) return;
  throw new WtError({
    kind: "untrusted",
    code: "pull_request_untrusted",
    message: `${message}; a person has to allow that.`,
    hints: [`A person who has read it runs: wt pr ${typed} --yes`, `Read it: git log -p ${found.from?.slice(0, 12) ?? found.branch}`],
    details: { branch: found.branch, ...(found.from === null ? {} : { commit: found.from }) },
  });
}
