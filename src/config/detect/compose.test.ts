import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { directoryFiles, memoryFiles } from "../../../test/support/repository-files.ts";
import type { RepositoryFiles } from "../config.ts";
import { detectConfig } from "../detect.ts";
import { parseWithCompose } from "../parse-with-compose.ts";

const fixtures = join(import.meta.dir, "../../../test/fixtures");
const detect = (files: RepositoryFiles) => detectConfig(files, { projectFallback: "x" });
const routes = async (compose: string, others: Record<string, string> = {}) => {
  const found = await detect(memoryFiles({ "compose.yaml": compose, ...others }));
  return Object.fromEntries(found?.config.services.map(({ name, routes: own, port }) => [name, own.join(" ") || port.kind]) ?? []);
};

test.each<[string, { shared: string[]; sharedVolumes: string[] }, Record<string, string>]>([
  [
    "helpdesk",
    { shared: ["db", "redis"], sharedVolumes: ["pip-cache"] },
    { web: "/", migrate: "none", "celery-worker": "none", vite: "leased" },
  ],
  [
    "storefront",
    { shared: ["postgres", "redis", "elasticsearch", "mailcatcher"], sharedVolumes: [] },
    { rails: "/", sidekiq: "none", webpacker: "leased", traefik: "none" },
  ],
  [
    "board",
    { shared: ["buckets", "mysql", "minio", "nats"], sharedVolumes: [] },
    { web: "/", api: "/api", worker: "none", migrate: "none" },
  ],
])("%s: what is shared, what is not, and where it answers", async (name, proposed, expected) => {
  const { config } = (await detect(directoryFiles(join(fixtures, "compose", name))))!;
  expect(config.runtime).toBe("compose");
  expect(config.compose).toMatchObject({ ...proposed, allow: [] });
  expect(Object.fromEntries(config.services.map((service) => [service.name, service.routes.join(" ") || service.port.kind]))).toEqual(
    expected,
  );
});

test("the reason stands beside what is shared", async () => {
  const { written, because } = (await detect(directoryFiles(join(fixtures, "compose/helpdesk"))))!;
  expect(written).toContain("    - db # it is PostgreSQL with PostGIS (postgis/postgis:16-3.4)\n");
  expect(because).toContain("vite runs in node:22-slim on what it mounts, frontend; every environment has its own.");
  expect(because).toContain("mailpit, celery_beat, flower of docker-compose.yml are left out: they need a profile (tools, scheduler).");
  for (const sentence of because) expect(sentence).toMatch(/\.$/);
});

const proposals = [
  ...readdirSync(join(fixtures, "compose")).map((name) => `compose/${name}`),
  ...readdirSync(join(fixtures, "detect"))
    .filter((name) => name.startsWith("compose-"))
    .map((name) => `detect/${name}`),
];

