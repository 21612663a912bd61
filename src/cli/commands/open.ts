import type { EnvironmentView } from "../../api/environment.ts";
import { WtError } from "../../errors/wt-error.ts";
import { openBrowser } from "../browser.ts";
import { defineCommand, environmentOption, targetOf } from "../command.ts";
import { suggestions } from "../suggest.ts";

export const open = defineCommand({
  name: "open",
  summary: "Open the environment, or one of its services, in the browser",
  details: ["Where there is no browser (no display, a remote shell, a pipe) only the URL is printed."],
  arguments: [{ name: "service", summary: "Default: the environment's own URL", complete: "service" }],
  options: { environment: environmentOption, print: { type: "boolean", short: "p", summary: "Only print the URL" } },
  examples: [
    { command: "wt open", summary: "the app of the current environment" },
    { command: "wt open backend --print", summary: "the URL of one service" },
  ],
  async handler({ options, arguments: [service] }, context) {
    const { environment } = await context.client.call("/v1/environments/status", { target: targetOf(context, options.environment) });
    const url = service === undefined ? environmentUrl(environment) : serviceUrl(environment, service);
    await context.terminal.out(context.json ? `${JSON.stringify({ schema: 1, url })}\n` : `${url}\n`);
    if (!options.print && !context.json && context.terminal.stdoutIsTty) openBrowser(url, context.env);
    return 0;
  },
});

function environmentUrl(environment: EnvironmentView): string {
  const url = environment.url ?? environment.services.find((service) => service.url !== null)?.url;
  if (url) return url;
  if (environment.services.length === 0) throw noServices(environment.slug);
  throw new WtError({
    kind: "not_found",
    code: "no_url",
    message: `No service of ${environment.slug} has a URL.`,
    hints: ["Give one a route in wt.yaml, such as: services.web.route: /"],
  });
}

function serviceUrl(environment: EnvironmentView, name: string): string {
  const service = environment.services.find((candidate) => candidate.name === name);
  if (service?.url) return service.url;
  if (service) {
    throw new WtError({
      kind: "not_found",
      code: "no_url",
      message: `The service ${name} of ${environment.slug} listens on nothing, so it has no URL.`,
    });
  }
  if (environment.services.length === 0) throw noServices(environment.slug, name);
  const names = environment.services.map((candidate) => candidate.name);
  const meant = suggestions(name, names);
  throw new WtError({
    kind: "not_found",
    code: "service_unknown",
    message: `${environment.slug} has no service "${name}".`,
    hints: [
      meant.length > 0 ? `Did you mean ${meant.join(" or ")}?` : `Its services: ${names.join(", ")}`,
      `If ${name} is an environment: wt open -e ${name}`,
    ],
  });
}

function noServices(slug: string, name?: string): WtError {
  return new WtError({
    kind: "not_found",
    code: "no_services",
    message: `${slug} has no services, so there is nothing to open.`,
    hints: [
      ...(name === undefined ? [] : [`If ${name} is an environment: wt open -e ${name}`]),
      "Name some under services: in wt.yaml; wt init writes a first one.",
    ],
    details: { slug },
  });
}
