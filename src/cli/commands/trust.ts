import type { TrustView } from "../../api/operations.ts";
import { WtError } from "../../errors/wt-error.ts";
import { codingAgent } from "../coding-agents.ts";
import { type Context, defineCommand, targetOf } from "../command.ts";
import { canAsk } from "../confirm.ts";
import { counted } from "../render/age.ts";
import { trustJson } from "../render/trust-json.ts";
import { trustLines } from "../render/trust-text.ts";
import { askForTrust } from "../trust-dialog.ts";

export const trust = defineCommand({
  name: "trust",
  summary: "Approve the commands that this repository wants to run",
  details: [
    "Shows the commands of wt.yaml and the scripts of the repository they call, what changed since the last approval, and asks.",
    "The approval holds for exactly this content, is kept outside of the repository, and has to come from a person.",
  ],
  arguments: [
    { name: "name", summary: "Slug, branch, tag or commit; default: the environment of the current directory", complete: "branch" },
  ],
  options: {
    yes: { type: "boolean", short: "y", summary: "Approve without asking, for scripts run by a person" },
    show: { type: "boolean", summary: "Only show them" },
  },
  examples: [
    { command: "wt trust", summary: "look, then decide" },
    { command: "wt trust --yes", summary: "in a script of your own" },
  ],
  async handler({ options, arguments: [name] }, context) {
    if (options.yes) refuseAgent(context);
    const target = targetOf(context, name);
    const view = await context.client.call("/v1/trust", { target });
    const settled = view.state === "trusted" || view.state === "nothing_to_trust";
    if (settled || options.show) return await show(context, view);
    if (!options.yes) {
      if (!canAsk(context)) throw needsPerson(view, name);
      if (!(await askForTrust(context, view))) return 6;
    }
    const granted = await context.client.call("/v1/trust/grant", { target, hash: view.hash });
    if (context.json) await context.terminal.out(trustJson(granted));
    else await context.terminal.out(`Trusted ${counted(granted.commands.length, "command")} of ${granted.project}.\n`);
    return 0;
  },
});

async function show(context: Context, view: TrustView): Promise<number> {
  const { terminal } = context;
  await terminal.out(context.json ? trustJson(view) : `${trustLines(view, terminal.paint).join("\n")}\n`);
  return 0;
}

/** Under an agent `--yes` is the agent's own word; a person has to give theirs on a terminal. */
function refuseAgent({ env, terminal }: Context): void {
  const agent = codingAgent(env);
  if (!agent || (terminal.stdinIsTty && terminal.stderrIsTty)) return;
  throw new WtError({
    kind: "untrusted",
    code: "agent_cannot_trust",
    message: `This command runs under ${agent}, and only a person can approve the commands of a repository.`,
    hints: ["Ask the person you work for to run: wt trust"],
    details: { agent },
  });
}

function needsPerson(view: TrustView, name: string | undefined): WtError {
  const command = name === undefined ? "wt trust" : `wt trust ${name}`;
  return new WtError({
    kind: "untrusted",
    code: "trust_needs_terminal",
    message: `${counted(view.commands.length, "command")} of ${view.project} not approved yet, and there is no terminal to ask on.`,
    hints: [`A person runs: ${command}`, `See what would run: ${command} --show`],
    details: { project: view.project, hash: view.hash },
  });
}
