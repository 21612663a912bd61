import { defineCommand } from "../command.ts";
import { listJson } from "../render/list-json.ts";

export const list = defineCommand({
  name: "list",
  summary: "All environments: status, services, git, age",
  details: [
    "GIT reads +ahead -behind ~changed ?untracked. The current environment has a star after its name.",
    "The table appears at once, and git's answers are filled in; in a pipe each line waits for its own.",
  ],
  arguments: [],
  options: {
    all: { type: "boolean", short: "a", summary: "Every project, not only the one of this directory" },
    watch: { type: "boolean", short: "w", summary: "Stay and show changes until Ctrl-C" },
  },
  examples: [
    { command: "wt list", summary: "the environments of this repository" },
    { command: "wt list --all --watch", summary: "everything on this machine, live" },
    { command: "wt list --json | jq -r '.environments[].url'", summary: "for a script" },
  ],
  async handler({ options }, context) {
    if (options.watch || !context.json) {
      const { showLiveList } = await import("../live-list.ts");
      return await showLiveList(context, { all: options.all, follow: options.watch });
    }
    const { environments } = await context.client.call("/v1/environments/list", { cwd: context.cwd, all: options.all, git: "wait" });
    await context.terminal.out(listJson(environments));
    return 0;
  },
});
