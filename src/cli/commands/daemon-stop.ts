import { defineCommand } from "../command.ts";
import { stopDaemon } from "../stop-daemon.ts";

export const daemonStop = defineCommand({
  name: "daemon stop",
  summary: "Stop the daemon; services run on unless told otherwise",
  details: ["Without the daemon the URLs do not answer. The next command starts it again, and it takes the running services over."],
  arguments: [],
  options: { services: { type: "boolean", summary: "Stop all services of all environments first" } },
  examples: [
    { command: "wt daemon stop", summary: "services keep running" },
    { command: "wt daemon stop --services", summary: "everything off" },
  ],
  async handler({ options }, context) {
    const { out } = context.terminal;
    const pid = await stopDaemon(context, { services: options.services });
    if (pid === null) {
      await out(context.json ? `${JSON.stringify({ schema: 1, stopped: false })}\n` : "The daemon is not running.\n");
      return 0;
    }
    const services = options.services ? " and all services" : "";
    await out(
      context.json ? `${JSON.stringify({ schema: 1, stopped: true, pid })}\n` : `Stopped the daemon (process ${pid})${services}.\n`,
    );
    return 0;
  },
});
