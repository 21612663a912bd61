// Which files of the repository decide what containers run, besides the program itself: it changes with every edit.
import type { RepositoryFiles } from "../config.ts";
import { simpleCommands, withoutWrappers } from "../shell-words.ts";
import { filesNamed } from "../trust-files.ts";
import type { ComposeOutline, ComposeServiceOutline } from "./compose-outline.ts";
import { type DockerfileOutline, outlineDockerfile } from "./dockerfile.ts";
import { pathInRepository } from "./repository-path.ts";

export interface ComposeFilesToTrust {
  /** Compose files and Dockerfiles: path → text. */
  texts: Map<string, string>;
  /** Paths that may be scripts: what entrypoints, commands and Dockerfiles name. Not all of them need be there. */
  scripts: string[];
}

/** Of all services, active or not: a profile is one word away. */
export async function composeFilesToTrust(outline: ComposeOutline, files: RepositoryFiles): Promise<ComposeFilesToTrust> {
  const texts = new Map(outline.files.map(({ path, text }) => [path, text]));
  const scripts = new Set<string>();
  for (const service of outline.services) {
    const commands = [...service.commands, ...service.probes];
    const seen = [...service.mounts];
    for (const path of service.dockerfiles) {
      const text = (await files.read(path)) ?? "";
      texts.set(path, text);
      const made = outlineDockerfile(text, service.build?.target ?? null);
      for (const word of made.mentioned) add(scripts, service.build?.context ?? null, word);
      seen.push(...copiedFiles(made, service));
      commands.push(...made.commands);
    }
    for (const { source } of seen) scripts.add(source);
    for (const command of commands)
      for (const path of programsOf(command)) for (const place of placesOf(path, { ...service, mounts: seen })) scripts.add(place);
  }
  return { texts, scripts: [...scripts] };
}

/** What the image has of the repository is found there like what is mounted. */
function copiedFiles({ copies }: DockerfileOutline, { build, contexts }: ComposeServiceOutline): ComposeServiceOutline["mounts"] {
  return copies.flatMap(({ from, source, target }) => {
    const context = from === null ? (build?.context ?? null) : Object.hasOwn(contexts, from) ? (contexts[from] ?? null) : null;
    const place = context === null ? null : pathInRepository(context, source.replace(/^\/+/, "") || ".");
    if (place === null) return [];
    const name = place.split("/").at(-1) ?? "";
    // A directory is copied with what is in it, a file under its name or the other one.
    return [target, `${target === "/" ? "" : target}/${name}`].map((one) => ({ source: place, target: one }));
  });
}

/** Files that a shell would run for this command, as a container sees them. */
function programsOf(command: string): string[] {
  return simpleCommands(command).flatMap(({ words }) => [
    ...filesNamed(withoutWrappers(words), false),
    ...words.filter((word) => /\s/.test(word)).flatMap(programsOf),
    // What an entrypoint is given to run.
    ...words.filter((word) => /^[\w./-]*\/[\w.-]+$/.test(word)),
  ]);
}

/** Where a path of the container may be in the repository: below what is mounted there, or in the directory that the image is built from. */
function placesOf(path: string, { mounts, build }: ComposeServiceOutline): string[] {
  const found = new Set<string>();
  for (const { source, target } of mounts) {
    if (!path.startsWith("/")) add(found, source, path);
    else if (path === target) found.add(source);
    else if (path.startsWith(`${target}/`)) add(found, source, path.slice(target.length + 1));
  }
  if (!path.startsWith("/")) add(found, build?.context ?? null, path);
  return [...found];
}

function add(found: Set<string>, directory: string | null, path: string): void {
  const place = directory === null ? null : pathInRepository(directory, path);
  if (place !== null) found.add(place);
}
