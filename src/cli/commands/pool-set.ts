import { WtError } from "../../errors/wt-error.ts";
import { callerEnvironment, defineCommand } from "../command.ts";
import { printPools } from "../render/pool-text.ts";
import { runOperation } from "../run-operation.ts";

const most = 50;

export const poolSet = defineCommand({
  name: "pool set",
  summary: "Keep so many prepared worktrees; 0 turns the pool off and gives all back",
  details: [
    "They are prepared in the background: `wt pool refill` waits for them. What is too many is given back before it answers; one in which somebody works stays, as an environment.",
    "The setting is this machine's, not the repository's. Setup commands and migrations run only once they are trusted.",
  ],
  arguments: [
    { name: "count", summary: "How many", required: true },
    { name: "project", summary: "Its name; default: the project of this directory", required: false, complete: "project" },
  ],
  options: {},
  examples: [
    { command: "wt pool set 2", summary: "of this repository" },
    { command: "wt pool set 0 shop", summary: "off, and everything given back" },
  ],
  async handler({ arguments: [count = "", project] }, context) {
    const size = /^\d+$/.test(count) ? Number(count) : Number.NaN;
    if (!(size <= most)) throw badCount(count);
    const request = { cwd: context.cwd, project: project ?? null, size, env: callerEnvironment(context.env) };
    const list = await runOperation(context, { path: "/v1/pool/set", request }, { target: { cwd: context.cwd } });
    await printPools(context, list);
    return 0;
  },
});

function badCount(count: string): WtError {
  return new WtError({
    kind: "usage",
    code: "bad_count",
    message: `${count} is no number from 0 to ${most}.`,
    hints: ["wt pool set 2"],
  });
}
