import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ownDatabase, sharedDatabase } from "../../examples/bookshelf.ts";
import { apiKey, bookshelfReason, bookshelfWorld, create, madeBy, type Shelf, shelf } from "../support/bookshelf-world.ts";
import { docker } from "../support/docker.ts";
import { eventually, type HermeticWorld } from "../support/hermetic-world.ts";
import { listenForUpdates } from "../support/hot-updates.ts";

const reason = await bookshelfReason();
if (reason !== null) console.log(`Skipped: ${reason}`);
const slugs = ["a", "b", "c"];
/** Nothing is built before, and pip and npm are slow on a machine that does something else too. */
const deadlineMs = 7 * 60_000;

test.skipIf(reason !== null)(
  "Django, Vite, Celery, PostgreSQL and Redis in three worktrees: each answers with its own code, tasks and database",
  async () => {
    await using world = await bookshelfWorld(ownDatabase, slugs);
    // The first one builds; what the others build is in the cache.
    const first = await create(world, "a");
    const environments = [first, ...(await Promise.all([create(world, "b"), create(world, "c")]))];
    for (const environment of environments) {
      expect(environment).toMatchObject({ status: "Healthy" });
      const states = Object.fromEntries(environment.services.map(({ name, state, restarts }) => [name, [state, restarts]]));
      expect(states).toEqual({ web: ["Running", 0], vite: ["Running", 0], worker: ["Running", 0] });
    }

    const shelves = slugs.map((slug) => shelf(world, slug));
    await answerAsThemselves(shelves);
    expect((await world.fetch("nobody.localhost", "/api/about")).status).toBeGreaterThanOrEqual(400);
    await keepTasksApart(shelves);
    await keepRowsApart(shelves);
    const [a, b] = shelves as [Shelf, Shelf];
    await updateHot(world, a, b);
    await cannotReach(a, b);

    const tested = await world.wt(["run", "-e", "a", "--", "python", "manage.py", "test"]);
    expect(tested).toMatchObject({ code: 0 });
    expect(tested.stderr).toContain("Ran 4 tests");

    const refused = await world.wt(["shared", "down", "--volumes"]);
    expect(refused.code).toBe(5);
    expect(refused.stderr).toMatch(/The shared services hold what these environments have made there: [abc, ]{7}\./);
    for (const slug of slugs) await world.ok(["delete", slug, "--force", "--branch"]);
    expectOnlyShared(world);
    await world.ok(["shared", "down", "--volumes"]);
    expect(madeBy(world)).toEqual([]);
    expect(JSON.parse(await world.ok(["shared", "--json"]))).toMatchObject({ composeProject: null, services: [] });
    expect(readdirSync(join(world.directory, "state/worldtree/environments"))).toEqual([]);
  },
  deadlineMs,
);

test.skipIf(reason !== null)(
  "with the compose file's own database for all, rows are seen everywhere and tasks are still done by the own worker",
  async () => {
    await using world = await bookshelfWorld(sharedDatabase, slugs.slice(0, 2));
    await create(world, "a");
    await create(world, "b");
    const [a, b] = [shelf(world, "a"), shelf(world, "b")];
    const added = await a.add("Kindred", "Octavia E. Butler");
    expect(await b.books()).toContainEqual(added);
    for (const each of [a, b]) {
      expect(await each.about()).toMatchObject({ motto: `this is ${each.slug}`, database: "bookshelf" });
      expect(await each.count()).toMatchObject({ books: 4, motto: `this is ${each.slug}`, database: "bookshelf" });
    }
    await world.ok(["delete", "a", "--force", "--branch"]);
    expect(await b.books()).toContainEqual(added);
    await world.ok(["delete", "b", "--force", "--branch"]);
    expectOnlyShared(world);
  },
  deadlineMs,
);

async function answerAsThemselves(shelves: readonly Shelf[]): Promise<void> {
  const hosts = new Set<string>();
  for (const each of shelves) {
    const page = await each.text("/");
    const banner = await each.text("/static/src/banner.js");
    expect(page).toContain(`<h1>this is ${each.slug}</h1>`);
    expect(page).toContain('src="/static/src/main.js"');
    expect(page).toContain("Middlemarch");
    expect(banner).toContain(`assets of ${each.slug}`);
    for (const { slug } of shelves.filter((other) => other !== each)) {
      expect(page).not.toContain(`this is ${slug}`);
      expect(banner).not.toContain(`assets of ${slug}`);
    }
    const about = await each.about();
    expect(about).toMatchObject({ motto: `this is ${each.slug}`, key: `…${apiKey.slice(-4)}` });
    expect(await each.container("web")).toStartWith(about.host);
    hosts.add(about.host);
  }
  expect(hosts.size).toBe(shelves.length);
}

