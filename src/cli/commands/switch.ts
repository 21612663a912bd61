import type { EnvironmentView } from "../../api/environment.ts";
import { WtError } from "../../errors/wt-error.ts";
import { worldPaths } from "../../os/paths.ts";
import { type Context, defineCommand } from "../command.ts";
import { canAsk } from "../confirm.ts";
import { writeDirective } from "../directive.ts";
import { environmentJson } from "../render/environment-json.ts";
import { currentEnvironment } from "../render/list-text.ts";
import { suggestions } from "../suggest.ts";

export const switchCommand = defineCommand({
  name: "switch",
  summary: "Go to the worktree of another environment",
  details: [
    "With shell integration (`wt shell-init`) the shell changes its directory; without, the path is printed.",
    'The name "-" is the environment you were in before. Without a name, a picker opens on a terminal.',
    "`wt <project> <name>` is short for `wt switch --project <project> --create <name>`, from anywhere; a word that is a command always means the command.",
    "With --create, a name that nothing has becomes a new environment, unless it looks like a mistyped one.",
  ],
  arguments: [{ name: "name", summary: "Slug, branch, a unique beginning of one, or -", complete: "environment" }],
  options: {
    project: { type: "string", short: "p", placeholder: "name", summary: "Of this project, wherever you are", complete: "project" },
    create: { type: "boolean", short: "c", summary: "Make the environment when there is none, as wt create does" },
  },
  examples: [
    { command: "wt switch earl-fib-123-feature", summary: "by name" },
    { command: "wt switch -", summary: "back" },
    { command: "wt fibonacci earl/other", summary: "of the project fibonacci, made when there is none" },
    { command: 'cd "$(wt switch main)"', summary: "without shell integration" },
  ],
  async handler({ options, arguments: [name] }, context) {
    const paths = worldPaths(context.env);
    const environments = await reachable(context, { name, project: options.project });
    const choose = options.create ? namedOrNew : named;
    const chosen = name === undefined ? await pick(context, environments) : await choose(context, environments, name);
    if (!chosen) return 130;
    if (chosen.status === "Missing") throw directoryMissing(chosen);
    const current = currentEnvironment(environments, context.cwd);
    if (current && current.path !== chosen.path) {
      const { writePrevious } = await import("../previous-environment.ts");
      await writePrevious(paths, context.env, current);
    }
    const changed = await writeDirective(context.env, chosen.path);
    if (context.json) await context.terminal.out(environmentJson({ schema: 1, environment: chosen }));
    else if (!changed) await printPath(context, chosen.path);
    return 0;
  },
});

interface Wanted {
  name: string | undefined;
  project: string | undefined;
}

/** Those of the project; outside of any, and for `-` which may lead elsewhere, those of all. */
async function reachable(context: Context, { name, project }: Wanted): Promise<EnvironmentView[]> {
  const list = (all: boolean) => context.client.call("/v1/environments/list", { cwd: context.cwd, all, git: "skip" });
  if (project !== undefined) return ofProject((await list(true)).environments, project);
  if (name === "-") return (await list(true)).environments;
  try {
    return (await list(false)).environments;
  } catch (error) {
    if (!(error instanceof WtError) || error.kind !== "not_found") throw error;
    const { environments } = await list(true);
    if (environments.length === 0) throw error;
    return environments;
  }
}

function ofProject(environments: readonly EnvironmentView[], project: string): EnvironmentView[] {
  const found = environments.filter((environment) => environment.project === project);
  if (found.length > 0) return found;
  const meant = suggestions(project, new Set(environments.map((environment) => environment.project)));
  throw new WtError({
    kind: "not_found",
    code: "project_unknown",
    message: `There is no project ${project} that wt knows.`,
    hints: [...(meant.length > 0 ? [`Did you mean ${meant.join(" or ")}?`] : []), "See them all: wt list --all"],
    details: { project, suggestions: meant },
  });
}

