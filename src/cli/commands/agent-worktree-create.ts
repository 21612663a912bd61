import type { CreateRequest } from "../../api/environment.ts";
import { WtError } from "../../errors/wt-error.ts";
import { readHookInput } from "../agents/hook-input.ts";
import { callerEnvironment, defineCommand } from "../command.ts";
import { runOperation } from "../run-operation.ts";

export const agentWorktreeCreate = defineCommand({
  name: "agent worktree-create",
  summary: "Make the environment that Claude Code asks for; its WorktreeCreate hook",
  details: ["Reads the hook's JSON from stdin and prints the worktree's path as the last line, as the hook has to."],
  arguments: [],
  options: {},
  examples: [{ command: 'echo \'{"name":"spike"}\' | wt agent worktree-create', summary: "as the hook calls it" }],
  async handler(_invocation, context) {
    const input = await readHookInput();
    const branch = input("name") ?? input("worktree_name");
    if (branch === null) throw nameMissing();
    const cwd = input("cwd") ?? context.cwd;
    const request: CreateRequest = { cwd, branch, up: true, env: callerEnvironment(context.env), git: "skip" };
    const target = { cwd, name: branch };
    try {
      const { environment } = await runOperation(context, { path: "/v1/environments/create", request }, { target, create: {} });
      await context.terminal.out(`${environment.path}\n`);
    } catch (error) {
      // The environment is there, and the agent may well be the one to find out what ails its services.
      if (!(error instanceof WtError) || error.kind !== "unhealthy") throw error;
      const { environment } = await context.client.call("/v1/environments/status", { target });
      await context.terminal.err(`${error.message}\n`);
      await context.terminal.out(`${environment.path}\n`);
    }
    return 0;
  },
});

function nameMissing(): WtError {
  return new WtError({
    kind: "usage",
    code: "hook_input_invalid",
    message: "The hook's JSON on standard input has no name for the worktree.",
    hints: ["This command is for the WorktreeCreate hook of Claude Code: wt agent install --hooks"],
  });
}
