import type { VariablesResult } from "../../api/operations.ts";
import { WtError } from "../../errors/wt-error.ts";
import { chosenEnvironment } from "../chosen-environment.ts";
import { defineCommand, environmentOption } from "../command.ts";
import { fetchVariables } from "../fetch-variables.ts";
import { dotenvText, exportText } from "../render/variables-text.ts";
import { suggestions } from "../suggest.ts";

export const env = defineCommand({
  name: "env",
  summary: "The variables that commands of this environment get",
  arguments: [{ name: "name", summary: "Slug or branch; default: the environment of the current directory", complete: "environment" }],
  options: {
    dotenv: { type: "boolean", summary: "As lines of a .env file (the default)" },
    export: { type: "boolean", summary: 'As shell code, for: eval "$(wt env --export)"' },
    explain: { type: "string", placeholder: "key", summary: "Say where one variable comes from" },
    service: { type: "string", short: "s", placeholder: "name", summary: "The variables of this service (its PORT)", complete: "service" },
    environment: environmentOption,
  },
  examples: [
    { command: 'eval "$(wt env --export)"', summary: "into the current shell" },
    { command: "wt env earl-fib-123-feature", summary: "those of another environment" },
    { command: "wt env --explain DATABASE_URL", summary: "why it has this value" },
    { command: "wt env --service backend --dotenv > .env.wt", summary: "for a tool that reads files" },
  ],
  async handler({ options, arguments: [name] }, context) {
    if (options.dotenv && options.export) {
      throw new WtError({ kind: "usage", code: "options_exclude_each_other", message: "Use either --dotenv or --export, not both." });
    }
    const explain = options.explain !== undefined;
    const result = await fetchVariables(context, {
      environment: chosenEnvironment("env", name, options.environment),
      service: options.service,
      explain,
    });
    const { out } = context.terminal;
    if (options.explain !== undefined) {
      const variable = find(result, options.explain);
      const { key, origin } = variable;
      await out(context.json ? `${JSON.stringify({ schema: 1, variable })}\n` : `${dotenvText([variable])}# ${key} comes from ${origin}\n`);
      return 0;
    }
    if (context.json) await out(`${JSON.stringify({ schema: 1, ...result })}\n`);
    else await out(options.export ? exportText(result) : dotenvText(result.variables));
    return 0;
  },
});

function find(result: VariablesResult, key: string): VariablesResult["variables"][number] {
  const found = result.variables.find((variable) => variable.key === key);
  if (found) return found;
  const keys = result.variables.map((variable) => variable.key);
  const meant = suggestions(key, keys);
  throw new WtError({
    kind: "not_found",
    code: "variable_unknown",
    message: `${result.slug} sets no variable ${key}.`,
    hints: [meant.length > 0 ? `Did you mean ${meant.join(" or ")}?` : "See them all: wt env"],
  });
}
