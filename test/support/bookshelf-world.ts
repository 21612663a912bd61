// A world with the Compose example in it, and the questions that tests ask its environments.
import { bookshelfEnvironment, bookshelfFiles, branchFiles } from "../../examples/bookshelf.ts";
import { ensureComposeImages } from "../../scripts/compose-images.ts";
import { findContainerLeaks } from "../../scripts/container-leaks.ts";
import type { EnvironmentDocument } from "../../src/api/environment.ts";
import { composeLabels, labels } from "../../src/runtime/compose/labels.ts";
import { docker, dockerReason } from "./docker.ts";
import { eventually, type HermeticWorld, hermeticWorld } from "./hermetic-world.ts";

export type Environment = EnvironmentDocument["environment"];

export interface Count {
  books: number;
  letters: number;
  motto: string;
  worker: string;
  database: string;
}

export interface About {
  motto: string;
  host: string;
  database: string;
  key: string;
}

export interface Book {
  id: number;
  title: string;
  author: string;
}

export const apiKey = "key-of-a-person-1234";

/** Why the example cannot run here; null: it can, and its images are there. In CI it must. */
export async function bookshelfReason(): Promise<string | null> {
  const reason = dockerReason();
  if (reason !== null) return reason;
  try {
    await ensureComposeImages(console.log);
    return null;
  } catch (error) {
    if (process.env.CI) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

/** The repository on `main`, trusted, with a branch for each name that says so, and a `.env` in the main worktree. */
export async function bookshelfWorld(settings: string, branches: readonly string[]): Promise<HermeticWorld> {
  const images = await ensureComposeImages(console.log);
  const world = await hermeticWorld();
  try {
    await world.write({ ...bookshelfFiles(), "wt.yaml": settings });
    await world.commit("first");
    for (const branch of branches) {
      await world.git(["checkout", "--quiet", "-b", branch, "main"]);
      await world.write(branchFiles(branch));
      await world.commit(`say ${branch}`);
    }
    await world.git(["checkout", "--quiet", "main"]);
    await world.write({ ".env": bookshelfEnvironment(images, apiKey) });
    await world.ok(["trust", "--yes"]);
  } catch (error) {
    await world[Symbol.asyncDispose]();
    throw error;
  }
  const dispose = async () => {
    await world[Symbol.asyncDispose]();
    // What all share outlives the environments; a world that is gone has nobody to stop it.
    await findContainerLeaks(world.directory);
  };
  return { ...world, [Symbol.asyncDispose]: dispose };
}

export async function create(world: HermeticWorld, branch: string): Promise<Environment> {
  return JSON.parse(await world.ok(["create", branch, "--json"])).environment;
}

/** One environment's app, asked through the gateway. */
export interface Shelf {
  slug: string;
  host: string;
  text(path: string): Promise<string>;
  about(): Promise<About>;
  books(): Promise<Book[]>;
  add(title: string, author: string): Promise<Book>;
  /** Has the worker count the letters of all titles. */
  count(): Promise<Count>;
  /** What `wt env` prints. */
  variables(): Promise<Record<string, string>>;
  /** Id of the running container of a service. */
  container(service: string): Promise<string>;
}

export function shelf(world: HermeticWorld, slug: string): Shelf {
  const host = `${slug}.localhost`;
  const ask = async (path: string, body?: unknown) => {
    const init = body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const answer = await world.fetch(host, path, init);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${host}${path} answered ${answer.status}: ${text.slice(0, 500)}`);
    return text;
  };
  const json = async <T>(path: string, body?: unknown) => JSON.parse(await ask(path, body)) as T;
  const variables = async () => {
    const lines = (await world.ok(["env", "-e", slug])).split("\n").filter((line) => line.includes("="));
    return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
  };
  return {
    slug,
    host,
    text: (path) => ask(path),
    about: () => json<About>("/api/about"),
    books: async () => (await json<{ books: Book[] }>("/api/books")).books,
    add: (title, author) => json<Book>("/api/books", { title, author }),
    count: async () => {
      const { task } = await json<{ task: string }>("/api/counts", {});
      const { state, result } = await eventually(
        () => json<{ state: string; result: Count | null }>(`/api/counts/${task}`),
        (answer) => answer.state === "SUCCESS",
        60_000,
      );
      if (!result) throw new Error(`The task ${task} of ${slug} is ${state} after a minute.`);
      return result;
    },
    variables,
    container: async (service) => {
      const { COMPOSE_PROJECT_NAME: project } = await variables();
      const filters = [`label=${composeLabels.project}=${project}`, `label=${composeLabels.service}=${service}`];
      const ids = docker("ps", "--quiet", "--no-trunc", ...filters.flatMap((filter) => ["--filter", filter])).split("\n");
      if (ids.length !== 1 || ids[0] === "") throw new Error(`${slug} has no container of ${service}, or several: ${ids.join(" ")}`);
      return ids[0] ?? "";
    },
  };
}

/** Everything on the engine that this world made: `container bookshelf-a-web-1`. */
export function madeBy(world: HermeticWorld): string[] {
  const kinds = {
    container: ["ps", "--all", "--format", "{{.Names}}"],
    network: ["network", "ls", "--format", "{{.Name}}"],
    volume: ["volume", "ls", "--format", "{{.Name}}"],
    image: ["image", "ls", "--format", "{{.Repository}}"],
  };
  return Object.entries(kinds).flatMap(([kind, command]) =>
    docker(...command, "--filter", `label=${labels.state}=${world.directory}/state/worldtree`)
      .split("\n")
      .filter((name) => name !== "")
      .map((name) => `${kind} ${name}`),
  );
}
