/** Of the names under which agents are marked: no service can be called so. */
export const agentServicePrefix = "agent:";

/** Hooks that run in the main worktree for another environment end whole. */
const lastingCommand = /^(setup|hook):(?!before_create:|after_delete:)/;

/**
 * What stays when a new daemon finds it: an agent does not end with the daemon that started it, and what a finished command left running on purpose
 * stays until the environment goes. `busy`: an operation was under way, and the command with it.
 */
export function isLasting(service: string, busy: boolean): boolean {
  return service.startsWith(agentServicePrefix) || (!busy && lastingCommand.test(service));
}
