import { defineCommand } from "../command.ts";
import { printPools } from "../render/pool-text.ts";

export const pool = defineCommand({
  name: "pool",
  summary: "Prepared worktrees: how many, how fresh, what they take, and why there are no more",
  details: [
    "With a pool, `wt create` takes a worktree that is checked out and set up already, its database made and asleep, and does only what differs. Off until `wt pool set`.",
    "Members are worktrees with a detached HEAD beside the others, .wt-pool-…; git worktree list shows them, wt list does not. They are made one at a time, at low priority, and follow the default branch.",
    "OWN is disk that nothing else shares. Below a gigabyte of free disk nothing is prepared.",
  ],
  arguments: [{ name: "project", summary: "Its name; default: the project of this directory", required: false, complete: "project" }],
  options: { all: { type: "boolean", short: "a", summary: "Every project that has a pool" } },
  examples: [
    { command: "wt pool", summary: "of this repository" },
    { command: "wt pool set 2", summary: "keep two prepared worktrees" },
    { command: "wt pool --all --json", summary: "everything, for a script" },
  ],
  async handler({ options, arguments: [project] }, context) {
    const request = { cwd: context.cwd, project: project ?? null, all: options.all };
    await printPools(context, await context.client.call("/v1/pool", request));
    return 0;
  },
});