/** All ask at once, several times: with one queue for all, some would be done by another's worker. */
async function keepTasksApart(shelves: readonly Shelf[]): Promise<void> {
  const asked = shelves.flatMap((each) => Array.from({ length: 4 }, () => each));
  const counts = await Promise.all(asked.map(async (each) => ({ each, count: await each.count() })));
  for (const { each, count } of counts) {
    expect(count.motto).toBe(`this is ${each.slug}`);
    expect(await each.container("worker")).toStartWith(count.worker);
  }
  const urls = await Promise.all(shelves.map(async (each) => (await each.variables()).REDIS_URL));
  expect(new Set(urls).size).toBe(shelves.length);
}

async function keepRowsApart(shelves: readonly Shelf[]): Promise<void> {
  const databases = await Promise.all(shelves.map(async (each) => (await each.about()).database));
  expect(new Set(databases).size).toBe(shelves.length);
  await shelves[0]?.add("Kindred", "Octavia E. Butler");
  const titles = await Promise.all(shelves.map(async (each) => (await each.books()).map(({ title }) => title)));
  expect(titles.map((each) => each.includes("Kindred"))).toEqual([true, false, false]);
  const counts = await Promise.all(shelves.map((each) => each.count()));
  expect(counts.map(({ books, database }) => [books, database])).toEqual(databases.map((name, index) => [index === 0 ? 4 : 3, name]));
}

async function updateHot(world: HermeticWorld, a: Shelf, b: Shelf): Promise<void> {
  // Vite announces changes of modules that somebody has loaded.
  for (const each of [a, b]) for (const file of ["main.js", "banner.js"]) await each.text(`/static/src/${file}`);
  using heardA = await listenForUpdates(world, a.host, "/static/");
  using heardB = await listenForUpdates(world, b.host, "/static/");
  const edit = async ({ slug }: Shelf, files: Record<string, string>) => world.write(files, (await world.status(slug)).path);
  const banner = (text: string) => ({ "frontend/src/banner.js": `export const banner = "${text}";\n` });
  await edit(a, banner("edited in a"));
  expect(await heardA.next()).toEndWith("/src/banner.js");
  expect(await a.text("/static/src/banner.js")).toContain("edited in a");
  expect(await b.text("/static/src/banner.js")).toContain("assets of b");
  await edit(b, banner("edited in b"));
  expect(await heardB.next()).toEndWith("/src/banner.js");
  // Had a's edit come to b, it would have come first.
  expect([heardA.updates.length, heardB.updates.length]).toEqual([1, 1]);

  // Django reloads what was edited, in its own container only.
  await edit(a, { "backend/shelf/motto.py": 'MOTTO = "edited in a"\n' });
  const page = await eventually(
    () => world.fetch(a.host).then((answer) => answer.text()),
    (text) => text.includes("edited in a"),
    60_000,
  );
  expect(page).toContain("<h1>edited in a</h1>");
  expect(await b.text("/")).toContain("<h1>this is b</h1>");
}

/** From a container of `a`, the name `web` is a's own, and b's container does not answer at its address. */
async function cannotReach(a: Shelf, b: Shelf): Promise<void> {
  const from = await a.container("worker");
  const python = (code: string) => docker("exec", from, "python", "-c", code);
  const addresses = async (each: Shelf) => {
    const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
    return docker("inspect", "--format", format, await each.container("web"))
      .split(/\s+/)
      .filter(Boolean);
  };
  const answerOf = (address: string) =>
    python(`import socket
try: socket.create_connection(("${address}", 8000), 3).close(); print("reached")
except OSError: print("unreachable")`);
  const [own, foreign] = await Promise.all([addresses(a), addresses(b)]);
  expect(own.map(answerOf)).toEqual(["reached"]);
  expect(foreign.map(answerOf)).toEqual(["unreachable"]);
  expect(python('import socket; print(*socket.gethostbyname_ex("web")[2])')).toBe(own[0] ?? "");
}

/** Deleted environments leave nothing; what all share waits for the next one. */
function expectOnlyShared(world: HermeticWorld): void {
  // The name of the project gets an ending where somebody else on this machine uses it.
  const left = madeBy(world).map((name) => name.replace(/(bookshelf-shared)-[0-9a-f]{6,}/, "$1"));
  expect(left.sort()).toEqual([
    "container bookshelf-shared-db-1",
    "container bookshelf-shared-redis-1",
    "network bookshelf-shared_default",
    "volume bookshelf-shared_pgdata",
  ]);
}
