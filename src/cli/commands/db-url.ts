import { WtError } from "../../errors/wt-error.ts";
import { defineCommand, environmentOption, targetOf } from "../command.ts";
import { resourceArgument } from "../resource-argument.ts";

export const dbUrl = defineCommand({
  name: "db url",
  summary: "Print the URL of a resource, with its password",
  details: ["The one command that shows the secret. The same value is in the variables that services and `wt run` get."],
  arguments: [resourceArgument],
  options: { environment: environmentOption },
  examples: [
    { command: 'pg_dump "$(wt db url)" > dump.sql', summary: "for a tool that wants a URL" },
    { command: "wt db url cache -e main", summary: "another resource, of another environment" },
  ],
  async handler({ options, arguments: [resource] }, context) {
    const target = targetOf(context, options.environment);
    const connection = await context.client.call("/v1/resources/connection", { target, resource: resource ?? null });
    if (context.json) {
      await context.terminal.out(`${JSON.stringify(connection)}\n`);
      return 0;
    }
    if (connection.url === null) throw noUrl(connection);
    await context.terminal.out(`${connection.url}\n`);
    return 0;
  },
});

function noUrl({
  resource,
  environment,
  variables,
}: {
  resource: string;
  environment: string;
  variables: Record<string, string>;
}): WtError {
  return new WtError({
    kind: "not_found",
    code: "no_url",
    message: `${resource} of ${environment} has no URL.`,
    hints: [`It gives these variables: ${Object.keys(variables).join(", ") || "none"}. See them: wt env`],
  });
}
