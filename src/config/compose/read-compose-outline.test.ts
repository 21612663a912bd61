import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { directoryFiles, memoryFiles } from "../../../test/support/repository-files.ts";
import type { ComposeServiceOutline } from "./compose-outline.ts";
import { readComposeOutline } from "./read-compose-outline.ts";

const fixtures = join(import.meta.dir, "../../../test/fixtures/compose");
const outline = (contents: Record<string, string>, options: { files?: string[]; profiles?: string[] } = {}) =>
  readComposeOutline(memoryFiles(contents), { files: [], profiles: [], ...options });

/** The one service of a file that holds nothing else. */
async function service(written: string): Promise<ComposeServiceOutline> {
  const { services, problems } = await outline({ "compose.yaml": `services:\n  it: ${written}\n` });
  expect(problems).toEqual([]);
  return services[0]!;
}

test.each<[string, number[]]>([
  ["[3000]", [3000]],
  ['["8000:80"]', [80]],
  ['["127.0.0.1:8000:80/tcp"]', [80]],
  ['["[::1]:8000:80"]', [80]],
  ['["8000-8002:80-82", 90]', [80, 81, 82, 90]],
  ['["53:53/udp", "80:80"]', [80]],
  ['["${PORT:-8000}:8000"]', [8000]],
  ['["${PORT:?not: set}:8000"]', [8000]],
  ['["8000:${PORT-80}"]', [80]],
  ['["8000:${PORT}"]', []],
  ['[{ target: 80, published: "8000-9000", host_ip: 127.0.0.1 }, { target: "81" }, { target: 82, protocol: udp }]', [80, 81]],
  ['["80:80", "81:80"]', [80]],
  ['["0:0", "x:y", "70000", "9-3", ""]', []],
])("ports: %s", async (written, expected) => {
  expect(await service(`{ ports: ${written} }`)).toMatchObject({ publishes: true, published: expected });
});

test("a service that publishes nothing", async () => {
  expect(await service('{ image: x, expose: [80, "81/tcp", "90-91", "5/udp"] }')).toMatchObject({
    publishes: false,
    published: [],
    exposed: [80, 81, 90, 91],
  });
  expect((await service("{ expose: 80 }")).exposed).toEqual([80]);
});

test.each<[string, boolean]>([
  ["{ test: [CMD, a] }", true],
  ["{ test: a }", true],
  ["{ test: [NONE] }", false],
  ["{ test: NONE }", false],
  ["{ test: a, disable: true }", false],
  ["{ interval: 5s }", false],
  ["a", false],
])("healthcheck: %s", async (written, expected) => {
  expect((await service(`{ healthcheck: ${written} }`)).healthcheck).toBe(expected);
});

test.each([
  ['"no"', "never"],
  ["no", "never"],
  ["always", "always"],
  ["unless-stopped", "always"],
  ["on-failure:3", "on-failure"],
  ["nonsense", "never"],
])("restart: %s", async (written, expected) => {
  expect((await service(`{ restart: ${written} }`)).restart).toBe(expected as ComposeServiceOutline["restart"]);
});

test("restart of deploy counts where restart is not there", async () => {
  expect((await service("{ deploy: { restart_policy: { condition: any } } }")).restart).toBe("always");
  expect((await service("{ restart: no, deploy: { restart_policy: { condition: any } } }")).restart).toBe("never");
});

test("what must be there before", async () => {
  const written = "{ depends_on: [a], links: ['b:x'], volumes_from: ['c:ro', 'container:d'], network_mode: 'service:e', pid: host }";
  expect((await service(written)).dependsOn).toEqual(["a", "b", "c", "e"].map((name) => ({ service: name, condition: "started" })));
  const long =
    "{ depends_on: { a: { condition: service_healthy }, b: { condition: service_completed_successfully }, c: , d: { condition: toString } } }";
  expect((await service(long)).dependsOn.map(({ condition }) => condition)).toEqual(["healthy", "completed", "started", "started"]);
});

