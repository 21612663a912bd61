import { stringify } from "yaml";
import { serviceName } from "../compose/cloned-services.ts";
import type { DetectedCompose } from "./compose.ts";
import type { DetectedDatabase } from "./database.ts";
import type { DetectedStep } from "./part.ts";
import type { RoutedService } from "./routes.ts";

export interface ConfigToWrite {
  services: RoutedService[];
  setup: DetectedStep[];
  copy: string[];
  because: string[];
  databases: DetectedDatabase[];
  compose: DetectedCompose | null;
}

/** A wt.yaml with a comment on each part, for people to go on from. */
export function writeConfig(given: ConfigToWrite): string {
  const lines = [
    "# How this repository runs in each of its worktrees. All keys: docs/config-reference.md of worldtree.",
    "#",
    "# Written by `wt init` from what it found:",
    ...given.because.map((sentence) => `# - ${sentence.replaceAll("\n", " ")}`),
    "",
  ];
  if (given.compose) lines.push(...composeLines(given.compose));
  if (given.copy.length > 0) {
    lines.push("# Files that git ignores and that a new worktree takes over from the main one.", `copy: ${flow(given.copy)}`, "");
  }
  if (given.setup.length > 0) {
    lines.push("# Runs before the services start; skipped while the inputs are unchanged.", "setup:");
    for (const step of given.setup) {
      const directory = step.directory === "." ? {} : { directory: step.directory };
      lines.push(`  - ${flow({ run: literal(step.run), ...directory, ...(step.inputs.length > 0 ? { inputs: step.inputs } : {}) })}`);
    }
    lines.push("");
  }
  lines.push(...servicesLines(given.services));
  lines.push(
    "",
    ...(given.compose?.covers.length ? ownDatabaseLines(given) : databaseLines(given.databases)),
    "# Variables for all of them; services know each other as ${{ services.<name>.url }}.",
    "# env:",
    "#   EXAMPLE: ${{ env.slug }}",
    "",
  );
  return lines.join("\n");
}

/** The runtime; where only servers are in the compose file, as a proposal. */
function composeLines({ files, covers, shared, sharedVolumes }: DetectedCompose): string[] {
  const why = shared.map((one) => `    - ${flow(one.name)} # ${one.why}`);
  const lines = [
    "runtime: compose",
    "compose:",
    ...(files.length > 0 ? [`  files: ${flow(files)}`] : []),
    ...(shared.length > 0
      ? ["  # They run once for all worktrees; everything else that is active, in every environment.", "  shared:", ...why]
      : []),
    ...(sharedVolumes.length > 0 ? [`  shared_volumes: ${flow(sharedVolumes)}`] : []),
  ];
  // A key without content would be none.
  const written = lines.length === 2 ? lines.slice(0, 1) : lines;
  if (covers.length > 0) return [...written, ""];
  return [
    "# The compose file holds servers only. Take the marks away and wt runs them, once for all worktrees.",
    ...written.map((line) => `# ${line}`),
    "",
  ];
}

function servicesLines(services: RoutedService[]): string[] {
  const processes = services.filter((service) => !service.container);
  const written = services.filter(({ container, routes }) => !container || routes.length > 0 || container.target !== null);
  const lines = processes.length > 0 ? ["# $PORT is the port that wt leased for the service; it differs in each worktree."] : [];
  if (processes.length < services.length) lines.push("# Services of the compose file that are not named here run as it says.");
  return [...lines, ...(written.length > 0 ? ["services:", ...written.flatMap(serviceLines)] : ["# services:"])];
}

/** A database of its own in the server that all share, and what brings it to its schema. */
function ownDatabaseLines({ compose, databases }: ConfigToWrite): string[] {
  const servers = compose?.shared.filter((one) => one.resource !== null) ?? [];
  if (servers.length === 0) return [];
  const web = compose?.services.find((one) => one.role === "pages" || one.role === "api") ?? compose?.services[0];
  const steps = databases
    .filter(({ type }) => servers.some(({ resource }) => resource === type || (resource === "mariadb" && type === "mysql")))
    .map(({ migrate }) => `  - { run: ${flow(literal(inContainer(migrate)))}, service: ${web?.name} }`);
  // Celery, Sidekiq and their like put no prefix before their keys, so each environment gets a numbered database.
  const own = (resource: string | null) => (resource === "redis" ? { database: "auto" } : {});
  const lines = servers.map(({ name, resource }) => `  ${serviceName(name)}: ${flow({ type: resource, service: name, ...own(resource) })}`);
  return [
    "# Content of its own for every worktree, in the server that all share. Take the marks away to use it.",
    ...["resources:", ...lines, ...(steps.length > 0 ? ["setup:", ...steps] : [])].map((line) => `# ${line}`),
    "",
  ];
}

/** The image has the packages where a virtual environment would have them. */
function inContainer(migrate: string): string {
  return migrate.replaceAll(".venv/bin/", "");
}

/** A proposal: it is the person who decides that environments no longer share a database. */
function databaseLines(databases: DetectedDatabase[]): string[] {
  if (databases.length === 0) return [];
  const tools = [...new Set(databases.map((database) => database.tool))].join(" and ");
  const lines = databases.flatMap((database) => [
    `  ${database.name}:`,
    `    type: ${database.type}`,
    ...(database.path === null ? [] : [`    path: ${flow(database.path)}`]),
    ...(database.scheme === null ? [] : [`    scheme: ${flow(database.scheme)}`]),
    `    migrate: ${flow(literal(database.migrate))}`,
    ...(database.type !== "sqlite" ? [`    inputs: ${flow(database.inputs)}`] : []),
  ]);
  const deaf = [...new Set(databases.flatMap(({ ignoresUrl }) => ignoresUrl ?? []))];
  return [
    ...deaf.map((file) => `# ${file} names its database itself: let it read DATABASE_URL before you use this.`),
    `# A database of its own for every worktree (${tools}). Take the marks away to use it.`,
    ...["resources:", ...lines].map((line) => `# ${line}`),
    "",
  ];
}

function serviceLines(service: RoutedService): string[] {
  const lines = [`  ${service.name}:`];
  const { container } = service;
  if (!container) lines.push(`    run: ${flow(literal(service.run))}`);
  else if (container.target !== null) lines.push(`    target: ${container.target}`);
  if (!container && service.directory !== ".") lines.push(`    directory: ${flow(service.directory)}`);
  if (service.routes.length > 0) lines.push(`    route: ${service.routes.length === 1 ? flow(service.routes[0]) : flow(service.routes)}`);
  if (container && Object.keys(service.env).length > 0) {
    lines.push("    # The compose file names another service by its port on this machine, which is another one in each environment.");
    lines.push(`    env: ${flow(service.env)}`);
  }
  if (container) return lines;
  if (service.role === "worker") lines.push("    port: none # a worker: it listens on nothing");
  else if (service.routes.length === 0) lines.push("    port: auto");
  if (service.readyPath !== null) lines.push(`    ready: ${flow(service.readyPath)}`);
  if (Object.keys(service.env).length > 0) lines.push(`    env: ${flow(service.env)}`);
  return lines;
}

/** Commands of other tools' files know nothing of our references. */
function literal(command: string): string {
  return command.replaceAll("${{", () => "$${{");
}

/** A value on one line. */
function flow(value: unknown): string {
  return stringify(value, { collectionStyle: "flow", lineWidth: 0, flowCollectionPadding: true, blockQuote: false }).trimEnd();
}