/** A branch that git has goes before the beginning of another's name. */
async function namedOrNew(context: Context, environments: readonly EnvironmentView[], name: string): Promise<EnvironmentView> {
  if (name === "-" || environments.some(({ slug, branch }) => slug === name || branch === name))
    return await named(context, environments, name);
  const { createByName, hasBranch } = await import("../create-by-name.ts");
  const cwd = (environments.find(({ main }) => main) ?? environments[0])?.path ?? context.cwd;
  if (!(await hasBranch(context, cwd, name))) {
    try {
      return await named(context, environments, name);
    } catch (error) {
      if (!(error instanceof WtError) || error.code !== "environment_unknown" || looksMistyped(error)) throw error;
    }
  }
  return await createByName(context, cwd, name);
}

function looksMistyped({ details }: WtError): boolean {
  return Array.isArray(details?.suggestions) && details.suggestions.length > 0;
}

async function named(context: Context, environments: readonly EnvironmentView[], name: string): Promise<EnvironmentView> {
  if (name === "-") return await previous(context, environments);
  const exact = environments.filter(({ slug, branch }) => slug === name || branch === name);
  const [only, another] =
    exact.length > 0 ? exact : environments.filter(({ slug, branch }) => slug.startsWith(name) || branch?.startsWith(name));
  if (only && !another) return only;
  const names = environments.map(({ slug }) => slug);
  const meant = only ? environments.filter(({ slug }) => slug.startsWith(name)).map(({ slug }) => slug) : suggestions(name, names);
  throw new WtError({
    kind: "not_found",
    code: only ? "environment_ambiguous" : "environment_unknown",
    message: only ? `The name "${name}" fits several environments.` : `There is no environment "${name}".`,
    hints: [...(meant.length > 0 ? [`Did you mean ${meant.join(" or ")}?`] : []), "See them all: wt list", `Make it: wt create ${name}`],
    details: { name, suggestions: meant },
  });
}

async function previous(context: Context, environments: readonly EnvironmentView[]): Promise<EnvironmentView> {
  const { readPrevious } = await import("../previous-environment.ts");
  const wanted = await readPrevious(worldPaths(context.env), context.env);
  const found = environments.find(({ project, slug }) => project === wanted?.project && slug === wanted.slug);
  if (found) return found;
  throw new WtError({
    kind: "not_found",
    code: "no_previous_environment",
    message: wanted ? `The previous environment ${wanted.slug} does not exist any more.` : "There is no previous environment yet.",
    hints: ["See them all: wt list"],
  });
}

async function pick(context: Context, environments: EnvironmentView[]): Promise<EnvironmentView | null> {
  if (!canAsk(context)) {
    throw new WtError({
      kind: "usage",
      code: "argument_missing",
      message: "Missing argument: wt switch <name>; the picker needs a terminal.",
      hints: ["See the names: wt list"],
    });
  }
  const { pickEnvironment } = await import("../picker/pick-environment.ts");
  return await pickEnvironment(context, environments);
}

async function printPath({ terminal, env }: Context, path: string): Promise<void> {
  await terminal.out(`${path}\n`);
  if (!terminal.stdoutIsTty) return;
  const shell = env.SHELL?.match(/(bash|zsh|fish)$/)?.[1] ?? "bash";
  const line = shell === "fish" ? "wt shell-init fish | source" : `eval "$(wt shell-init ${shell})"`;
  await terminal.err(`${terminal.errPaint.dim(`To let wt change the directory, add this to your shell's start file: ${line}`)}\n`);
}

function directoryMissing(environment: EnvironmentView): WtError {
  return new WtError({
    kind: "machine",
    code: "worktree_missing",
    message: `The directory of ${environment.slug} is gone: ${environment.path}.`,
    hints: [`Give back what is left of it: wt delete ${environment.slug}`],
    details: { slug: environment.slug, path: environment.path },
  });
}