test("build, mounts, stop and commands", async () => {
  expect((await service("{ build: ./app/ }")).build).toEqual({ context: "app", dockerfile: "app/Dockerfile", target: null });
  expect((await service("{ build: { context: a, dockerfile: ../b/Dev, target: dev } }")).build).toEqual({
    context: "a",
    dockerfile: "b/Dev",
    target: "dev",
  });
  for (const context of ["https://github.com/a/b.git#main", "git@host:a/b", "../other", "/abs", "~/x", "${WHERE}"])
    expect((await service(`{ build: { context: "${context}" } }`)).build).toEqual({ context: null, dockerfile: null, target: null });
  expect((await service("{ build: { context: ., dockerfile_inline: FROM x } }")).build?.dockerfile).toBeNull();
  const volumes =
    "[.:/app, './a/:/b/:ro', { type: bind, source: ./c, target: /c }, named:/d, /abs:/e, ../out:/f, { type: volume, source: v, target: /g }]";
  expect((await service(`{ volumes: ${volumes} }`)).mounts).toEqual([
    { source: ".", target: "/app" },
    { source: "a", target: "/b" },
    { source: "c", target: "/c" },
  ]);
  expect(await service("{ stop_signal: SIGINT, stop_grace_period: 1m30.5s }")).toMatchObject({ stopSignal: "SIGINT", stopGraceMs: 90_500 });
  expect((await service("{ stop_grace_period: soon }")).stopGraceMs).toBeNull();
  expect((await service('{ entrypoint: [./a.sh, "b c"], command: sh x.sh && y $$Z }')).commands).toEqual([
    "./a.sh 'b c'",
    "sh x.sh && y $Z",
  ]);
});

test("profiles, and services that have no copies", async () => {
  const contents = {
    "compose.yaml":
      "services: { a: {}, b: { profiles: [dev] }, c: { profiles: tools }, d: { scale: 0 }, e: { deploy: { replicas: 0 } }, f: { scale: 2 } }",
  };
  const active = async (profiles: string[]) =>
    (await outline(contents, { profiles })).services.filter((one) => one.active).map((one) => one.name);
  expect(await active([])).toEqual(["a", "f"]);
  expect(await active(["dev"])).toEqual(["a", "b", "f"]);
  expect(await active(["*"])).toEqual(["a", "b", "c", "f"]);
});

test("which files: the first that Compose knows with its override, or those that are asked for", async () => {
  const files = { "compose.yml": "services: { a: { image: x } }", "docker-compose.yml": "services: { old: {} }" };
  expect(await outline(files)).toMatchObject({ composeFiles: ["compose.yml"], absent: [], services: [{ name: "a" }] });
  const over = { ...files, "docker-compose.override.yml": "services: { a: { image: y } }" };
  expect(await outline(over)).toMatchObject({ composeFiles: ["compose.yml", "docker-compose.override.yml"], services: [{ image: "y" }] });
  const asked = await outline(over, { files: ["docker-compose.yml", "nothing.yaml"] });
  expect(asked).toMatchObject({ composeFiles: ["docker-compose.yml"], absent: ["nothing.yaml"], services: [{ name: "old" }] });
  expect(await outline({ "README.md": "" })).toMatchObject({ composeFiles: [], absent: [], services: [], problems: [] });
});

test("a JSON compose file is YAML too", async () => {
  const text = JSON.stringify({ services: { a: { ports: ["80:80"] } }, volumes: { v: null }, networks: { n: {} } }, null, 2);
  expect(await outline({ "compose.yaml": text })).toMatchObject({
    services: [{ published: [80] }],
    volumes: ["v"],
    networks: ["n"],
    problems: [],
  });
});

test("paths in all files asked for are seen from the first one's directory, values come from the .env file there", async () => {
  const { services } = await outline(
    {
      "deploy/base.yaml": "services: { a: { build: ../app, ports: ['${A}:${A}'] } }",
      "deploy/dev/over.yaml": "services: { a: { volumes: ['./x:/x'] } }",
      "deploy/.env": "A=8080",
    },
    { files: ["deploy/base.yaml", "deploy/dev/over.yaml"] },
  );
  expect(services[0]).toMatchObject({ build: { context: "app" }, published: [8080], mounts: [{ source: "deploy/x", target: "/x" }] });
});

test("include: short, long, several, nested; what stands around it wins", async () => {
  const { services, files, volumes, problems } = await outline({
    "compose.yaml":
      "include:\n  - infra/compose.yaml\n  - { path: [a.yaml, b.yaml], project_directory: sub }\nservices: { db: { image: mine } }",
    "infra/compose.yaml": "include: [more/x.yaml]\nservices: { db: { image: theirs, build: . } }\nvolumes: { data: }",
    "infra/more/x.yaml": "services: { deep: { build: .., ports: ['${P}:${P}'] } }",
    "infra/more/.env": "P=99",
    "a.yaml": "services: { a: { build: ., expose: [1] } }",
    "b.yaml": "services: { a: { expose: [2] } }",
  });
  expect(problems).toEqual([]);
  expect(files.map((file) => file.path)).toEqual(["compose.yaml", "infra/compose.yaml", "infra/more/x.yaml", "a.yaml", "b.yaml"]);
  expect(volumes).toEqual(["data"]);
  expect(Object.fromEntries(services.map((one) => [one.name, [one.image, one.build?.context]]))).toEqual({
    deep: [null, "infra"],
    db: ["mine", "infra"],
    a: [null, "sub"],
  });
  expect(services.find((one) => one.name === "deep")?.published).toEqual([99]);
  expect(services.find((one) => one.name === "a")?.exposed).toEqual([1, 2]);
});

