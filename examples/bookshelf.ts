// The Compose example as a repository's files, with what somebody adds who wants to use wt with it.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { ComposeImages } from "../scripts/compose-images.ts";

const directory = resolve(import.meta.dir, "django-compose");

/** Everything that is committed, by path. */
export function bookshelfFiles(): Record<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !/\/(node_modules|__pycache__)(\/|$)/.test(entry.parentPath) && entry.name !== ".env",
  );
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(paths.map((path) => [relative(directory, path), readFileSync(path, "utf8")]));
}

/** What a person has in `.env`, which is not committed. */
export function bookshelfEnvironment(images: ComposeImages, key: string): string {
  return `${["DJANGO_SECRET_KEY=only-for-development", `CATALOGUE_API_KEY=${key}`, ...Object.entries(images).map(([name, image]) => `${name}=${image}`)].join("\n")}\n`;
}

/** The two files that branches change, saying `name`. */
export function branchFiles(name: string): Record<string, string> {
  return {
    "backend/shelf/motto.py": `MOTTO = "this is ${name}"\n`,
    "frontend/src/banner.js": `export const banner = "assets of ${name}";\n`,
  };
}

const common = `project: bookshelf
runtime: compose

compose:
  # Run once; everything else runs in each environment.
  shared: [db, redis]

copy: [.env]

services:
  web:
    route: /
    # Scripts and styles come from the page's own origin.
    env: { VITE_ORIGIN: "" }
  vite:
    route: /static
    ready: { tcp: true }
  worker:
    ready: { log: "celery@.* ready" }

resources:
  # A number of its own in the Redis that all share, so that no worker takes another's tasks.
  queue: { type: redis, service: redis, database: auto }
`;

/** wt.yaml with one database for all environments: the one of the compose file. */
export const sharedDatabase = common;

/** wt.yaml with a database for each environment in the server that all share; \`web\` migrates it when it starts. */
export const ownDatabase = `${common}  db: { type: postgres, service: db }\n`;
