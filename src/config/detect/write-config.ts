import { stringify } from "yaml";
import type { DetectedDatabase } from "./database.ts";
import type { DetectedStep } from "./part.ts";
import type { RoutedService } from "./routes.ts";

export interface ConfigToWrite {
  services: RoutedService[];
  setup: DetectedStep[];
  copy: string[];
  because: string[];
  databases: DetectedDatabase[];
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
  lines.push("# $PORT is the port that wt leased for the service; it differs in each worktree.", "services:");
  for (const service of given.services) lines.push(...serviceLines(service));
  lines.push(
    "",
    ...databaseLines(given.databases),
    "# Variables for all of them; services know each other as ${{ services.<name>.url }}.",
    "# env:",
    "#   EXAMPLE: ${{ env.slug }}",
    "",
  );
  return lines.join("\n");
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
  const lines = [`  ${service.name}:`, `    run: ${flow(literal(service.run))}`];
  if (service.directory !== ".") lines.push(`    directory: ${flow(service.directory)}`);
  if (service.routes.length > 0) lines.push(`    route: ${service.routes.length === 1 ? flow(service.routes[0]) : flow(service.routes)}`);
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
