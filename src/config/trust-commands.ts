// Everything a repository can make us run, so that a person can approve exactly that. Reading is loose and sees rather too much than too little.
import { WtError } from "../errors/wt-error.ts";
import { composeFilesToTrust } from "./compose/files-to-trust.ts";
import { readComposeOutline } from "./compose/read-compose-outline.ts";
import { trackedVariables } from "./compose/tracked-variables.ts";
import type { Config, TrackedFiles } from "./config.ts";
import { isKnownAgent } from "./known-agents.ts";
import { cleanPath } from "./normalize.ts";
import { configFilesOfManagers, packageManagers, parsePackage, reachedScripts } from "./package-scripts.ts";
import { simpleCommands, withoutWrappers } from "./shell-words.ts";
import { filesNamed } from "./trust-files.ts";

export interface CommandToTrust {
  /** `setup[0]`, `services.backend.run (in backend)`, `script package.json#scripts.dev`, `file scripts/seed.mjs`. */
  source: string;
  /** The command as written, or the content of the file. */
  text: string;
  /** It may be a secret: it is neither shown nor kept, only a hash of it. */
  hidden?: true;
}

/**
 * Commands, variables, package scripts that they reach, and in-repository script files that setup and probes mention. The program that an interpreter
 * runs as a service is the app itself, which changes with every edit, and is left out; so is what installs and builds made (`node_modules`, `.venv` …).
 */
export async function collectTrustCommands(config: Config, files: TrackedFiles): Promise<CommandToTrust[]> {
  const collector: Collector = { files, found: new Map(), commands: new Set() };
  if (config.worktrees !== null && leavesNeighbourhood(config.worktrees)) collector.found.set("worktrees", config.worktrees);
  for (const { place, run, directory, service } of config.setup) {
    // The same words on the host are another matter.
    const source = service === undefined ? place : `${place} (in a container of ${service})`;
    await addCommand(collector, source, { text: run, directory, careful: true });
  }
  for (const { place, run, directory } of Object.values(config.hooks).flat())
    await addCommand(collector, place, { text: run, directory, careful: true });
  const variables = await addCompose(collector, config);
  for (const [name, { options, service }] of Object.entries(config.resources)) {
    if (service !== undefined) collector.found.set(`resources.${name}.service`, service);
    for (const [key, value] of Object.entries(options)) {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      if (typeof value !== "string" || dataKeys.has(key)) collector.found.set(`resources.${name}.${key}`, text);
      else await addCommand(collector, `resources.${name}.${key}`, { text, directory: ".", careful: true });
    }
  }
  if (config.agent !== null && !isKnownAgent(config.agent))
    await addCommand(collector, "agent", { text: config.agent, directory: ".", careful: true });
  addVariables(collector, "env", config.env);
  for (const service of config.services) {
    const source = `services.${service.name}`;
    if (!service.container)
      await addCommand(collector, `${source}.run`, { text: service.run, directory: service.directory, careful: false });
    addVariables(collector, `${source}.env`, service.env);
    if (service.ready.kind === "command") {
      await addCommand(collector, `${source}.ready.command`, { text: service.ready.run, directory: service.directory, careful: true });
    }
  }
  return [...[...collector.found].map(([source, text]) => ({ source, text })), ...variables];
}

/** Gives what may be secret, and the variables of its files. */
async function addCompose(collector: Collector, { compose }: Config): Promise<CommandToTrust[]> {
  if (!compose) return [];
  for (const [index, text] of compose.allow.entries()) collector.found.set(`compose.allow[${index}]`, text);
  // In which order they are merged; and what else lifts a refusal.
  if (compose.files.length > 1) collector.found.set("compose.files", compose.files.join(", "));
  if (compose.profiles.length > 0) collector.found.set("compose.profiles", compose.profiles.join(", "));
  if (compose.sharedVolumes.length > 0) collector.found.set("compose.shared_volumes", compose.sharedVolumes.join(", "));
  const outline = await readComposeOutline(collector.files, compose);
  // In the files each of them is one word among hundreds, and the caller's shell has passwords.
  if (outline.variables.length > 0) collector.found.set("variables that compose files take from your shell", outline.variables.join(", "));
  const { texts, scripts } = await composeFilesToTrust(outline, collector.files);
  const hidden: CommandToTrust[] = [];
  for (const [path, text] of texts) {
    const source = `file ${path}`;
    // A Dockerfile may be called like a file of passwords.
    if (outline.dockerfiles.includes(path) && !(await collector.files.tracked(path))) hidden.push({ source, text, hidden: true });
    else collector.found.set(source, text);
  }
  for (const path of scripts) {
    const text = await collector.files.read(path);
    if (text === null || !(shellScript.test(path) || text.startsWith("#!"))) continue;
    await addFile(collector, path, { text, directory: ".", careful: false });
  }
  return [...hidden, ...(await trackedVariables(outline.variableFiles, collector.files))];
}