test("extends: the same file, another, through several, and anchors with merge keys", async () => {
  const { services, problems } = await outline({
    "compose.yaml": `
x-base: &base { restart: always, expose: [1] }
services:
  a: { <<: *base, extends: { service: b }, expose: [3] }
  b: { extends: { file: lib/base.yaml, service: c }, expose: [2] }
`,
    "lib/base.yaml": "services:\n  c: { extends: d, volumes: ['./v:/v'] }\n  d: { image: deep, build: ../app, expose: [0, 9] }\n",
  });
  expect(problems).toEqual([]);
  expect(services.map((one) => one.name)).toEqual(["a", "b"]);
  expect(services[0]).toMatchObject({
    image: "deep",
    restart: "always",
    exposed: [9, 2, 3],
    build: { context: "app" },
    mounts: [{ source: "lib/v", target: "/v" }],
  });
});

test("a tag that makes another value of what is written is refused", async () => {
  const { problems } = await outline({ "compose.yaml": "services: { a: { image: !!str x, env_file: !!binary LmVudg== } }" });
  expect(problems.map(({ file, message }) => [file, message])).toEqual([["compose.yaml", expect.stringContaining("The tag `!!binary`")]]);
});

test("what stands under !override is followed as Compose follows it", async () => {
  const { services, files, problems } = await outline({
    "compose.yaml":
      "include: !override\n  - inc.yaml\nservices: !override\n  a: !override { extends: !override { file: base.yaml, service: b } }\n",
    "inc.yaml": "services: { c: { image: c } }",
    "base.yaml": "services: { b: { image: deep } }",
  });
  expect(problems).toEqual([]);
  expect(files.map(({ path }) => path)).toEqual(["compose.yaml", "inc.yaml", "base.yaml"]);
  expect(services.map(({ name, image }) => [name, image])).toEqual([["a", "deep"]]);
});

test("env_file of an include takes the place of the .env beside it", async () => {
  const { services, problems } = await outline({
    "compose.yaml": "include:\n  - { path: infra/x.yaml, env_file: [one.env, two.env] }\n",
    "infra/x.yaml": "services: { a: { ports: ['${P}:${P}', '${Q}:${Q}', '${R}:${R}'] } }",
    "infra/.env": "R=9\n",
    "one.env": "P=1\nQ=2\n",
    "two.env": "Q=3\n",
  });
  expect(problems).toEqual([]);
  expect(services[0]?.published).toEqual([1, 3]);
});

