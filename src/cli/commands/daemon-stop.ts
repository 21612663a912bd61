import { WtError } from "../../errors/wt-error.ts";
import { defineCommand } from "../command.ts";
import { request } from "../daemon-connection.ts";

const deadlineMs = 30_000;

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
    const daemon = await context.connection.observe();
    if (!daemon) {
      await out(context.json ? `${JSON.stringify({ schema: 1, stopped: false })}\n` : "The daemon is not running.\n");
      return 0;
    }
    const response = await context.connection.fetchIfRunning("/v1/daemon/stop", request({ services: options.services }));
    await response?.body?.cancel();
    const deadline = performance.now() + deadlineMs;
    while ((await context.connection.observe())?.pid === daemon.pid) {
      if (performance.now() > deadline) throw doesNotStop(daemon.pid);
      await Bun.sleep(10);
    }
    const services = options.services ? " and all services" : "";
    await out(
      context.json
        ? `${JSON.stringify({ schema: 1, stopped: true, pid: daemon.pid })}\n`
        : `Stopped the daemon (process ${daemon.pid})${services}.\n`,
    );
    return 0;
  },
});

function doesNotStop(pid: number): WtError {
  return new WtError({
    kind: "machine",
    code: "daemon_does_not_stop",
    message: `The daemon (process ${pid}) still answers after ${deadlineMs / 1000} seconds.`,
    hints: [`End it: kill ${pid}`],
    details: { pid },
  });
}
