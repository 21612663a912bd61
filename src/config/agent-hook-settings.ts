// The hooks by which Claude Code says what it does, in the shape of its settings.json.

export interface HookGroup {
  matcher?: string;
  hooks: { type: "command"; command: string; timeout?: number }[];
}

export type ClaudeHooks = Record<string, HookGroup[]>;

/** `command`: how a shell calls wt. `worktrees`: also let `claude --worktree` make and remove its worktrees through wt. */
export function claudeHooks(command: string, { worktrees }: { worktrees: boolean }): ClaudeHooks {
  const event = (state: string): HookGroup[] => [{ hooks: [{ type: "command", command: `${command} agent event ${state}`, timeout: 10 }] }];
  return {
    // A session that goes on after its memory was compacted is not a new one.
    SessionStart: event("waiting").map((group) => ({ matcher: "startup|resume|clear", ...group })),
    UserPromptSubmit: event("working"),
    PreToolUse: event("working"),
    PostToolUse: event("working"),
    Notification: event("waiting"),
    Stop: event("done"),
    ...(worktrees
      ? {
          WorktreeCreate: [{ hooks: [{ type: "command" as const, command: `${command} agent worktree-create`, timeout: 600 }] }],
          WorktreeRemove: [{ hooks: [{ type: "command" as const, command: `${command} agent worktree-remove`, timeout: 600 }] }],
        }
      : {}),
  };
}
