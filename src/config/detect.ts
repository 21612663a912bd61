// What a repository without wt.yaml looks like. The result is always written as a wt.yaml first and read back, so `wt init` writes what would have run.
import { WtError } from "../errors/wt-error.ts";
import type { Config, RepositoryFiles } from "./config.ts";
import { type DetectedCompose, detectCompose } from "./detect/compose.ts";
import { detectDatabase } from "./detect/database.ts";
import { detectNode } from "./detect/node.ts";
import { type DetectedPart, emptyPart, type Look, partFolders } from "./detect/part.ts";
import { detectProcfile } from "./detect/procfile.ts";
import { detectPython } from "./detect/python.ts";
import { detectRails } from "./detect/rails.ts";
import { assignRoutes } from "./detect/routes.ts";
import { writeConfig } from "./detect/write-config.ts";
import { parseWithCompose } from "./parse-with-compose.ts";

export interface DetectedProject {
  config: Config;
  /** The commented wt.yaml for `wt init`; `config` is what it says. */
  written: string;
  /** One sentence for each decision. */
  because: string[];
}

export interface DetectOptions {
  projectFallback: string;
}

/** null when nothing that runs is recognised. */
export async function detectConfig(files: RepositoryFiles, options: DetectOptions): Promise<DetectedProject | null> {
  const notes: string[] = [];
  const compose = await detectCompose(files, notes);
  const inContainers = (directory: string) => compose?.covers.some((folder) => isBelow(directory, folder)) ?? false;
  const whole = await detectFolder({ files, directory: ".", root: null });
  const databases = [...whole.databases];
  // What is in the containers does not run beside them.
  const root = inContainers(".") ? { ...emptyPart(), node: whole.node } : whole;
  const folders: DetectedPart[] = [];
  for (const directory of (await partFolders(files)).filter((folder) => !whole.claims.includes(folder))) {
    const part = await detectFolder({ files, directory, root: root.node });
    databases.push(...part.databases);
    if (!inContainers(directory)) folders.push(part);
  }
  const running = folders.filter((part) => part.services.length > 0);
  const starter = root.startsOthers && running.length > 0;
  if (starter)
    notes.push(
      `The script of the top package.json starts several parts at once (\`${root.startsOthers}\`); each part is a service of its own instead.`,
    );
  const own = starter ? { ...root, services: root.services.filter((service) => !service.fromStarter) } : root;
  const containers: DetectedPart = compose?.covers.length
    ? { ...emptyPart(), services: compose.services, because: compose.because }
    : emptyPart();
  const parts = [containers, own, ...running].filter((part) => part.services.length > 0);
  if (parts.length === 0) return null;
  const services = assignRoutes(parts, notes);
  const setup = [
    ...(own.services.length > 0 || (root.node?.workspaces && running.length > 0) ? root.setup : []),
    ...running.flatMap((part) => part.setup),
  ];
  const copy = await ignoredVariables(files, parts);
  if (copy.length > 0) notes.push("`.gitignore` leaves out `.env` files, so a new worktree takes them over from the main one.");
  if (compose && containers.services.length === 0) notes.push(serversOnly(compose));
  const because = [...containers.because, ...root.because, ...running.flatMap((part) => part.because), ...notes];
  const written = writeConfig({ services, setup, copy, because, databases, compose });
  const { config, errors } = await parseWithCompose(files, written, { path: "wt.yaml", projectFallback: options.projectFallback });
  if (!config) {
    throw new WtError({
      kind: "internal",
      code: "detected_config_invalid",
      message: `Detection wrote a wt.yaml that is not valid: ${errors[0]?.message ?? "no reason given."}`,
      hints: ["Write a wt.yaml by hand; `services:` with one `run` each is enough."],
    });
  }
  return { config: { ...config, origin: { kind: "detected", because } }, written, because };
}

function isBelow(directory: string, folder: string): boolean {
  return folder === "." || directory === folder || directory.startsWith(`${folder}/`);
}

function serversOnly({ shared, services }: DetectedCompose): string {
  const names = [...shared, ...services].map(({ name }) => name).join(", ");
  return `The compose file holds servers (${names}) and nothing of the app, so the app runs as processes, and the servers as you start them.`;
}

async function detectFolder(look: Look): Promise<DetectedPart> {
  const rails = await detectRails(look);
  const python = await detectPython(look);
  const node = await detectNode(look, { servesPages: !(rails || python) });
  const frameworks = [rails, python, node].filter((part) => part !== null);
  const procfile = await detectProcfile(look, { hasWeb: frameworks.some((part) => part.services.length > 0) });
  const parts = procfile ? [...frameworks, procfile] : frameworks;
  const database = await detectDatabase(look, node?.node?.manager ?? null);
  return {
    services: parts.flatMap((part) => part.services),
    setup: parts.flatMap((part) => part.setup),
    because: parts.flatMap((part) => part.because),
    node: node?.node ?? null,
    startsOthers: node?.startsOthers ?? null,
    databases: database ? [database] : [],
    claims: parts.flatMap((part) => part.claims),
  };
}

async function ignoredVariables(files: RepositoryFiles, parts: DetectedPart[]): Promise<string[]> {
  const directories = [...new Set([".", ...parts.flatMap((part) => part.services.map((service) => service.directory))])];
  const top = ignoresEnv(await files.read(".gitignore"));
  const found: string[] = [];
  for (const directory of directories) {
    const prefix = directory === "." ? "" : `${directory}/`;
    if (top || ignoresEnv(await files.read(`${prefix}.gitignore`))) found.push(`${prefix}.env`, `${prefix}.env.local`);
  }
  return found;
}

function ignoresEnv(text: string | null): boolean {
  return text?.split("\n").some((line) => /^\s*(\*\*)?\/?\.env(\*|\.\*)?(\.local)?\s*$/.test(line)) ?? false;
}
