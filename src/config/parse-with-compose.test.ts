import { expect, test } from "bun:test";
import { join } from "node:path";
import * as fc from "fast-check";
import { directoryFiles, memoryFiles } from "../../test/support/repository-files.ts";
import type { ServiceConfig } from "./config.ts";
import { parseWithCompose } from "./parse-with-compose.ts";

const fixtures = join(import.meta.dir, "../../test/fixtures/compose");
const options = {
  path: "wt.yaml",
  projectFallback: "shop",
  resourceTypes: ["postgres", "redis", "directory"],
  resourceProblems: ({ options: given }: { options: object }) =>
    Object.keys(given)
      .filter((key) => !["server", "migrate", "url", "path", "branch"].includes(key))
      .map((key) => ({ key, message: `${key} is not known.`, hint: null })),
};
const parse = (text: string, contents: Record<string, string>) => parseWithCompose(memoryFiles(contents), text, options);

async function servicesOf(text: string, compose: string): Promise<Record<string, ServiceConfig>> {
  const { config, errors } = await parse(text, { "compose.yaml": compose });
  expect(errors).toEqual([]);
  return Object.fromEntries(config!.services.map((service) => [service.name, service]));
}

test("services of the compose file that wt.yaml does not name are there with defaults, after those that it names", async () => {
  const files = directoryFiles(join(fixtures, "helpdesk"));
  const text = `
runtime: compose
compose: { shared: [db, redis], shared_volumes: pip-cache, profiles: scheduler }
services:
  assets: { run: npm run dev, needs: [db, celery_worker] }
  web: { route: / }
`;
  const { config, errors, warnings } = await parseWithCompose(files, text, options);
  expect([errors, warnings]).toEqual([[], []]);
  expect(config!.compose).toEqual({
    files: ["docker-compose.yml"],
    profiles: ["scheduler"],
    shared: ["db", "redis"],
    sharedVolumes: ["pip-cache"],
    allow: [],
    dockerfiles: ["docker/django/Dockerfile"],
  });
  expect(
    config!.services.map(({ name, run, container, port, ready, needs, restart }) =>
      [name, run || container?.service, container?.target, port.kind, ready.kind, needs.join("+"), restart].join(" "),
    ),
  ).toEqual([
    "assets npm run dev  none none celery-worker on-failure",
    "web web 8000 leased healthcheck migrate always",
    "migrate migrate  none completed  never",
    "celery-worker celery_worker  none none  on-failure",
    "celery-beat celery_beat  none none  on-failure",
    "vite vite 5173 leased tcp  never",
    "flower flower 5555 leased tcp  on-failure",
  ]);
});

test("flower is active with the profile of what it extends, as Compose has it", async () => {
  const { config } = await parseWithCompose(directoryFiles(join(fixtures, "helpdesk")), "runtime: compose\n", options);
  expect(config!.services.map((service) => service.name)).toEqual(["db", "redis", "web", "migrate", "celery-worker", "vite"]);
});

test("what wt.yaml says of a service wins over the compose file", async () => {
  const compose = `
services:
  web:
    ports: ["80:8080", "81:8081"]
    restart: always
    stop_signal: QUIT
    stop_grace_period: 1m
    healthcheck: { test: a }
`;
  const { web } = await servicesOf("runtime: compose\n", compose);
  expect(web).toEqual({
    name: "web",
    run: "",
    container: { service: "web", target: 8080, healthcheck: true },
    directory: ".",
    env: {},
    routes: [],
    port: { kind: "leased" },
    ready: { kind: "healthcheck" },
    readyTimeoutMs: 120_000,
    needs: [],
    restart: "always",
    successCodes: [],
    stop: { signal: "SIGQUIT", graceMs: 60_000 },
  });
  const given =
    "{ target: 8081, route: /a/, port: 8000, ready: /up, timeout: 5s, restart: never, stop: { signal: SIGINT, grace: 2s }, env: { A: b } }";
  const { web: own } = await servicesOf(`runtime: compose\nservices:\n  web: ${given}\n`, compose);
  expect(own).toMatchObject({
    container: { target: 8081 },
    env: { A: "b" },
    routes: ["/a"],
    port: { kind: "slot", base: 8000 },
    ready: { kind: "http", path: "/up", status: null },
    readyTimeoutMs: 5_000,
    restart: "never",
    stop: { signal: "SIGINT", graceMs: 2_000 },
  });
  const { web: silent } = await servicesOf("runtime: compose\nservices: { web: { port: none, ready: none } }\n", compose);
  expect(silent).toMatchObject({ port: { kind: "none" }, ready: { kind: "none" }, container: { target: 8080 } });
});

