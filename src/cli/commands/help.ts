import { WtError } from "../../errors/wt-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { commandsOfNoun, commandTable, findCommand } from "../command-table.ts";
import { commandHelp, type GroupedCommand, nounHelp, overviewHelp } from "../render/help-text.ts";
import { suggestions } from "../suggest.ts";

export const help = defineCommand({
  name: "help",
  summary: "Show help, for all or for one command",
  arguments: [{ name: "command", summary: "Such as: create, daemon status", variadic: true, complete: "command" }],
  options: {},
  examples: [{ command: "wt help create", summary: "the same as wt create --help" }],
  async handler({ arguments: given }, context) {
    const { out, paint } = context.terminal;
    const words = given.flatMap((word) => word.split(" "));
    if (words.length === 0) {
      await out(overviewHelp(await loadAll(), paint));
      return 0;
    }
    const found = findCommand(words);
    if (found && found.words === words.length) {
      await out(commandHelp(await found.entry.load(), found.entry.aliases, paint));
      return 0;
    }
    const noun = words.join(" ");
    const verbs = commandsOfNoun(noun);
    if (verbs.length === 0) throw unknown(noun);
    await out(nounHelp(noun, await Promise.all(verbs.map(({ load }) => load())), paint));
    return 0;
  },
});

export async function loadAll(): Promise<GroupedCommand[]> {
  const shown = commandTable.filter(({ group }) => group !== "");
  return await Promise.all(
    shown.map(async ({ group, aliases, load }): Promise<GroupedCommand> => {
      const command: Command = await load();
      return { group, aliases, command };
    }),
  );
}

function unknown(typed: string): WtError {
  const meant = suggestions(
    typed,
    commandTable.map(({ name }) => name),
  );
  return new WtError({
    kind: "usage",
    code: "command_unknown",
    message: `There is no command "wt ${typed}".`,
    hints: [...(meant.length > 0 ? [`Did you mean ${meant.map((name) => `wt ${name}`).join(" or ")}?`] : []), "See: wt --help"],
  });
}