/** Options of resources that are no commands: approved as written, and never read as the name of a script, since a dump may be large. */
const dataKeys = new Set([
  "api_key_variable",
  "branch",
  "database",
  "extensions",
  "from",
  "inputs",
  "locale",
  "mask",
  "parent",
  "path",
  "prefix",
  "project",
  "remote",
  "role",
  "server",
  "url",
  "variable",
  "version",
]);

/** Beside or below the main worktree a new directory does no harm; in `~/.config` it may be what another program runs. */
export function leavesNeighbourhood(worktrees: string): boolean {
  const path = cleanPath(worktrees);
  return path.startsWith("/") || path.startsWith("~") || path === ".." || path.startsWith("../.");
}

/** One hash for all of it, whatever the order. */
export function trustHash(commands: readonly CommandToTrust[], sha256: (text: string) => string): string {
  const entries = commands.map((command) => JSON.stringify([command.source, command.text])).sort();
  return sha256(entries.join("\n"));
}

interface Collector {
  files: TrackedFiles;
  found: Map<string, string>;
  /** Already looked into. */
  commands: Set<string>;
}

interface Command {
  text: string;
  directory: string;
  /** Files mentioned anywhere in the words count, not only those the shell runs itself. */
  careful: boolean;
}

async function addCommand(collector: Collector, source: string, command: Command): Promise<void> {
  const where = command.directory === "." ? source : `${source} (in ${command.directory})`;
  collector.found.set(where, command.text);
  await follow(collector, command);
}

function addVariables(collector: Collector, source: string, env: Record<string, string>): void {
  for (const [key, value] of Object.entries(env)) collector.found.set(`${source}.${key}`, value);
}

/** A line of a Makefile is one. Beyond it nothing is left out silently: what was not looked at could change unseen. */
const mostCommands = 20_000;

function tooMuch(): WtError {
  return new WtError({
    kind: "config",
    code: "trust_too_much",
    message: `The commands of this repository reach more than ${mostCommands} others, too many to be approved.`,
    hints: ["Name a smaller script under setup: or services: in wt.yaml instead of a whole task file."],
  });
}

async function follow(collector: Collector, command: Command): Promise<void> {
  const key = JSON.stringify(command);
  if (collector.commands.has(key)) return;
  if (collector.commands.size >= mostCommands) throw tooMuch();
  collector.commands.add(key);
  let directory = command.directory;
  for (const simple of simpleCommands(command.text)) {
    const words = withoutWrappers(simple.words);
    const [program = "", first = ""] = words;
    if (program === "cd" && first !== "") {
      directory = inside(directory, first) ?? directory;
      continue;
    }
    for (const inner of simple.words.filter((word) => /\s/.test(word))) await follow(collector, { ...command, text: inner, directory });
    await followWords(collector, words, { ...command, directory });
  }
}

async function followWords(collector: Collector, words: string[], command: Command): Promise<void> {
  const [program = ""] = words;
  if (packageManagers.has(program) || scriptRunners.has(program)) await addPackageScripts(collector, words, command);
  const listed = taskFiles[program];
  if (listed) await addTaskFile(collector, listed, { words, command });
  for (const path of filesNamed(words, command.careful)) {
    const inRepository = inside(command.directory, path);
    if (inRepository) await addFile(collector, inRepository, command);
  }
}

const scriptRunners = new Set(["concurrently", "run-p", "run-s", "npm-run-all", "npm-run-all2", "wireit"]);

