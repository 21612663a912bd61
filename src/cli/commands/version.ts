import { buildId } from "../../os/build-id.ts";
import { defineCommand } from "../command.ts";

export const versionCommand = defineCommand({
  name: "version",
  summary: "Show the version",
  arguments: [],
  options: {},
  examples: [{ command: "wt version --json", summary: "with the build, which daemon and command must share" }],
  async handler(_invocation, context) {
    const { json, verbose, version, terminal } = context;
    if (json) await terminal.out(`${JSON.stringify({ schema: 1, version, build: buildId() })}\n`);
    else await terminal.out(`wt ${version}${verbose ? ` (${buildId()})` : ""}\n`);
    return 0;
  },
});