test("a compose file that is a link is not passed over in silence, because Compose would follow it", async () => {
  const directory = mkdtempSync(join(tmpdir(), "wt-outline-"));
  try {
    writeFileSync(join(directory, "compose.yaml"), "services: { a: { image: x } }");
    symlinkSync("/etc/hosts", join(directory, "compose.override.yaml"));
    const { composeFiles, problems } = await readComposeOutline(directoryFiles(directory), { files: [], profiles: [] });
    expect(composeFiles).toEqual(["compose.yaml"]);
    expect(problems).toMatchObject([{ file: "compose.override.yaml", message: expect.stringContaining("not a regular file") }]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("!reset and !override between files", async () => {
  const { services } = await outline({
    "compose.yaml":
      "services:\n  a: { ports: ['80:80', '81:81'], restart: always, depends_on: [b, c] }\n  b: { image: x }\n  c: { image: x }\n",
    "compose.override.yaml":
      "services:\n  a: { ports: !override ['82:82'], restart: !reset null, depends_on: !override [c] }\n  b: !reset null\n",
  });
  expect(services.map((one) => one.name)).toEqual(["a", "c"]);
  expect(services[0]).toMatchObject({ published: [82], restart: "never", dependsOn: [{ service: "c" }] });
});

test.each<[string, Record<string, string>, [string, number, string][]]>([
  [
    "a path that leaves the repository",
    { "compose.yaml": "include:\n  - ../x.yaml\n" },
    [["include[0]", 2, "leads out of the repository"]],
  ],
  ["an absolute path", { "compose.yaml": "include: [/etc/x.yaml]" }, [["include[0]", 1, "leads out of the repository"]]],
  ["a file of a home directory", { "compose.yaml": "include: ['~/x.yaml']" }, [["include[0]", 1, "leads out of the repository"]]],
  [
    "what Compose would fetch",
    { "compose.yaml": "include:\n  - oci://reg/x\n  - https://github.com/a/b.git\n  - path: git@github.com:a/b.git\n  - github.com/a/b\n" },
    [
      ["include[0]", 2, "fetched from elsewhere"],
      ["include[1]", 3, "fetched from elsewhere"],
      ["include[2]", 4, "fetched from elsewhere"],
      ["include[3]", 5, "fetched from elsewhere"],
    ],
  ],
  ["a variable nobody knows", { "compose.yaml": "include: ['${WHERE}/x.yaml']" }, [["include[0]", 1, "would choose the file"]]],
  [
    "a variable that the caller's shell could set, although it has a default or stands in .env",
    {
      "compose.yaml":
        "include:\n  - ${X:-a.yaml}\n  - path: [a.yaml, $Y]\nservices:\n  a: { extends: { file: '${X:-a.yaml}', service: b } }\n",
      "a.yaml": "services: { b: { image: b } }",
      ".env": "Y=a.yaml\n",
    },
    [
      ["include[0]", 2, "includes `${X:-a.yaml}`: whoever sets that variable"],
      ["include[1]", 3, "includes `$Y`: whoever"],
      ["services.a.extends.file", 5, "extends `${X:-a.yaml}`: whoever"],
    ],
  ],
  [
    "a service chosen by a variable",
    { "compose.yaml": "services:\n  a: { extends: { service: '${X:-b}' } }\n  b: { image: b }\n" },
    [["services.a.extends", 2, "would choose what runs"]],
  ],
  [
    "variables of a file that is elsewhere, or that nobody knows",
    {
      "compose.yaml": "include:\n  - { path: a.yaml, env_file: [a.env, ~/.aws/credentials] }\n  - { path: a.yaml, env_file: '$X.env' }\n",
      "a.yaml": "services: { a: { image: a } }",
    },
    [
      ["include[0]", 2, "the env_file `~/.aws/credentials`, which is not a plain path within the repository"],
      ["include[1]", 3, "the env_file `$X.env`"],
    ],
  ],
  [
    "a project directory that is elsewhere, or that nobody knows",
    {
      "compose.yaml": "include:\n  - { path: a.yaml, project_directory: ../x }\n  - { path: a.yaml, project_directory: '${X:-sub}' }\n",
      "a.yaml": "services: {}",
    },
    [
      ["include[0]", 2, "not a plain path within the repository"],
      ["include[1]", 3, "not a plain path within the repository"],
    ],
  ],
  [
    "an include that is no path",
    { "compose.yaml": "include: [{ path: [] }, 7]" },
    [
      ["include[0]", 1, "no path"],
      ["include[1]", 1, "no path"],
    ],
  ],
  ["a file that is not there", { "compose.yaml": "include: [x.yaml]" }, [["include[0]", 1, "x.yaml is not a file of the repository"]]],
  [
    "a circle of includes",
    { "compose.yaml": "include: [a.yaml]", "a.yaml": "x: 1\ninclude: [compose.yaml]" },
    [["include[0]", 2, "which includes it again"]],
  ],
  [
    "extends out of the repository",
    { "compose.yaml": "services:\n  a:\n    extends:\n      file: ../x.yaml\n      service: b\n" },
    [["services.a.extends.file", 4, "extends `../x.yaml`, which leads out"]],
  ],
  [
    "extends of nothing",
    { "compose.yaml": "services:\n  a: { extends: b }\n" },
    [["services.a.extends", 2, "extends `b`, which is not a service of"]],
  ],
  [
    "a circle of extends",
    { "compose.yaml": "services:\n  a: { extends: b }\n  b: { extends: a }\n" },
    [
      ["services.b.extends", 3, "extends itself"],
      ["services.a.extends", 2, "extends itself"],
    ],
  ],
  [
    "services that wait for each other",
    { "compose.yaml": "services: { a: { depends_on: [b] }, b: { links: [a] }, c: { depends_on: [a] } }" },
    [["services.a.depends_on", 0, "services.a waits for itself: a → b → a"]],
  ],
  ["no YAML", { "compose.yaml": "services:\n\ta: 1\n" }, [["", 2, "A tab is used"]]],
  ["the same service twice", { "compose.yaml": "services:\n  a: {}\n  a: {}\n" }, [["", 3, "is there twice"]]],
  ["an empty file", { "compose.yaml": "" }, [["", 0, "is empty"]]],
  ["services that are a list", { "compose.yaml": "services:\n  - a\n" }, [["services", 2, "must be a map"]]],
])("%s is a problem of its file, with the line", async (_name, contents, expected) => {
  const { problems } = await outline(contents);
  expect(problems.map((one) => [one.key, one.line ?? 0])).toEqual(expected.map(([key, line]) => [key, line]));
  for (const [index, [, , message]] of expected.entries()) {
    expect(problems[index]!.message).toContain(message);
    expect(problems[index]!.message).toMatch(/^[^\n]+\.$/);
    expect(Object.keys(contents)).toContain(problems[index]!.file!);
  }
});

test("whatever the files hold, it does not throw and stays within the repository", async () => {
  const word = fc.constantFrom(
    "services",
    "include",
    "extends",
    "a",
    "file",
    "service",
    "ports",
    "build",
    "volumes",
    "<<",
    "__proto__",
    "compose.yaml",
    "b.yaml",
    "..",
    "${X}",
    "80:80",
    "depends_on",
    "profiles",
  );
  const tree = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 5, depthSize: "medium" },
      word,
      fc.constantFrom(null, true, 0, 80, Number.NaN, ""),
      fc.array(tie("node"), { maxLength: 3 }),
      fc.array(fc.tuple(word, tie("node")), { maxLength: 4 }).map((pairs) => Object.fromEntries(pairs)),
    ),
  })).node;
  const services = fc.record({ services: fc.dictionary(fc.constantFrom("a", "b"), tree), include: tree });
  const text = fc.oneof(
    services.map((value) => JSON.stringify(value)),
    tree.map((value) => JSON.stringify(value) ?? ""),
    fc.string({
      unit: fc.constantFrom("a", ":", " ", "\n", "-", "!reset", "!override", "&x", "*x", "{", "}", "[", "]", "services", "\t", "'"),
    }),
  );
  await fc.assert(
    fc.asyncProperty(text, text, async (first, second) => {
      const contents: Record<string, string> = { "compose.yaml": first, "b.yaml": second };
      const asked: string[] = [];
      const files = memoryFiles(contents);
      const read = (path: string) => {
        asked.push(path);
        return files.read(path);
      };
      const found = await readComposeOutline({ ...files, read }, { files: [], profiles: ["*"] });
      expect(asked.filter((path) => path.startsWith("/") || path.split("/").includes(".."))).toEqual([]);
      for (const { file } of found.problems) expect(Object.keys(contents)).toContain(file!);
      expect(JSON.stringify(found.services)).not.toContain("\\u0000");
    }),
    { numRuns: 1_000 },
  );
}, 60_000);

