// Compose files with all that they `include` and `extend`, merged into one map. Reads files of the repository and nothing else.
import type { KeyPath } from "../check-written.ts";
import { type ComposeLoad, existing, type Opened, problem, report, type Scope } from "./compose-load.ts";
import { interpolateAll, parseVariables, type Variables, variablesIn } from "./interpolate.ts";
import { isMap, mergeModels, overrideKey, type Raw, unmarked } from "./merge-models.ts";
import { readComposeFile } from "./read-compose-file.ts";
import { directoryOf, pathInRepository } from "./repository-path.ts";
import { spellOutFiles, spellOutService } from "./spell-out-service.ts";

/** More are a mistake: includes that a generator made of itself. */
const mostFiles = 200;

/** `paths` are there; the first one's directory is where paths in all of them are seen from. */
export async function loadComposeModel(load: ComposeLoad, paths: readonly string[]): Promise<Raw> {
  const directory = directoryOf(paths[0] ?? "");
  const variables = await readVariables(load, inDirectory(directory, ".env"));
  return loadFiles(load, paths, { directory, variables, trail: [] });
}

async function loadFiles(load: ComposeLoad, paths: readonly string[], scope: Scope): Promise<Raw> {
  let model: Raw = {};
  for (const path of paths) {
    const opened = await openFile(load, path, scope);
    if (!opened) continue;
    const included = await includedModel(load, opened);
    const services = await extendedServices(load, opened, mergeModels(model, included));
    const { configs, secrets } = opened.value;
    const files = { configs: spellOutFiles(configs, scope.directory), secrets: spellOutFiles(secrets, scope.directory) };
    model = mergeModels(mergeModels(model, included), { ...opened.value, ...files, services });
  }
  return model;
}

/** null: it cannot be read, which was reported. */
async function openFile(load: ComposeLoad, path: string, scope: Scope): Promise<Opened | null> {
  const text = load.texts.get(path) ?? (await load.files.read(path));
  if (text === null) return null;
  if (!load.texts.has(path) && load.texts.size >= mostFiles) {
    report(load, path, { message: `More than ${mostFiles} compose files are included.`, hint: "Include fewer of them." });
    return null;
  }
  load.texts.set(path, text);
  const yaml = readComposeFile(text);
  if (!yaml.readable || yaml.errors.length > 0) {
    const hint = "Correct the compose file; `docker compose config` checks it.";
    for (const error of yaml.errors)
      load.problems.push({ ...error, file: path, hint: error.message.includes("empty") ? hint : error.hint });
    return null;
  }
  for (const name of variablesIn(yaml.value)) load.variables.add(name);
  const value = interpolateAll(yaml.value, scope.variables) as Raw;
  const opened = { path, yaml, value, scope };
  const services = unmarked(value.services);
  if (services !== undefined && services !== null && !isMap(services)) {
    problem(load, opened, {
      path: ["services"],
      message: "services must be a map of names.",
      hint: "Write `services:` and a name below it.",
    });
    return null;
  }
  return opened;
}

/** Everything that `include` names, merged. */
async function includedModel(load: ComposeLoad, opened: Opened): Promise<Raw> {
  // As written: see `existing`.
  const include = unmarked((opened.yaml.value as Raw).include) ?? [];
  let model: Raw = {};
  for (const [index, entry] of (Array.isArray(include) ? include : [include]).entries()) {
    const long: Raw = isMap(entry) ? entry : { path: entry };
    const at: KeyPath = ["include", index];
    const written = textsOf(long.path);
    if (written === null || written.length === 0) {
      problem(load, opened, { path: at, message: `${opened.path} includes something that is no path.`, hint: "Write the path of a file." });
      continue;
    }
    const paths = await existing(
      load,
      opened,
      written.map((text) => ({ at, text, verb: "includes" })),
    );
    const [first] = paths;
    if (first === undefined || circular(load, opened, { at, paths })) continue;
    const directory = projectDirectory(load, opened, { at, written: long.project_directory, otherwise: directoryOf(first) });
    if (directory === null) continue;
    const own = await includedVariables(load, opened, { at, written: long.env_file, directory });
    const variables = new Map([...own, ...opened.scope.variables]);
    const trail = [...opened.scope.trail, opened.path];
    model = mergeModels(model, await loadFiles(load, paths, { directory, variables, trail }));
  }
  return model;
}

/** One text or a list of them; null: something else. */
function textsOf(value: unknown): string[] | null {
  const plain = unmarked(value);
  const list = Array.isArray(plain) ? plain : [plain];
  return list.every((entry) => typeof entry === "string") ? list : null;
}

/** Where paths of an included file are seen from; null: elsewhere or nobody knows, which was reported. */
function projectDirectory(
  load: ComposeLoad,
  opened: Opened,
  { at, written, otherwise }: { at: KeyPath; written: unknown; otherwise: string },
): string | null {
  if (written === undefined || written === null) return otherwise;
  const directory = typeof written === "string" ? pathInRepository(opened.scope.directory, written) : null;
  if (directory === null) {
    const message = `${opened.path} includes a file with a project_directory that is not a plain path within the repository.`;
    problem(load, opened, { path: at, message, hint: "Write a path without variables that stays in the repository." });
  }
  return directory;
}

