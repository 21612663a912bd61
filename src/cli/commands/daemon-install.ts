import { callerEnvironment, defineCommand } from "../command.ts";

export const daemonInstall = defineCommand({
  name: "daemon install",
  summary: "Let systemd or launchd start the daemon, so that URLs answer from login on",
  arguments: [],
  options: {},
  examples: [{ command: "wt daemon install", summary: "says what it did" }],
  async handler(_invocation, context) {
    const { installService } = await import("../service-manager/service-manager.ts");
    const report = await installService(callerEnvironment(context.env), process.platform);
    await context.terminal.out(context.json ? `${JSON.stringify({ schema: 1, ...report })}\n` : `${report.steps.join("\n")}\n`);
    return 0;
  },
});
