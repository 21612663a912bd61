// The images that examples/django-compose starts from: the usual ones where they are here or can be pulled, else made of Debian's packages, once
// per machine. `bun scripts/compose-images.ts` prints the variables that name them.
import { readFileSync } from "node:fs";
import { debianImage, makeDebianImages } from "./debian-images.ts";
import { debianRootReason } from "./debian-root.ts";

const variables = ["PYTHON_IMAGE", "NODE_IMAGE", "POSTGRES_IMAGE", "REDIS_IMAGE"] as const;

/** The variables of the example's compose file, each with the name of an image. */
export type ComposeImages = Record<(typeof variables)[number], string>;

const usual: ComposeImages = {
  PYTHON_IMAGE: "python:3.12-slim",
  NODE_IMAGE: "node:22-slim",
  POSTGRES_IMAGE: "postgres:16",
  REDIS_IMAGE: "redis:7",
};
const lock = "/run/lock/worldtree-compose-images";

if (import.meta.main) process.exit(await main(process.argv[2] === "--make" ? makeOwn : ensureComposeImages));

async function main(make: typeof ensureComposeImages): Promise<number> {
  try {
    const images = await make(console.error);
    for (const variable of variables) console.log(`${variable}=${images[variable]}`);
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

/** Needs a running engine. Throws a sentence when the images can neither be pulled nor made. */
export async function ensureComposeImages(say: (line: string) => void): Promise<ComposeImages> {
  if (await allHere(usual)) return usual;
  const own = ownImages();
  if (await allHere(own)) return own;
  const refused = await pullUsual();
  if (refused === null) return usual;
  const reason = debianRootReason();
  if (reason) throw new Error(`The images cannot be pulled (${refused}), and not be made here: ${reason}`);
  // Whoever comes second waits and then finds them made.
  const command = ["flock", lock, process.execPath, import.meta.path, "--make"];
  const making = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const said: string[] = [];
  for await (const line of linesOf(making.stderr)) {
    said.push(line);
    say(line);
  }
  if ((await making.exited) !== 0) throw new Error(`The images could not be made: ${said.slice(1).join("\n")}`);
  return own;
}

async function makeOwn(say: (line: string) => void): Promise<ComposeImages> {
  const own = ownImages();
  if (await allHere(own)) return own;
  const startedMs = Date.now();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, endChildren);
  say("The usual images cannot be had here: making some of Debian's packages …");
  await makeDebianImages();
  say(`Made in ${Math.round((Date.now() - startedMs) / 1000)} s; they are kept for the next time.`);
  return own;
}

/** Whoever waits for one sees it fail, and takes back what was made so far; by itself a signal would end us and leave that. */
function endChildren(): void {
  for (const pid of readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").split(" ").filter(Boolean)) {
    try {
      process.kill(Number(pid), "SIGTERM");
    } catch {
      // It had the signal as well.
    }
  }
}

function ownImages(): ComposeImages {
  return {
    PYTHON_IMAGE: debianImage("python"),
    NODE_IMAGE: debianImage("node"),
    POSTGRES_IMAGE: debianImage("postgres"),
    REDIS_IMAGE: debianImage("redis"),
  };
}

async function allHere(images: ComposeImages): Promise<boolean> {
  return (await finish(["docker", "image", "inspect", "--format", "{{.Id}}", ...Object.values(images)])).code === 0;
}

/** null: all are here now; else what the engine said. */
async function pullUsual(): Promise<string | null> {
  for (const image of Object.values(usual)) {
    const pulled = await finish(["docker", "pull", "--quiet", image]);
    if (pulled.code !== 0) return pulled.stderr.trim().split("\n").at(-1) ?? "";
  }
  return null;
}

async function finish(command: string[]): Promise<{ code: number; stderr: string }> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  return { code, stderr };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of stream) {
    const lines = (rest + decoder.decode(part, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}