test("how it is known to be ready, and where requests go", async () => {
  const contents = {
    "compose.yaml": `
services:
  routed: { image: x, expose: ["9000"] }
  asked: { build: ., environment: { A: b } }
  worker: { build: . }
  variable: { image: x, ports: ["\${P}:\${P}"] }
  seed: { image: x, ports: ["1:1"], healthcheck: { test: a } }
  web: { image: x, depends_on: { seed: { condition: service_completed_successfully } } }
`,
    Dockerfile: "FROM x\nEXPOSE 7000\n",
  };
  const text = "runtime: compose\nservices:\n  routed: { route: / }\n  web: { env: { URL: '${{ services.asked.url }}' } }\n";
  const { config, errors } = await parse(text, contents);
  expect(errors).toEqual([]);
  expect(
    Object.fromEntries(
      config!.services.map((one) => [one.name, [one.port.kind, one.container?.target, one.ready.kind, one.readyTimeoutMs]]),
    ),
  ).toEqual({
    routed: ["leased", 9000, "http", 120_000],
    web: ["none", null, "none", 120_000],
    asked: ["leased", 7000, "tcp", 120_000],
    worker: ["none", null, "none", 120_000],
    variable: ["leased", null, "tcp", 120_000],
    seed: ["leased", 1, "completed", 600_000],
  });
});

test("a service with a command takes the place of the container of that name", async () => {
  const { web, worker } = await servicesOf(
    "runtime: compose\nservices: { web: npm start }\n",
    "services: { web: { ports: ['80:80'] }, worker: { image: x, depends_on: [web] } }",
  );
  expect(web).toMatchObject({ run: "npm start", port: { kind: "none" } });
  expect(web?.container).toBeUndefined();
  expect(worker?.needs).toEqual(["web"]);
});

test("a resource in a shared service", async () => {
  const compose = "services: { db: { image: postgres }, web: { image: x, depends_on: [db] } }";
  const text = "runtime: compose\ncompose: { shared: db }\nresources:\n  db: { type: postgres, service: db, migrate: make }\n";
  const { config, errors } = await parse(text, { "compose.yaml": compose });
  expect(errors).toEqual([]);
  expect(config!.resources).toEqual({ db: { type: "postgres", service: "db", options: { migrate: "make" } } });
  // Who depends on the server waits for the database in it.
  expect(config!.services.map(({ name, needs }) => [name, needs])).toEqual([["web", ["db"]]]);
});

const composeFile = `
services:
  db: { image: postgres, profiles: [data] }
  cache: { image: redis }
  proxy: { image: nginx, depends_on: [web] }
  web: { build: . }
  web_: { image: x, scale: 0 }
volumes: { pip-cache: }
`;

