import { worldPaths } from "../../os/paths.ts";
import { defineCommand } from "../command.ts";
import { age, bytes, counted } from "../render/age.ts";

export const daemonStatus = defineCommand({
  name: "daemon status",
  summary: "Whether the daemon runs, and what it takes care of",
  details: ["Exit code 0 whether it runs or not: not running is a normal state, the next command starts it."],
  arguments: [],
  options: {},
  examples: [{ command: "wt daemon status --json", summary: "for a script" }],
  async handler(_invocation, context) {
    const daemon = await context.connection.observe();
    const { out, paint } = context.terminal;
    const { daemonLog, socket, state } = worldPaths(context.env);
    if (context.json) {
      await out(`${JSON.stringify({ schema: 1, running: daemon !== null, daemon, log: daemonLog })}\n`);
      return 0;
    }
    if (!daemon) {
      await out(`The daemon is not running; the next command that needs it starts it.\nlog       ${daemonLog}\n`);
      return 0;
    }
    const lines = [
      `${paint.good("The daemon is running")}, process ${daemon.pid}, for ${age(daemon.startedAt, Date.now())}.`,
      `version   ${daemon.version} (${daemon.build})`,
      `memory    ${bytes(daemon.memoryBytes)}`,
      `cares for ${counted(daemon.environments, "environment")} of ${counted(daemon.projects, "project")}, ${counted(daemon.services, "service")}`,
      `working   ${counted(daemon.operationsInFlight, "operation")} in flight`,
      `socket    ${daemon.socket || socket}`,
      `state     ${daemon.stateDir || state}`,
      `log       ${daemonLog}`,
    ];
    await out(`${lines.join("\n")}\n`);
    return 0;
  },
});
