// The repository's compose files as wt sees them before Compose is asked. Never throws for what a file holds; reads files of the repository only.
import type { ConfigProblem, RepositoryFiles } from "../config.ts";
import { cycles } from "../cycles.ts";
import type { ComposeLoad } from "./compose-load.ts";
import type { ComposeOutline, ComposeOutlineOptions, ComposeServiceOutline } from "./compose-outline.ts";
import { outlineDockerfile } from "./dockerfile.ts";
import { loadComposeModel } from "./load-compose-model.ts";
import { matchingFiles } from "./matching-files.ts";
import { isMap, type Raw } from "./merge-models.ts";
import { outlineService } from "./outline-service.ts";

/** In the order in which Compose looks for them. */
export const composeFileNames = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"] as const;
const overrideNames = ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];

export async function readComposeOutline(files: RepositoryFiles, options: ComposeOutlineOptions): Promise<ComposeOutline> {
  const { present, absent, problems } = await composeFiles(files, options.files);
  const load: ComposeLoad = { files, texts: new Map(), variables: new Set(), variableFiles: new Set(), problems };
  const model = await loadComposeModel(load, present);
  const context = { profiles: options.profiles, configs: model.configs, secrets: model.secrets };
  const services: ComposeServiceOutline[] = [];
  for (const [name, service] of Object.entries(isMap(model.services) ? model.services : {})) {
    if (isMap(service) && /^[a-zA-Z0-9._-]+$/.test(name))
      services.push(await withDockerfile(files, outlineService(name, service, context)));
  }
  load.problems.push(...circles(services, present[0] ?? ""));
  return {
    composeFiles: present,
    absent,
    files: [...load.texts].map(([path, text]) => ({ path, text })),
    variables: [...load.variables].sort(),
    variableFiles: [...new Set([...load.variableFiles, ...services.flatMap((service) => service.variableFiles)])],
    dockerfiles: [...new Set(services.flatMap((service) => service.dockerfiles))],
    services,
    volumes: namesIn(model, "volumes"),
    networks: namesIn(model, "networks"),
    problems: load.problems,
  };
}

interface FoundFiles {
  present: string[];
  absent: string[];
  problems: ConfigProblem[];
}

async function composeFiles(files: RepositoryFiles, asked: readonly string[]): Promise<FoundFiles> {
  const isThere = async (path: string) => (await files.read(path)) !== null;
  if (asked.length > 0) {
    const there = await Promise.all(asked.map(isThere));
    return { present: asked.filter((_, index) => there[index]), absent: asked.filter((_, index) => !there[index]), problems: [] };
  }
  const names = await files.list(".");
  const found = composeFileNames.find((name) => names.includes(name));
  if (found === undefined) return { present: [], absent: [], problems: [] };
  const over = overrideNames.find((name) => names.includes(name));
  const wanted = over === undefined ? [found] : [found, over];
  const there = await Promise.all(wanted.map(isThere));
  const links = wanted.filter((_, index) => !there[index]);
  return { present: wanted.filter((_, index) => there[index]), absent: [], problems: links.map(noRegularFile) };
}

/** Compose would follow a link to wherever it leads, and nobody would have read what is there. */
function noRegularFile(file: string): ConfigProblem {
  const message = `${file} is not a regular file of the repository, so nobody could approve what it runs.`;
  return { file, key: "", line: null, column: null, message, hint: "Put the file itself there instead of a link." };
}

async function withDockerfile(files: RepositoryFiles, service: ComposeServiceOutline): Promise<ComposeServiceOutline> {
  const found = await Promise.all(service.dockerfiles.map((pattern) => matchingFiles(files, pattern)));
  const outlined = { ...service, dockerfiles: [...new Set(found.flat())] };
  const path = service.build?.dockerfile ?? null;
  const text = path === null ? null : await files.read(path);
  return text === null ? outlined : { ...outlined, imagePorts: outlineDockerfile(text, service.build?.target ?? null).exposed };
}

/** Compose refuses them as well, but only when it is asked. */
function circles(services: readonly ComposeServiceOutline[], file: string): ConfigProblem[] {
  const edges = new Map(services.map((service) => [service.name, service.dependsOn.map((one) => one.service)]));
  return cycles(edges).map((names) => ({
    file,
    key: `services.${names[0]}.depends_on`,
    line: null,
    column: null,
    message: `services.${names[0]} waits for itself: ${[...names, names[0]].join(" → ")}.`,
    hint: "Remove one of these from `depends_on`.",
  }));
}

function namesIn(model: Raw, key: string): string[] {
  const value = model[key];
  return isMap(value) ? Object.keys(value) : [];
}
