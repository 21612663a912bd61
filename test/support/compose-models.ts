// Compose files of different kinds and what Compose makes of them: kept in `model.json`, so that the transform is tested where no Docker is.
// `bun test/support/compose-models.ts` writes them anew.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

const fixtures = join(import.meta.dir, "../fixtures/compose-models");

/** Where the kept models say that their files lie: `/trees/<name>`. */
export const treesDirectory = "/trees";

/** A value that only exact handling of dollar signs brings through; compose files pass it on by its name. */
export const shellToken = "a$b ${c} $$d $$$e $";

export const composeModels = readdirSync(fixtures).sort();

/** What `docker compose config --format json` printed when it was kept. */
export function keptComposeModel(name: string): string {
  return readFileSync(join(fixtures, name, "model.json"), "utf8");
}

/** What it prints now, with the same paths. */
export function printedComposeModel(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), "wt-model-"));
  try {
    const tree = join(directory, name);
    cpSync(join(fixtures, name), tree, { recursive: true });
    return `${runCompose(["--profile", "*", "config", "--format", "json"], { directory: tree }).trim()}\n`.replaceAll(
      directory,
      treesDirectory,
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Compose's standard output; a failure throws with its sentence. Only the reading commands need no engine. */
export function runCompose(args: readonly string[], options: { directory: string; stdin?: string }): string {
  const { directory, stdin } = options;
  const child = Bun.spawnSync(["docker", "compose", ...args], {
    cwd: directory,
    stdin: stdin === undefined ? "ignore" : Buffer.from(stdin),
    stdout: "pipe",
    stderr: "pipe",
    env: { ...engineEnvironment(), HOME: "/home/ann", PWD: directory, SHELL_TOKEN: shellToken },
  });
  if (child.exitCode !== 0) throw new Error(`docker compose ${args.join(" ")} ended with ${child.exitCode}: ${child.stderr}`);
  return child.stdout.toString();
}

/** Where Compose itself and the engine are found, though HOME is another one. */
function engineEnvironment(): Record<string, string | undefined> {
  const { PATH, DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG = join(homedir(), ".docker") } = process.env;
  return { PATH, DOCKER_CONFIG, ...(DOCKER_HOST ? { DOCKER_HOST } : {}), ...(DOCKER_CONTEXT ? { DOCKER_CONTEXT } : {}) };
}

export function composeVersion(): string {
  return runCompose(["version", "--short"], { directory: tmpdir() }).trim();
}

if (import.meta.main) {
  for (const name of composeModels) writeFileSync(join(fixtures, name, "model.json"), printedComposeModel(name));
}
