// The hooks by which Claude Code says what it does, in the shape of its settings.json.

export interface HookGroup {
  matcher?: string;
  hooks: { type: "command"; command: string; timeout?: number }[];
}

export type ClaudeHooks = Record<string, HookGroup[]>;

/** Hooks that call `wt agent event`; `command` is how a shell calls wt. */
export function claudeHooks(command: string): ClaudeHooks {
  const event = (state: string, matcher?: string): HookGroup[] => [group(`${command} agent event ${state}`, 10, matcher)];
  return {
    // A session that goes on after its memory was compacted is not a new one.
    SessionStart: event("waiting", "startup|resume|clear"),
    UserPromptSubmit: event("working"),
    PreToolUse: event("working"),
    PostToolUse: event("working"),
    Notification: event("waiting"),
    Stop: event("done"),
  };
}

/** Hooks that let `claude --worktree` make and remove its worktrees through wt. */
export function claudeWorktreeHooks(command: string): ClaudeHooks {
  return {
    WorktreeCreate: [group(`${command} agent worktree-create`, 600)],
    WorktreeRemove: [group(`${command} agent worktree-remove`, 600)],
  };
}

function group(command: string, timeout: number, matcher?: string): HookGroup {
  return { ...(matcher === undefined ? {} : { matcher }), hooks: [{ type: "command", command, timeout }] };
}