const described = (one: ComposeServiceOutline) =>
  [
    one.name,
    one.active ? "" : "(inactive)",
    one.published.join(","),
    one.healthcheck ? "health" : "",
    one.dependsOn.map((each) => each.service).join(","),
  ]
    .filter((part) => part !== "")
    .join(" ");

test.each<[string, string[]]>([
  [
    "helpdesk",
    [
      "db 5432 health",
      "redis",
      "mailpit (inactive) 8025",
      "web 8000 health db,redis,migrate",
      "migrate db",
      "celery_worker redis,db",
      "celery_beat (inactive) redis",
      "vite 5173",
      "flower (inactive) 5555 redis",
    ],
  ],
  [
    "storefront",
    [
      "rails 3000,1234 postgres,redis,elasticsearch,mailcatcher,webpacker",
      "sidekiq postgres,redis",
      "webpacker 3035",
      "console (inactive)",
      "postgres 5432",
      "redis",
      "elasticsearch",
      "mailcatcher 1080,1081",
      "traefik",
    ],
  ],
  [
    "board",
    [
      "web 3000 api",
      "api 4000,9229 health migrate,nats",
      "worker migrate,nats",
      "migrate mysql",
      "buckets minio",
      "mysql health",
      "minio 9000,9001",
      "nats",
      "adminer (inactive) 8080",
    ],
  ],
])("%s", async (name, expected) => {
  const found = await readComposeOutline(directoryFiles(join(fixtures, name)), { files: [], profiles: [] });
  expect(found.problems).toEqual([]);
  expect(found.services.map(described)).toEqual(expected);
});