test.each(proposals)("%s: with its marks taken away the proposal is valid, too", async (name) => {
  const files = directoryFiles(join(fixtures, name));
  const { written } = (await detect(files))!;
  const [, ...lines] = written.split("\n\n");
  const unmarked = lines.map((part) => part.replace(/^# ( *(- |[\w-]+:))/gm, "$1")).join("\n\n");
  const { config, errors } = await parseWithCompose(files, unmarked, {
    path: "wt.yaml",
    projectFallback: "x",
    resourceTypes: ["postgres", "mysql", "mariadb", "redis"],
  });
  expect(errors).toEqual([]);
  expect(config!.runtime).toBe("compose");
  for (const [key, resource] of Object.entries(config!.resources))
    expect([key, config!.compose!.shared]).toEqual([key, expect.arrayContaining([resource.service!])]);
});

test("only web: it answers at /", async () => {
  expect(await routes("services: { app: { build: ., ports: ['80:80'] }, db: { image: postgres } }")).toEqual({ app: "/" });
});

test("a frontend in front of a framework; a bundler beside one; a bundler in front of an api", async () => {
  const built = "{ build: ., ports: ['80:80'] }";
  expect(await routes(`services: { django: ${built}, frontend: ${built} }`)).toEqual({ frontend: "/", django: "/api" });
  expect(await routes(`services: { vite: ${built}, django: ${built} }`)).toEqual({ django: "/", vite: "leased" });
  expect(await routes(`services: { vite: ${built}, api: ${built} }`)).toEqual({ vite: "/", api: "/api" });
});

test("what is shared depends on nothing that is not", async () => {
  const compose = `
services:
  web: { build: . }
  exporter: { image: redis, depends_on: [web] }
  ui: { image: someone/ui, depends_on: [exporter] }
  cache: { image: redis }
  warm: { image: curlimages/curl, depends_on: [cache] }
  after: { image: curlimages/curl, depends_on: [warm, web] }
`;
  const { config, because } = (await detect(memoryFiles({ "compose.yaml": compose })))!;
  expect(config.compose?.shared).toEqual(["cache", "warm"]);
  expect(because).toContain("exporter depends on web; every environment has its own.");
  expect(because).toContain("ui depends on exporter; every environment has its own.");
});

test("workers of all worktrees on one queue is said", async () => {
  const queue = (image: string) => `services: { w: { build: . }, worker: { build: ., depends_on: [q] }, q: { image: ${image} } }`;
  const said = async (image: string) =>
    (await detect(memoryFiles({ "compose.yaml": queue(image) })))!.because.filter((one) => one.includes("same queues"));
  expect(await said("redis:7")).toEqual([
    "Workers of all worktrees take from the same queues in q: where that matters, give each its own part under `resources` below.",
  ]);
  expect(await said("rabbitmq:4")).toEqual([
    "Workers of all worktrees take from the same queues in q: where that matters, take q out of `shared`.",
  ]);
  expect(await said("postgres:17")).toEqual([]);
});

test("a compose file that cannot be read is left alone, and said", async () => {
  const node = { "package.json": '{ "scripts": { "dev": "vite" }, "devDependencies": { "vite": "6" } }' };
  const { config, because } = (await detect(
    memoryFiles({ ...node, "compose.yaml": "include: [oci://x/y]\nservices: { a: { build: . } }" }),
  ))!;
  expect(config.runtime).toBe("process");
  expect(because).toContain(
    "compose.yaml is left alone, because it cannot be read: compose.yaml includes `oci://x/y`, which is not in the repository but fetched from elsewhere, so nobody could approve what it runs.",
  );
});

test("servers alone are nothing that runs, and neither is a file without services", async () => {
  expect(await detect(memoryFiles({ "compose.yaml": "services: { db: { image: postgres } }" }))).toBeNull();
  expect(await detect(memoryFiles({ "compose.yaml": "volumes: { a: }" }))).toBeNull();
  expect(await detect(memoryFiles({ "docker/README.md": "" }))).toBeNull();
});

test("a file for development, where the usual one is missing", async () => {
  const compose = "services:\n  web: { build: { context: . } }\n";
  expect((await detect(memoryFiles({ "docker-compose.dev.yml": compose })))!.config.compose?.files).toEqual(["docker-compose.dev.yml"]);
  expect((await detect(memoryFiles({ "docker/compose.yml": compose })))!.config.compose?.files).toEqual(["docker/compose.yml"]);
});

test("names that would become one leave the file alone", async () => {
  const notes = await detect(
    memoryFiles({ "compose.yaml": "services: { a_b: { build: . }, a-b: { build: . } }", "manage.py": "import django" }),
  );
  expect(notes?.config.runtime).toBe("process");
  expect(notes?.because).toContain("compose.yaml is left alone, because its services a_b and a-b would both be called a-b.");
});

test("whatever services there are, the proposal is valid or none", async () => {
  const name = fc.constantFrom("web", "api", "vite", "db", "a_b", "a-b", "UP", "x".repeat(39), "y".repeat(70), "worker", "nginx", "1", "-");
  const one = fc.record(
    {
      image: fc.constantFrom("redis", "postgres:17", "nginx", "node", "${X}", "me/app"),
      build: fc.constantFrom(".", "./app", "https://x/y.git", { context: "." }),
      ports: fc.constantFrom(["80:80"], ["9229:9229", "3000:3000"], ["${P}"], []),
      expose: fc.constantFrom([80], []),
      volumes: fc.constantFrom([".:/a"], ["./app:/a"], ["v:/a"]),
      depends_on: fc.array(name, { maxLength: 3 }),
      profiles: fc.constantFrom(["a"], []),
      scale: fc.constantFrom(0, 1),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(fc.dictionary(name, one, { maxKeys: 6 }), fc.boolean(), async (services, app) => {
      const files = {
        "compose.yaml": JSON.stringify({ services, volumes: { "npm-cache": null } }),
        ...(app ? { "manage.py": "import django" } : {}),
      };
      const found = await detect(memoryFiles(files));
      if (!found) return;
      expect(found.config.services.length).toBeGreaterThan(0);
      const shared = found.config.compose?.shared ?? [];
      for (const each of shared)
        for (const need of services[each]?.depends_on ?? [])
          expect(shared.includes(need) || !(need in services) || services[need]?.scale === 0 || services[need]?.profiles?.[0] === "a").toBe(
            true,
          );
    }),
    { numRuns: 500 },
  );
}, 30_000);

test("settings and data that are mounted are no code of the app", async () => {
  const mounting = (source: string) => `services: { it: { image: me/thing, volumes: ['${source}:/x'], ports: ['80:80'] } }`;
  for (const source of ["./thing.yml", "./config/thing", "./data", "./docker/init"]) expect(await routes(mounting(source))).toEqual({});
  for (const source of [".", "./src", "./apps/web"]) expect(await routes(mounting(source))).toEqual({ it: "/" });
});