test.each<[string, string, [string, number, string, string][]]>([
  [
    "shared services",
    "compose: { shared: [cahce, db, proxy, web_] }",
    [
      ["compose.shared[0]", 2, "names `cahce`, which is not a service of compose.yaml", "`cache`"],
      ["compose.shared[1]", 2, "`db`, which only runs with the profile data", "`profiles: [data]`"],
      ["compose.shared[2]", 2, "`proxy`, which depends on `web`, and that one runs in every environment", "Share `web` too"],
      ["compose.shared[3]", 2, "`web_`, which has no copies in compose.yaml", "at least one"],
    ],
  ],
  [
    "shared volumes",
    "compose: { shared_volumes: pip }",
    [["compose.shared_volumes", 2, "is not under `volumes` of compose.yaml", "There are: pip-cache."]],
  ],
  [
    "services",
    "compose: { shared: cache }\nservices:\n  cache: { route: / }\n  db: {}\n  wep: {}",
    [
      ["services.cache", 4, "services.cache is shared by all environments", "Remove services.cache"],
      ["services.db", 5, "has no `run`, and db only runs with the profile data", "`profiles: [data]`"],
      ["services.wep", 6, "has no `run`, and wep is not a service of compose.yaml", "Did you mean `web`? A process needs `run`."],
    ],
  ],
  ["a name for no host", "services:\n  celery_worker: {}", [["services.celery_worker", 3, "is not a usable name", "`celery-worker`"]]],
  [
    "a route to a container without a port",
    "services:\n  web: { route: / }",
    [["services.web.route", 3, "compose.yaml names no port of web", "`target:`"]],
  ],
  [
    "a reference to a container without a port",
    "env: { A: '${{ services.web.url }}' }",
    [["services.web", 1, "names no port of web", "`target:`"]],
  ],
  [
    "steps in containers",
    "compose: { shared: cache }\nsetup:\n  - { run: a, service: web }\n  - { run: a, service: cache }\n  - { run: a, service: wep }\n  - { run: a, service: host }\nservices: { host: x }",
    [
      ["setup[1].service", 5, "`cache`, which is shared", "runs in the environment"],
      ["setup[2].service", 6, "`wep`, which is not a service of compose.yaml", "`web`"],
      ["setup[3].service", 7, "`host`, which is not a service of compose.yaml", "There are:"],
    ],
  ],
  [
    "resources in services",
    "compose: { shared: cache }\nresources:\n  a: { type: postgres, service: web }\n  b: { type: redis, service: cache, url: x }\n  c: { type: postgres, service: no }\n  d: { type: directory, service: cache, path: x }",
    [
      ["resources.a.service", 4, "`web`, which runs in every environment", "Add `web` to `compose.shared`"],
      ["resources.b.url", 5, "both `service` and `url`", "Keep one"],
      ["resources.c.service", 6, "`no`, which is not a service of compose.yaml", "There are:"],
      ["resources.d.service", 7, "service is not known", ""],
    ],
  ],
  [
    "needs of nobody",
    "services:\n  web: { needs: [db, cachet] }",
    [
      ["services.web.needs[0]", 3, "`db`, which is neither", ""],
      ["services.web.needs[1]", 3, "`cachet`, which is neither", "`cache`"],
    ],
  ],
  [
    "a resource called like a container",
    "resources:\n  web: { type: directory, path: x }",
    [["resources.web", 3, "has the name of a service", "Rename"]],
  ],
  [
    "files that are not there",
    "compose:\n  files: [./x.yaml, compose.yaml]",
    [["compose.files[0]", 3, "`./x.yaml` is not a file of the repository", ""]],
  ],
])("%s", async (_name, text, expected) => {
  const { config, errors } = await parse(`runtime: compose\n${text}\n`, { "compose.yaml": composeFile });
  expect(config).toBeNull();
  expect(errors.map(({ key, line }) => [key, line ?? 0])).toEqual(expected.map(([key, line]) => [key, line]));
  for (const [index, [, , message, hint]] of expected.entries()) {
    expect(errors[index]!.message).toContain(message);
    expect(errors[index]!.message).toMatch(/^[^\n]+\.$/);
    expect(errors[index]!.hint ?? "").toContain(hint);
  }
});

test("names that would become one", async () => {
  const { errors } = await parse("runtime: compose\n", {
    "compose.yaml": "services: { a_b: { image: x }, a.b: { image: x }, A-B: { image: x, scale: 0 } }",
  });
  expect(errors.map((error) => error.message)).toEqual(["The services a_b and a.b of compose.yaml would both be called a-b."]);
});

test("no compose file at all; one with a mistake of its own is named with its line", async () => {
  expect((await parse("runtime: compose\n", {})).errors).toMatchObject([
    { key: "runtime", line: 1, message: expect.stringContaining("has no compose file") },
  ]);
  const { config, errors } = await parse("runtime: compose\n", { "compose.yaml": "services:\n  a: { extends: b }\n" });
  expect(config).toBeNull();
  expect(errors).toMatchObject([{ file: "compose.yaml", key: "services.a.extends", line: 2 }]);
});