/** Files under `env_file` take the place of the `.env` beside the included file. */
async function includedVariables(
  load: ComposeLoad,
  opened: Opened,
  { at, written, directory }: { at: KeyPath; written: unknown; directory: string },
): Promise<Variables> {
  if (written === undefined || written === null) return readVariables(load, inDirectory(directory, ".env"));
  const variables = new Map<string, string>();
  for (const text of textsOf(written) ?? []) {
    const path = pathInRepository(opened.scope.directory, text);
    if (path === null) {
      const message = `${opened.path} includes a file with the env_file \`${text}\`, which is not a plain path within the repository, so nobody could approve its values.`;
      problem(load, opened, { path: at, message, hint: "Write a path without variables that stays in the repository." });
    } else for (const [key, value] of await readVariables(load, path)) variables.set(key, value);
  }
  return variables;
}

async function readVariables(load: ComposeLoad, path: string): Promise<Map<string, string>> {
  load.variableFiles.add(path);
  return parseVariables(await load.files.read(path));
}

/** The file's services, each with what it extends under it. `around`: what the file may extend besides its own. */
async function extendedServices(load: ComposeLoad, opened: Opened, around: Raw): Promise<Raw> {
  const services: Raw = Object.create(null);
  for (const [name, written] of Object.entries(servicesOf(opened.value))) {
    const service = await extended(load, { opened, around, name, trail: [] });
    services[name] = unmarked(written) === written ? service : { [overrideKey]: service };
  }
  return unmarked(opened.value.services) === opened.value.services ? services : { [overrideKey]: services };
}

interface Extending {
  opened: Opened;
  around: Raw;
  name: string;
  /** `file#service` of those that extend this one. */
  trail: readonly string[];
}

async function extended(load: ComposeLoad, { opened, around, name, trail }: Extending): Promise<unknown> {
  const own = unmarked(servicesOf(opened.value)[name]);
  // What is around has been through this already.
  if (!isMap(own)) return own ?? servicesOf(around)[name];
  const { extends: _, ...rest } = own;
  const written = unmarked(servicesOf(opened.yaml.value as Raw)[name]);
  const service = spellOutService(rest, { written: isMap(written) ? written : {}, directory: opened.scope.directory });
  const target = extendsOf(opened, name);
  if (target === null) return service;
  const at: KeyPath = ["services", name, "extends"];
  const here = [...trail, `${opened.path}#${name}`];
  const from = await extendedFrom(load, { opened, around, name, trail: here }, target);
  if (!from) return service;
  if (here.includes(`${from.opened.path}#${from.name}`)) {
    problem(load, opened, { path: at, message: `services.${name} extends itself.`, hint: "Remove one `extends` of the circle." });
    return service;
  }
  const base = await extended(load, from);
  return isMap(base) ? mergeModels(base, service) : service;
}

/** What a service extends, as written: see `existing`. null: nothing, or nothing that Compose would take. */
function extendsOf(opened: Opened, name: string): Raw | null {
  const service = unmarked(servicesOf(opened.yaml.value as Raw)[name]);
  const written = isMap(service) ? unmarked(service.extends) : null;
  const target = typeof written === "string" ? { service: written } : isMap(written) ? written : null;
  return typeof target?.service === "string" ? target : null;
}

/** null: it is not there, which was reported. */
async function extendedFrom(load: ComposeLoad, by: Extending, target: Raw): Promise<Extending | null> {
  const at: KeyPath = ["services", by.name, "extends"];
  const name = String(target.service);
  let { opened, around } = by;
  if (name.includes("$")) {
    const message = `services.${by.name} extends \`${name}\`: whoever sets that variable would choose what runs, approved or not.`;
    problem(load, by.opened, { path: at, message, hint: "Write the name without a variable." });
    return null;
  }
  if (typeof target.file === "string") {
    const [path] = await existing(load, by.opened, [{ at: [...at, "file"], text: target.file, verb: "extends" }]);
    if (path === undefined) return null;
    const scope = { ...by.opened.scope, directory: directoryOf(path) };
    const other = path === by.opened.path ? by.opened : await openFile(load, path, scope);
    if (!other) return null;
    if (other !== opened) around = {};
    opened = other;
  }
  if (isMap(servicesOf(opened.value)[name] ?? servicesOf(around)[name])) return { opened, around, name, trail: by.trail };
  const message = `services.${by.name} extends \`${name}\`, which is not a service of ${opened.path}.`;
  problem(load, by.opened, { path: at, message, hint: "Correct the name, or add `file:`." });
  return null;
}

function servicesOf(model: Raw): Raw {
  const services = unmarked(model.services);
  return isMap(services) ? services : {};
}

function circular(load: ComposeLoad, opened: Opened, { at, paths }: { at: KeyPath; paths: string[] }): boolean {
  const around = [...opened.scope.trail, opened.path];
  const again = paths.find((path) => around.includes(path));
  if (again === undefined) return false;
  const message = `${opened.path} includes \`${again}\`, which includes it again.`;
  problem(load, opened, { path: at, message, hint: "Remove one `include` of the circle." });
  return true;
}

function inDirectory(directory: string, name: string): string {
  return directory === "." ? name : `${directory}/${name}`;
}