async function addPackageScripts(collector: Collector, words: string[], command: Command): Promise<void> {
  const reached = reachedScripts(words);
  for (const named of reached.directories) {
    const directory = inside(command.directory, named);
    if (directory === null) continue;
    const manifestPath = join(directory, "package.json");
    const manifest = parsePackage(await collector.files.read(manifestPath));
    if (!manifest) continue;
    for (const name of configFilesOfManagers) await addFile(collector, join(directory, name), { ...command, careful: false });
    for (const [name, text] of Object.entries(manifest.scripts)) {
      if (!reached.names.some((pattern) => matches(pattern, name))) continue;
      const source = `script ${manifestPath}#scripts.${name}`;
      if (collector.found.has(source)) continue;
      collector.found.set(source, text);
      const careful = command.careful || reached.installs.includes(name);
      await follow(collector, { text, directory, careful });
    }
  }
}

/** `dev:*` of concurrently and npm-run-all. */
function matches(pattern: string, name: string): boolean {
  return pattern.includes("*") ? name.startsWith(pattern.slice(0, pattern.indexOf("*"))) : pattern === name;
}

/** Runners that take their commands from a file of their own: names to look for, and the option that names another. */
interface TaskFile {
  names: string[];
  option: RegExp;
}
const makefile: TaskFile = { names: ["GNUmakefile", "makefile", "Makefile"], option: /^(-f|--file|--makefile)$/ };
const procfile: TaskFile = { names: ["Procfile.dev", "Procfile"], option: /^(-f|--procfile)$/ };
const justfile: TaskFile = { names: ["justfile", "Justfile", ".justfile"], option: /^(-f|--justfile)$/ };
const taskFiles: Record<string, TaskFile> = {
  __proto__: null as never,
  make: makefile,
  gmake: makefile,
  just: justfile,
  task: { names: ["Taskfile.yml", "Taskfile.yaml"], option: /^(-t|--taskfile)$/ },
  rake: { names: ["Rakefile"], option: /^(-f|--rakefile)$/ },
  bundle: { names: ["Gemfile", "Rakefile"], option: /^--gemfile$/ },
  foreman: procfile,
  overmind: procfile,
  hivemind: procfile,
  honcho: procfile,
};

async function addTaskFile(collector: Collector, kind: TaskFile, from: { words: string[]; command: Command }): Promise<void> {
  const { words, command } = from;
  const moved = words.findIndex((word) => word === "-C" || word === "--directory");
  const directory = moved === -1 ? command.directory : inside(command.directory, words[moved + 1] ?? ".");
  if (directory === null) return;
  const option = words.findIndex((word) => kind.option.test(word));
  for (const name of option === -1 ? kind.names : [words[option + 1] ?? ""]) {
    const path = inside(directory, name);
    if (path === null) continue;
    const text = await collector.files.read(path);
    if (text === null) continue;
    collector.found.set(`file ${path}`, text);
    for (const line of text.split("\n"))
      await follow(collector, { text: line.replace(/^[\w-]+:\s|^\s+[@-]*/, ""), directory, careful: true });
  }
}

/** Folders whose content is made by installs and builds: it differs between worktrees and appears only after setup. */
const made = /(^|\/)(node_modules|\.venv|venv|\.tox|\.git|__pycache__|\.next|vendor\/bundle)(\/|$)/;
/** Builds write here too, but shell scripts in them (`build/setup.sh`) are written by people. */
const built = /(^|\/)(target|dist|build)(\/|$)/;
const shellScript = /\.(ba|z|da)?sh$/;

async function addFile(collector: Collector, path: string, command: Command): Promise<void> {
  const source = `file ${path}`;
  if (made.test(path) || (built.test(path) && !shellScript.test(path)) || collector.found.has(source)) return;
  const text = await collector.files.read(path);
  if (text === null) return;
  collector.found.set(source, text);
  if (shellScript.test(path) || /^#!.*\b(ba|z|da|k)?sh\b/.test(text))
    await follow(collector, { text, directory: command.directory, careful: true });
}

function join(directory: string, name: string): string {
  return directory === "." ? name : `${directory}/${name}`;
}

/** `path` seen from `directory`, relative to the repository; null when it leads out of it. */
function inside(directory: string, path: string): string | null {
  if (path.startsWith("/") || path.startsWith("~") || path.includes("\0")) return null;
  const clean = cleanPath(join(directory, path));
  return clean === ".." || clean.startsWith("../") ? null : clean;
}
