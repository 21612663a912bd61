// `.env` files of an environment's worktree: which values lead to another environment, and which an app loads over the variables it is given.
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { type EnvFileValue, envFileNames, type Landmarks, leadsTo, parseEnvFile } from "../environment/env-files.ts";
import type { EnvironmentRecord } from "../environment/ledger.ts";
import type { ContractVariable } from "../environment/variables.ts";
import type { Git } from "../git/git.ts";
import { repositoryFiles } from "../os/repository-files.ts";
import type { EnvironmentSession } from "./environment-session.ts";
import type { Call } from "./journaled-run.ts";
import { leasedPorts } from "./port-leases.ts";
import { leasedResources, resourceConnections } from "./resources.ts";
import type { World } from "./world.ts";

export interface FoundValue extends EnvFileValue {
  /** Relative to the worktree. */
  file: string;
}

export interface ForeignValue extends FoundValue {
  /** Slug of the environment that it leads to. */
  slug: string;
}

/** Values that lead to a port, a database or the directory of another environment of this world. */
export async function foreignValues(world: World, environment: EnvironmentRecord, config: Config): Promise<ForeignValue[]> {
  const own = landmarks(world, environment);
  // The main worktree's directory is above nobody's, but its resources may be shared on purpose.
  const shared = leasedResources(world, environment.id).flatMap(({ spec }) =>
    typeof spec.options.url === "string" ? [spec.options.url] : [],
  );
  const others = world.ledger.environments().filter((one) => one.id !== environment.id && !environment.path.startsWith(`${one.path}/`));
  const places = others.map((one) => landmarks(world, one));
  const found = await envFileValues(environment, config);
  return found.flatMap((value) => {
    if (shared.includes(value.value) || leadsTo(value.value, [own]) !== null) return [];
    const slug = leadsTo(value.value, places);
    return slug === null ? [] : [{ ...value, slug }];
  });
}

/**
 * Values under a name that the environment gives another value of its own: its database, its services. They are the main worktree's as a rule, copied along
 * with the file, and whoever reads the file without wt reaches what they name. Without those of `foreignValues`; none in the main worktree itself.
 */
export async function otherValues(
  environment: EnvironmentRecord,
  config: Config,
  known: { own: readonly ContractVariable[]; foreign: readonly FoundValue[] },
): Promise<FoundValue[]> {
  if (environment.main) return [];
  const own = new Map(known.own.filter(({ origin }) => /^(resource|ledger)\b/.test(origin)).map(({ key, value }) => [key, value]));
  const values = await envFileValues(environment, config);
  return values.filter(({ key, value, file, line }) => {
    const mine = own.get(key);
    return mine !== undefined && value !== "" && value !== mine && !known.foreign.some((one) => one.file === file && one.line === line);
  });
}

function landmarks(world: World, environment: EnvironmentRecord): Landmarks {
  const labels = leasedResources(world, environment.id).map(({ spec }) => spec.label);
  return { slug: environment.slug, ports: Object.values(leasedPorts(world, environment.id)), names: [environment.path, ...labels] };
}

async function envFileValues(environment: EnvironmentRecord, config: Config): Promise<FoundValue[]> {
  const files = repositoryFiles(environment.path);
  const directories = new Set([".", ...config.services.map((service) => service.directory)]);
  const names = [...directories].flatMap((directory) => envFileNames.map((name) => (directory === "." ? name : join(directory, name))));
  const texts = await Promise.all(names.map(async (file) => ({ file, text: await files.read(file) })));
  return texts.flatMap(({ file, text }) => (text === null ? [] : parseEnvFile(text).map((value) => ({ ...value, file }))));
}

/**
 * Frameworks leave variables alone that they are given, unless they are told otherwise. Where one is, a value of a `.env` file wins over the
 * environment's own, and nothing that wt does can refuse it: it is said.
 */
export async function warnOfOverrides(world: World, session: EnvironmentSession, call: Pick<Call, "emit">): Promise<void> {
  const { environment, config } = session;
  const own = Object.values(resourceConnections(world, environment.id)).flatMap(({ variables }) => Object.entries(variables));
  if (own.length === 0) return;
  const values = await envFileValues(environment, config);
  const other = values.filter(
    ({ key, value }) => own.some(([name]) => name === key) && !own.some(([name, mine]) => name === key && mine === value),
  );
  const [first] = other;
  const override = first ? await overridingFile(session.git, environment.path) : null;
  if (!first || override === null) return;
  const message = `${override} loads .env files over the variables it is given, so ${first.key} of ${first.file}, line ${first.line}, may win over this environment's own. Remove it there.`;
  call.emit({ type: "note", message });
}

/** Calls that say so: of dotenv for Node, python-dotenv, and dotenv for Ruby. */
const overriding = [
  "dotenv.*override: *true",
  "DOTENV_CONFIG_OVERRIDE=true",
  "load_dotenv\\(.*override *= *True",
  "Dotenv\\.(overload|overwrite)",
  "dotenv(-cli)? .*(-o |--override|--overload|--overwrite)",
].join("|");

/** The first tracked file that does it; null where none is found or git cannot tell. */
export async function overridingFile(git: Git, path: string): Promise<string | null> {
  const args = ["grep", "--files-with-matches", "-I", "-E", "-e", overriding, "--", ".", ":(exclude)*.md", ":(exclude)*lock*"];
  const found = await git.run(path, args, { allow: [1] }).catch(() => "");
  return found.split("\n").find((line) => line !== "") ?? null;
}
