import { existsSync } from "node:fs";
import { WtError } from "../../errors/wt-error.ts";
import { readHookInput } from "../agents/hook-input.ts";
import { callerEnvironment, defineCommand } from "../command.ts";
import { deleteLines } from "../render/delete-text.ts";
import { runOperation } from "../run-operation.ts";

export const agentWorktreeRemove = defineCommand({
  name: "agent worktree-remove",
  summary: "Delete the environment whose worktree Claude Code is done with; its WorktreeRemove hook",
  details: ["As `wt delete` without any consent: what has unsaved work stays, with everything, and the exit code says so."],
  arguments: [],
  options: {},
  examples: [
    { command: `echo '{"worktree_path":"/code/shop.worktrees/spike"}' | wt agent worktree-remove`, summary: "as the hook calls it" },
  ],
  async handler(_invocation, context) {
    const path = (await readHookInput())("worktree_path");
    if (path === null) throw pathMissing();
    const { environments } = await context.client.call("/v1/environments/list", { cwd: context.cwd, all: true, git: "skip" });
    const found = environments.find((environment) => environment.path === path);
    const main = environments.find(({ project, main }) => main && project === found?.project);
    if (!found || !main) {
      if (!existsSync(path)) return 0;
      throw notOurs(path);
    }
    const target = { cwd: main.path, name: found.slug };
    const request = { target, force: false, branch: false, callerPid: process.pid, env: callerEnvironment(context.env) };
    const result = await runOperation(context, { path: "/v1/environments/delete", request }, { target });
    await context.terminal.err(`${deleteLines(result, context.terminal.errPaint).join("\n")}\n`);
    return 0;
  },
});

function pathMissing(): WtError {
  return new WtError({
    kind: "usage",
    code: "hook_input_invalid",
    message: "The hook's JSON on standard input has no worktree_path.",
    hints: ["This command is for the WorktreeRemove hook of Claude Code: wt agent install --hooks"],
  });
}

function notOurs(path: string): WtError {
  return new WtError({
    kind: "not_found",
    code: "environment_unknown",
    message: `${path} is not a worktree that wt knows, so it stays.`,
    hints: ["See what there is: wt list --all"],
    details: { path },
  });
}
