// The demo's story with containers: a Compose project that knows nothing of `wt`, three branches of it, the heavy services once.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ensureComposeImages } from "../scripts/compose-images.ts";
import { bookshelfEnvironment, bookshelfFiles, ownDatabase } from "./bookshelf.ts";
import { ask, parse, type RunningEnvironment } from "./demo-checks.ts";
import type { Say, Stage, Story, StoryBranch } from "./demo-story.ts";
import { git, need, type World } from "./demo-world.ts";

interface Shelf extends StoryBranch {
  colour: string;
  title: string;
  author: string;
}

const shelves: readonly Shelf[] = [
  { branch: "ada/shelf-1-classics", label: "Classics first", colour: "#b3541e", title: "Don Quixote", author: "Miguel de Cervantes" },
  { branch: "ben/shelf-2-crime", label: "Crime pays", colour: "#2f7d4f", title: "The Moonstone", author: "Wilkie Collins" },
  { branch: "cleo/shelf-3-poems", label: "Poems at last", colour: "#7a3fb0", title: "Leaves of Grass", author: "Walt Whitman" },
];
const appServices = ["vite", "web", "worker"];

export const composeStory: Story = {
  name: "bookshelf",
  subject: "Bookshelf: Django, Vite, Celery, PostgreSQL and Redis in one compose.yaml",
  branches: shelves,
  prevented: withoutDocker,
  writeFiles: (repository) => write(repository, { ...bookshelfFiles(), "wt.yaml": ownDatabase }),
  async prepare(world, say) {
    const images = await ensureComposeImages(say);
    write(world.repository, { ".env": bookshelfEnvironment(images, "key-of-the-demo-1234") });
    for (const shelf of shelves) {
      await git(world, ["switch", "-q", "-c", shelf.branch, "main"]);
      write(world.repository, filesOf(shelf));
      await git(world, ["add", "."]);
      await git(world, ["commit", "-q", "-m", `shelf: ${shelf.label}`]);
      say(`${shelf.branch.padEnd(20)} says "${shelf.label}" and has a migration 0003 that adds ${shelf.title}`);
    }
    await git(world, ["switch", "-q", "main"]);
    say("compose.yaml         has web, vite, worker, db and redis, with fixed names and ports; .env holds a key and is not committed");
  },
  tellsSomething: (line) => /: done in |: Running/.test(line) || /fail|error/i.test(line),
  show,
  lookAround: [
    "wt list --watch",
    "wt explain ada-shelf-1-classics      # what is changed in the compose file, and why",
    "wt compose -e ada-shelf-1-classics -- ps",
    "wt run -e ada-shelf-1-classics -- python manage.py test",
    "wt open -e ada-shelf-1-classics      # or click a URL above; edit frontend/src/banner.js and watch the page change",
  ],
};

function withoutDocker(): string | null {
  const works = (...command: string[]) => Bun.spawnSync(command, { stdio: ["ignore", "ignore", "ignore"] }).exitCode === 0;
  const why = !Bun.which("docker")
    ? "docker is not installed"
    : !works("docker", "compose", "version")
      ? "docker has no Compose v2"
      : !works("docker", "info")
        ? "no Docker engine answers"
        : null;
  return why === null ? null : `The demo with Compose needs a Docker engine, and ${why}. Without one: npm run demo`;
}

function filesOf({ label, colour, title, author }: Shelf): Record<string, string> {
  return {
    "backend/shelf/motto.py": `MOTTO = ${JSON.stringify(label)}\n`,
    "frontend/src/banner.js": `export const banner = ${JSON.stringify(`The assets of: ${label}`)};\n`,
    "frontend/src/style.css": (bookshelfFiles()["frontend/src/style.css"] ?? "").replace("teal", colour),
    "backend/shelf/migrations/0003_own_book.py": `from django.db import migrations


def add_book(apps, schema_editor):
    apps.get_model("shelf", "Book").objects.create(title=${JSON.stringify(title)}, author=${JSON.stringify(author)})


class Migration(migrations.Migration):
    dependencies = [("shelf", "0002_first_books")]
    operations = [migrations.RunPython(add_book, migrations.RunPython.noop)]
`,
  };
}

function write(directory: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
}

interface Running {
  shelf: Shelf;
  slug: string;
  url: string;
  path: string;
}

