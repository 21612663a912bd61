// package.json as a source of commands.

export interface PackageManifest {
  name: string | null;
  scripts: Record<string, string>;
  /** Names of all dependencies, development ones included. */
  dependencies: Set<string>;
  workspaces: string[];
  packageManager: string | null;
  main: string | null;
}

/** What matters of a package.json; null when it is absent or not a JSON object. Odd values are left out, never thrown at. */
export function parsePackage(text: string | null): PackageManifest | null {
  if (text === null) return null;
  let manifest: unknown;
  try {
    manifest = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    return null;
  }
  if (!isRecord(manifest)) return null;
  const { workspaces } = manifest;
  const patterns = isRecord(workspaces) ? workspaces.packages : workspaces;
  const names = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"].flatMap((key) =>
    isRecord(manifest[key]) ? Object.keys(manifest[key]) : [],
  );
  return {
    name: textOrNull(manifest.name),
    scripts: isRecord(manifest.scripts) ? textsIn(manifest.scripts) : {},
    dependencies: new Set(names),
    workspaces: Array.isArray(patterns) ? patterns.filter((pattern) => typeof pattern === "string") : [],
    packageManager: textOrNull(manifest.packageManager),
    main: textOrNull(manifest.main),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function textsIn(record: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, value]) => (typeof value === "string" && !value.includes("\0") ? [[key, value]] : [])),
  );
}

export const packageManagers: ReadonlySet<string> = new Set(["npm", "pnpm", "yarn", "bun"]);

/** Files with which a repository changes what a package manager runs. */
export const configFilesOfManagers = [".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", "bunfig.toml"] as const;

export interface ReachedScripts {
  /** Names or patterns such as `dev:*`. */
  names: string[];
  /** The part of `names` that an installation runs by itself. */
  installs: string[];
  /** Directories whose package.json is meant, seen from the command's. */
  directories: string[];
}

const lifecycle = ["preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare", "prepublish", "dependencies"];
const installWords = new Set(["ci", "install", "i", "add", "clean-install", "install-test", "it", "cit", "link", "rebuild"]);
const runWords = new Set(["run", "run-script", "rum", "urn"]);
const directoryOptions = new Set(["--prefix", "-C", "--dir", "--cwd", "--workspace", "-w", "--filter", "-F"]);

/** Which scripts a command of a package manager (or of concurrently, npm-run-all) may run. */
export function reachedScripts(words: readonly string[]): ReachedScripts {
  const [program = "", ...rest] = words;
  const directories = ["."];
  const plain: string[] = [];
  for (let index = 0; index < rest.length; index += 1) {
    const word = rest[index] ?? "";
    const [option = "", value] = word.split("=", 2);
    if (directoryOptions.has(option) && !(option === "-w" && program === "pnpm")) {
      const named = value ?? rest[index + 1] ?? "";
      if (value === undefined) index += 1;
      const last = named.split("/").at(-1) ?? named;
      directories.push(named, `packages/${last}`, `apps/${last}`);
    } else if (!word.startsWith("-") && !(program === "yarn" && word === "workspace")) plain.push(word);
  }
  if (program === "yarn" && rest[0] === "workspace") {
    const last = plain.shift()?.split("/").at(-1) ?? "";
    directories.push(last, `packages/${last}`, `apps/${last}`);
  }
  const { names, installs } = scriptNames(program, plain);
  const hooked = names.flatMap((name) => (name.includes("*") ? [name] : [`pre${name}`, name, `post${name}`]));
  return { names: [...hooked, ...installs], installs, directories };
}

function scriptNames(program: string, plain: string[]): { names: string[]; installs: string[] } {
  if (!packageManagers.has(program)) {
    const named = plain.flatMap((word) => word.split(/\s+/)).map((word) => word.replace(/^(npm|yarn|pnpm|bun|node):/, ""));
    return { names: named, installs: [] };
  }
  const [verb = program === "yarn" ? "install" : "", name = ""] = plain;
  if (installWords.has(verb)) return { names: [], installs: lifecycle };
  if (runWords.has(verb)) return { names: [name], installs: [] };
  // `npm start`, `pnpm dev`, `yarn dev`, `bun dev`: a name of a script that is no such is none of ours.
  return { names: verb === "t" || verb === "tst" ? ["test"] : verb === "restart" ? ["stop", "restart", "start"] : [verb], installs: [] };
}
