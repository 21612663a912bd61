// The config of a worktree (or of a commit before its worktree exists), and whether a person approved what it runs.
import { createHash } from "node:crypto";
import type { TrustView } from "../api/operations.ts";
import type { Config, RepositoryFiles, TrackedFiles } from "../config/config.ts";
import { detectConfig } from "../config/detect.ts";
import { parseConfig } from "../config/parse-config.ts";
import { parseWithCompose } from "../config/parse-with-compose.ts";
import { problemsToError } from "../config/problems-to-error.ts";
import { type CommandToTrust, collectTrustCommands, trustHash } from "../config/trust-commands.ts";
import type { ProjectRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import { worktreeFiles } from "../git/worktree-files.ts";
import { repositoryFiles } from "../os/repository-files.ts";
import { resourceProblems, resourceTypes } from "./drivers.ts";
import type { World } from "./world.ts";

export const configFile = "wt.yaml";
/** In the syntax of .gitignore; other tools read it too. */
const includeFile = ".worktreeinclude";

/**
 * `wt.yaml` of the worktree; else that of the main worktree (written by `wt init` and not committed yet); else what detection finds;
 * else a config without services. Throws `WtError` (`config`).
 */
export async function readConfig(project: ProjectRecord, files: RepositoryFiles): Promise<Config> {
  const config = await readWritten(project, files);
  // Of the worktree, or not committed yet, like wt.yaml itself.
  const include = (await files.read(includeFile)) ?? (await repositoryFiles(project.root).read(includeFile));
  return include === null || include.trim() === "" ? config : { ...config, include };
}

async function readWritten(project: ProjectRecord, files: RepositoryFiles): Promise<Config> {
  const own = await files.read(configFile);
  if (own !== null) return parsed(own, configFile, { project, files });
  const main = await repositoryFiles(project.root).read(configFile);
  if (main !== null) return parsed(main, `${project.root}/${configFile}`, { project, files });
  const detected = await detectConfig(files, { projectFallback: project.name });
  if (detected) return detected.config;
  return parsed(`project: ${project.name}\n`, configFile, { project, files });
}

/** `project:` of the main worktree's wt.yaml, or `fallback`; null without a wt.yaml or while it has errors. */
export async function readProjectName(root: string, fallback: string): Promise<string | null> {
  const text = await repositoryFiles(root).read(configFile);
  if (text === null) return null;
  return parseConfig(text, { path: configFile, projectFallback: fallback, resourceTypes }).config?.project ?? null;
}

async function parsed(text: string, path: string, of: { project: ProjectRecord; files: RepositoryFiles }): Promise<Config> {
  const options = { path, projectFallback: of.project.name, resourceTypes, resourceProblems };
  const { config, errors } = await parseWithCompose(of.files, text, options);
  const error = problemsToError(path, errors);
  if (error) throw error;
  if (!config) throw new Error(`${path} gave neither a config nor errors`);
  return config;
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

export async function readTrust(world: World, project: ProjectRecord, read: { config: Config; files: TrackedFiles }): Promise<TrustView> {
  const commands = (await collectTrustCommands(read.config, read.files)).map(withoutSecret);
  const hash = trustHash(commands, sha256);
  const grants = world.ledger.trusted(project.id);
  const last = grants.at(-1);
  const before = new Map(last?.commands.map((command) => [command.source, command.text]) ?? []);
  const trusted = grants.some((grant) => grant.hash === hash);
  const state = commands.length === 0 ? "nothing_to_trust" : trusted ? "trusted" : last ? "changed" : "untrusted";
  return {
    project: project.name,
    root: project.root,
    state,
    hash,
    commands: commands.map(({ source, text }) => {
      const known = before.get(source);
      return { source, text, change: !last ? null : known === undefined ? "added" : known === text ? "same" : "changed" };
    }),
  };
}

/** What is shown, kept and compared of a value that nobody is to read. */
function withoutSecret({ source, text, hidden }: CommandToTrust): { source: string; text: string } {
  return { source, text: hidden ? `(not shown; sha256 ${sha256(`${source}\n${text}`)})` : text };
}

export interface TrustNeed {
  config: Config;
  files: TrackedFiles;
  /** What `wt trust` calls a commit that has no worktree yet. */
  name?: string;
  /** Whose worktree it is; `here` where the caller stands in it, so that a bare `wt trust` means it. */
  environment?: { slug: string; here: boolean };
}

/** Throws `WtError` (`untrusted`) unless a person approved exactly these commands. */
export async function requireTrust(world: World, project: ProjectRecord, read: TrustNeed): Promise<void> {
  const trust = await readTrust(world, project, read);
  if (trust.state === "trusted" || trust.state === "nothing_to_trust") return;
  const changed = trust.commands.filter((command) => command.change !== "same");
  const last = trust.state === "changed" ? world.ledger.trusted(project.id).at(-1) : undefined;
  const gone = last?.commands.filter(({ source }) => !trust.commands.some((command) => command.source === source)) ?? [];
  changed.push(...gone.map(({ source, text }) => ({ source: `${source} (which is gone)`, text, change: null })));
  throw new WtError({
    kind: "untrusted",
    code: trust.state === "changed" ? "trust_changed" : "trust_missing",
    message:
      trust.state === "changed"
        ? `${changed.length === 1 ? "A command" : `${changed.length} commands`} of ${project.name} changed since ${changed.length === 1 ? "it was" : "they were"} trusted: ${named(changed)}.`
        : `The commands of ${project.name} have not been trusted yet: ${named(changed)}.`,
    hints: [
      `Run \`wt trust${await trustArgument(world, project, { ...read, hash: trust.hash })}\` in a terminal to see what would run and to approve it.`,
    ],
    details: { hash: trust.hash, ...(read.environment ? { environment: read.environment.slug } : {}) },
  });
}

/** A bare `wt trust` suffices where the main worktree wants to run the same. */
async function trustArgument(world: World, project: ProjectRecord, need: TrustNeed & { hash: string }): Promise<string> {
  const { name, hash, environment } = need;
  if (environment) return environment.here ? "" : ` ${environment.slug}`;
  if (name === undefined) return "";
  const files = worktreeFiles(createGit(world.env), project.root);
  const main = await readConfig(project, files).then(
    (config) => readTrust(world, project, { config, files }),
    () => null,
  );
  return main?.hash === hash ? "" : ` ${name}`;
}

function named(commands: { source: string }[]): string {
  const shown = commands.slice(0, 3).map((command) => command.source);
  const more = commands.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