async function show(world: World, environments: readonly RunningEnvironment[], stage: Stage): Promise<void> {
  const running = shelves.flatMap((shelf) =>
    environments.filter(({ branch }) => branch === shelf.branch).map(({ slug, url, path }) => ({ shelf, slug, url: url ?? "", path })),
  );
  stage.heading("Each URL answers with its own branch's code, assets, rows and worker");
  const problems: string[] = [];
  for (const each of running) {
    stage.goOn();
    problems.push(...(await checkShelf(each, running, stage.sayOf(each.shelf))));
  }
  stage.failOn(problems);
  stage.heading("The heavy services run once");
  for (const line of (await need(world, ["shared"])).split("\n")) stage.say(line);
  stage.failOn(await checkContainers(world, running, stage.say));
  stage.heading("An edit is seen in its own environment only");
  stage.failOn(await checkEdit(running, stage));
}

async function checkShelf({ shelf, slug, url }: Running, all: readonly Running[], say: Say): Promise<string[]> {
  const problems: string[] = [];
  const expect = (holds: boolean, what: string) => {
    if (!holds) problems.push(`${slug}: ${what}.`);
  };
  const page = await ask(url, "/");
  expect(page.text.includes(`<h1>${shelf.label}</h1>`), `the page must say ${shelf.label}, but it answered ${page.status}`);
  expect(page.text.includes(shelf.title), `the page must show ${shelf.title}`);
  for (const other of all) {
    if (other.shelf !== shelf) expect(!page.text.includes(other.shelf.title), `the page shows ${other.shelf.title} of ${other.slug}`);
  }
  const banner = await ask(url, "/static/src/banner.js");
  expect(banner.text.includes(shelf.label), `Vite must serve this branch's banner, but it answered ${banner.status}`);
  say(`${url}/  →  ${shelf.label}, with ${shelf.title}`);
  const count = await countLetters(url);
  expect(count.motto === shelf.label && count.books === 4, `its own worker must count 4 books, but it said ${JSON.stringify(count)}`);
  say(`${url}/api/counts  →  its worker counts ${count.letters} letters in ${count.books} titles, in ${count.database}`);
  return problems;
}

async function countLetters(url: string): Promise<Record<string, unknown>> {
  const { task } = parse((await ask(url, "/api/counts", {})).text);
  const deadlineMs = Date.now() + 60_000;
  for (;;) {
    const answer = parse((await ask(url, `/api/counts/${task}`)).text);
    if (answer.state === "SUCCESS") return answer.result as Record<string, unknown>;
    if (Date.now() > deadlineMs) return answer;
    await Bun.sleep(100);
  }
}

async function checkContainers(world: World, running: readonly Running[], say: Say): Promise<string[]> {
  const problems: string[] = [];
  for (const { slug } of running) {
    const services = (await need(world, ["compose", "-e", slug, "--", "ps", "--services"])).split("\n").sort();
    if (!Bun.deepEquals(services, appServices))
      problems.push(`${slug} should have ${appServices.join(", ")}, but has ${services.join(", ")}.`);
  }
  const own = appServices.length * running.length;
  say(
    `${own + 2} containers: ${appServices.length} for each branch and 2 for all; a whole stack per branch would be ${own + 2 * running.length}`,
  );
  return problems;
}

/** Django's own server reloads what was edited, through the mounted worktree. */
async function checkEdit([first, ...others]: readonly Running[], stage: Stage): Promise<string[]> {
  if (!first) return [];
  const edited = "Edited just now";
  write(first.path, { "backend/shelf/motto.py": `MOTTO = ${JSON.stringify(edited)}\n` });
  const deadlineMs = Date.now() + 60_000;
  while (!(await ask(first.url, "/")).text.includes(edited)) {
    if (Date.now() > deadlineMs) return [`${first.slug} does not show the edit after a minute.`];
    await Bun.sleep(100);
  }
  stage.sayOf(first.shelf)(`${first.url}/  →  ${edited}`);
  const problems: string[] = [];
  for (const { shelf, slug, url } of others) {
    const page = await ask(url, "/");
    if (!page.text.includes(`<h1>${shelf.label}</h1>`)) problems.push(`${slug} should still say ${shelf.label}.`);
    stage.sayOf(shelf)(`${url}/  →  ${shelf.label}`);
  }
  return problems;
}
