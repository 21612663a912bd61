// Fault injection for the project's own tests: the daemon can be told to die at a journal point, as if by SIGKILL.

export type ReachedPoint = (point: string) => void;

/** `WT_TEST_FAULT=kill@before:worktree` makes the daemon kill itself with SIGKILL there; anything else makes points cost nothing. */
export function faultsFrom(setting: string | undefined): ReachedPoint {
  const match = /^kill@(.+)$/.exec(setting ?? "");
  if (!match) return () => undefined;
  return (point) => {
    if (point === match[1]) process.kill(process.pid, "SIGKILL");
  };
}