test("mistakes of both files come at once; without the runtime the compose file is not read", async () => {
  expect((await parse("runtime: compose\nprojct: x\n", {})).errors.map((error) => error.key)).toEqual(["runtime", "projct"]);
  const both = await parse("runtime: compose\nprojct: x\nservices: { nobody: {} }\n", { "compose.yaml": "include: [../x.yaml]" });
  expect(both.errors.map((error) => [error.file, error.key])).toEqual([
    [undefined, "projct"],
    ["compose.yaml", "include[0]"],
  ]);
  const { config } = await parse("services: { web: x }\n", { "compose.yaml": "[" });
  expect(config!.services.map((service) => service.name)).toEqual(["web"]);
});

test("whatever wt.yaml names of a compose file, there is a config or a reason", async () => {
  const name = fc.constantFrom("db", "cache", "proxy", "web", "web_", "host", "x.y");
  const service = fc.record(
    {
      run: fc.constantFrom("x", ""),
      target: fc.integer({ min: -1, max: 70_000 }),
      route: fc.constantFrom("/", "/a"),
      port: fc.constantFrom("auto", "none", 8000),
      needs: fc.array(name, { maxLength: 2 }),
      ready: fc.constantFrom("healthcheck", "completed", "/x", "none"),
    },
    { requiredKeys: [] },
  );
  const written = fc.record(
    {
      compose: fc.record({
        shared: fc.array(name, { maxLength: 3 }),
        profiles: fc.array(fc.constantFrom("data", "*", "no"), { maxLength: 2 }),
      }),
      services: fc.dictionary(name, service, { maxKeys: 4 }),
      setup: fc.array(fc.record({ run: fc.constant("x"), service: name }), { maxLength: 2 }),
      resources: fc.dictionary(name, fc.record({ type: fc.constantFrom("postgres", "redis"), service: name }), { maxKeys: 2 }),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(written, async (value) => {
      const { config, errors } = await parse(JSON.stringify({ runtime: "compose", ...value }), { "compose.yaml": composeFile });
      expect(config === null).toBe(errors.length > 0);
      if (!config) return;
      const known = [...config.services.map((one) => one.name), ...Object.keys(config.resources)];
      for (const one of config.services) {
        expect(one.container === undefined).toBe(one.run !== "");
        expect(one.needs.filter((need) => !known.includes(need))).toEqual([]);
        if (one.routes.length > 0) expect(one.port.kind).not.toBe("none");
        if (one.routes.length > 0 && one.container) expect(one.container.target).not.toBeNull();
      }
      expect(config.services.filter((one) => one.container && config.compose!.shared.includes(one.container.service))).toEqual([]);
    }),
    { numRuns: 500 },
  );
}, 30_000);

test("files of variables that lie elsewhere, or where nobody knows, are refused unless accepted; those of other profiles are not read", async () => {
  const compose = `services:
  web: { image: x, env_file: [a.env, ../b.env, "$X", ".env.\${X}", "\${X}/c.env"] }
  api: { image: x, label_file: ~/labels, env_file: !override [/etc/d.env] }
  old: { image: x, env_file: /etc/e.env, profiles: [old] }
`;
  const said = async (allow: string) => {
    const text = `runtime: compose\ncompose: { allow: [${allow}] }\n`;
    const { errors } = await parseWithCompose(memoryFiles({ "compose.yaml": compose }), text, options);
    return errors.map(({ message }) => /^(\w+) of compose.yaml has the (\w+) `(.*)`/.exec(message)?.slice(1).join(" ") ?? message);
  };
  expect(await said("")).toEqual([
    "web env_file ../b.env",
    "web env_file $X",
    "web env_file ${X}/c.env",
    "api env_file /etc/d.env",
    "api label_file ~/labels",
  ]);
  const all = ["web.env_file:../b.env", "web.env_file:$X", "web.env_file:${X}/c.env", "api.env_file:/etc/d.env"];
  expect(await said(all.map((one) => JSON.stringify(one)).join(", "))).toEqual(["api label_file ~/labels"]);
});
