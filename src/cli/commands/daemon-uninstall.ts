import { callerEnvironment, defineCommand } from "../command.ts";

export const daemonUninstall = defineCommand({
  name: "daemon uninstall",
  summary: "Take the daemon back from systemd or launchd",
  arguments: [],
  options: {},
  examples: [{ command: "wt daemon uninstall", summary: "says what it did" }],
  async handler(_invocation, context) {
    const { uninstallService } = await import("../service-manager/service-manager.ts");
    const report = await uninstallService(callerEnvironment(context.env), process.platform);
    await context.terminal.out(context.json ? `${JSON.stringify({ schema: 1, ...report })}\n` : `${report.steps.join("\n")}\n`);
    return 0;
  },
});
