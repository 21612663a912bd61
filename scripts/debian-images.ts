// Images for the compose example where the usual ones cannot be had: Python, Node, PostgreSQL and Redis on one small Debian made here.
import { cpSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { debianRootInputs, importRoot, logged, makeDebianRoot } from "./debian-root.ts";

const parts = resolve(import.meta.dir, "compose-images");
/** Not one of wt's own labels: this is a cache of the machine, nothing that a test left. */
const cacheLabel = "dev.worldtree.cache=compose-images";
const unusedHours = 14 * 24;

export const debianImageNames = ["python", "node", "postgres", "redis"] as const;

export type DebianImageName = (typeof debianImageNames)[number];

/** The tag of an image; it changes with everything that the images are made of. Where npm and pip look for packages is of the machine that made them. */
export function debianImage(name: DebianImageName | "debian"): string {
  const recipe = [import.meta.path, join(import.meta.dir, "debian-root.ts"), ...filesBelow(parts).sort()];
  const inputs = [...recipe.map((path) => readFileSync(path, "utf8")), ...debianRootInputs()];
  const node = Bun.which("node") ? output(["node", "--version"]) : "";
  const hash = new Bun.CryptoHasher("sha256").update([...inputs, node, process.arch].join("\0")).digest("hex");
  return `worldtree-compose/${name}:${hash.slice(0, 12)}`;
}

/** Makes all of them; images of older recipes that nothing uses go. */
export async function makeDebianImages(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "wt-compose-images-"));
  const [root, log, contexts] = [join(directory, "root"), join(directory, "log"), join(directory, "contexts")];
  const debian = debianImage("debian");
  try {
    await makeDebianRoot(root, log);
    await importRoot(root, log, { tag: debian, label: cacheLabel });
    rmSync(root, { recursive: true, force: true });
    writeContexts(contexts);
    for (const name of debianImageNames) {
      const options = ["--build-arg", `DEBIAN=${debian}`, "--label", cacheLabel, "--tag", debianImage(name)];
      await logged(log, ["docker", "build", "--force-rm", ...options, join(contexts, name)]);
    }
    const old = ["--filter", `label=${cacheLabel}`, "--filter", `until=${unusedHours}h`];
    await logged(log, ["docker", "image", "prune", "--all", "--force", ...old]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** This machine's node and npm, since Debian's may be too old, and where npm and pip find packages. */
function writeContexts(contexts: string): void {
  cpSync(parts, contexts, { recursive: true });
  const [node, npm] = [Bun.which("node"), Bun.which("npm")];
  if (!node || !npm) throw new Error("The image with Node is made of the machine's own node and npm; one of them is not installed.");
  cpSync(realpathSync(node), join(contexts, "node/node"));
  cpSync(dirname(dirname(realpathSync(npm))), join(contexts, "node/npm"), { recursive: true });
  const registry = output(["npm", "config", "get", "registry"]);
  const index = process.env.PIP_INDEX_URL ?? (Bun.which("pip") ? output(["pip", "config", "get", "global.index-url"]) : "");
  writeFileSync(join(contexts, "node/npmrc"), registry === "" ? "" : `registry=${registry}\n`);
  writeFileSync(join(contexts, "python/pip.conf"), `[global]\n${index === "" ? "" : `index-url = ${index}\n`}`);
}

function filesBelow(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function output(command: string[]): string {
  return Bun.spawnSync(command, { stdin: "ignore", stdout: "pipe", stderr: "ignore" }).stdout.toString().trim();
}
