import { instructionsPath, settingsPath, skillPath, withoutHooks, withoutInstructions } from "../../config/agent-texts.ts";
import { applyChanges, readChange } from "../agents/change-files.ts";
import { defineCommand } from "../command.ts";
import { sayChanged, worktreeOf } from "./agent-install.ts";

export const agentUninstall = defineCommand({
  name: "agent uninstall",
  summary: "Take out what wt agent install wrote, and nothing else",
  arguments: [],
  options: { yes: { type: "boolean", short: "y", summary: "Without asking" } },
  examples: [{ command: "wt agent uninstall", summary: "shows what it would remove, and asks" }],
  async handler({ options: { yes } }, context) {
    const root = await worktreeOf(context);
    const changes = [
      await readChange(root, skillPath, () => null),
      await readChange(root, instructionsPath, withoutInstructions),
      await readChange(root, settingsPath, withoutHooks),
    ];
    return (await applyChanges(context, root, { changes, yes })) ? await sayChanged(context, changes) : 130;
  },
});
