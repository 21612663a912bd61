// What reading compose files works with: the files in hand, what was read so far, and where to say what is wrong.
import { formatPath, type KeyPath } from "../check-written.ts";
import type { ConfigProblem, RepositoryFiles } from "../config.ts";
import type { YamlFile } from "../yaml-file.ts";
import type { Variables } from "./interpolate.ts";
import type { Raw } from "./merge-models.ts";
import { isRemote, pathInRepository } from "./repository-path.ts";

/** What loading leaves behind. */
export interface ComposeLoad {
  files: RepositoryFiles;
  /** Path → text of what was read. */
  texts: Map<string, string>;
  /** Names of variables that the files take in. */
  variables: Set<string>;
  /** Files whose variables fill in what others say, there or not. */
  variableFiles: Set<string>;
  problems: ConfigProblem[];
}

/** For whom a file is read. */
export interface Scope {
  /** Paths are seen from here. */
  directory: string;
  variables: Variables;
  /** What is being read around it, outermost first. */
  trail: readonly string[];
}

/** A file in hand. */
export interface Opened {
  path: string;
  yaml: YamlFile;
  value: Raw;
  scope: Scope;
}

export interface Mentioned {
  at: KeyPath;
  text: string;
  verb: "includes" | "extends";
}

/**
 * Paths from the top of the repository; what is not there, elsewhere or unknown is reported and left out. Variables are refused, those with a default too: Compose takes their
 * values from the shell first, and so could read another file than the one that a person approved.
 */
export async function existing(load: ComposeLoad, opened: Opened, mentioned: Mentioned[]): Promise<string[]> {
  const found: string[] = [];
  for (const { at, text, verb } of mentioned) {
    const path = pathInRepository(opened.scope.directory, text);
    const readable = path !== null && (load.texts.has(path) || (await load.files.read(path)) !== null);
    if (path !== null && readable) {
      found.push(path);
      continue;
    }
    const where = `${opened.path} ${verb} \`${text}\``;
    if (isRemote(text)) {
      const message = `${where}, which is not in the repository but fetched from elsewhere, so nobody could approve what it runs.`;
      problem(load, opened, { path: at, message, hint: "Keep a copy of that file in the repository." });
    } else if (text.includes("$")) {
      const message = `${where}: whoever sets that variable would choose the file, approved or not.`;
      problem(load, opened, { path: at, message, hint: "Write the path without a variable." });
    } else if (path === null) {
      const message = `${where}, which leads out of the repository.`;
      problem(load, opened, { path: at, message, hint: "Move that file into the repository." });
    } else {
      const message = `${where}, but ${path} is not a file of the repository.`;
      problem(load, opened, { path: at, message, hint: "Add the file, or correct the path." });
    }
  }
  return found;
}

export function problem(load: ComposeLoad, opened: Opened, given: { path: KeyPath; message: string; hint: string }): void {
  const place = opened.yaml.place(given.path, "value");
  report(load, opened.path, { key: formatPath(given.path), ...place, message: given.message, hint: given.hint });
}

/** The same mistake, seen twice because a file is read for two others, is one. */
export function report(load: ComposeLoad, file: string, given: { message: string; hint: string } & Partial<ConfigProblem>): void {
  const found: ConfigProblem = { file, key: "", line: null, column: null, ...given };
  const seen = load.problems.some((one) => one.file === file && one.key === found.key && one.message === found.message);
  if (!seen) load.problems.push(found);
}
