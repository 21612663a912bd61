import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { directoryFiles, memoryFiles } from "../../../test/support/repository-files.ts";
import { WtError } from "../../errors/wt-error.ts";
import type { TrackedFiles } from "../config.ts";
import { parseWithCompose } from "../parse-with-compose.ts";
import { collectTrustCommands } from "../trust-commands.ts";

const fixtures = join(import.meta.dir, "../../../test/fixtures/compose");

async function collect(text: string, files: TrackedFiles) {
  const { config, errors } = await parseWithCompose(files, `runtime: compose\n${text}`, {
    path: "wt.yaml",
    projectFallback: "x",
    resourceTypes: ["postgres"],
  });
  expect(errors).toEqual([]);
  return await collectTrustCommands(config!, files);
}
const taken = "variables that compose files take from your shell";
/** But for the names of variables, which have a test of their own. */
const sources = async (text: string, files: TrackedFiles) =>
  (await collect(text, files)).map(({ source }) => source).filter((source) => source !== taken);

test.each<[string, string[]]>([
  [
    "helpdesk",
    [
      "file docker-compose.yml",
      "file docker/infra/compose.yaml",
      "file docker/mail.yml",
      "file docker/celery.yml",
      "file docker/django/Dockerfile",
      "file docker/django/entrypoint.sh",
      "file docker/django/start.sh",
      "variable envs/django.env#DJANGO_SETTINGS_MODULE",
    ],
  ],
  [
    "storefront",
    ["compose.files", "file docker-compose.yml", "file docker-compose.override.yml", "file Dockerfile", "file docker/entrypoint.sh"],
  ],
  [
    "board",
    [
      "compose.files",
      "file compose.yaml",
      "file compose.override.yaml",
      "file apps/web/Dockerfile",
      "file apps/api/Dockerfile",
      "file packages/db/Dockerfile",
      "variable .env.example#LOG_LEVEL",
    ],
  ],
])("%s: compose files, Dockerfiles and scripts", async (name, expected) => {
  const found = await sources("", directoryFiles(join(fixtures, name)));
  expect(found.toSorted()).toEqual([...expected, ...(name === "helpdesk" ? ["file manage.py"] : [])].toSorted());
});

const base = {
  Dockerfile: 'FROM x\nCOPY ops/entry.sh ops/data.txt /\nRUN ./ops/build.sh\nENTRYPOINT ["/entry.sh"]\nCMD ["/src/bin/serve"]\n',
  "ops/entry.sh": "exec ./ops/more.sh\n",
  "ops/more.sh": "echo more\n",
  "ops/data.txt": "data\n",
  "ops/build.sh": "make\n",
  "bin/serve": "#!/usr/bin/env python3\n",
  "app.py": "print()\n",
};

test("what a container mounts is found where it lies in the repository; the program itself is not asked about", async () => {
  const compose = "services: { web: { build: ., volumes: ['.:/src'], command: python app.py } }";
  expect((await sources("", memoryFiles({ ...base, "compose.yaml": compose }))).toSorted()).toEqual(
    ["Dockerfile", "bin/serve", "compose.yaml", "ops/build.sh", "ops/entry.sh", "ops/more.sh"].map((path) => `file ${path}`),
  );
});

test("what is accepted, which profiles run, steps in containers and where resources live", async () => {
  const compose = "services: { web: { image: x }, db: { image: postgres, profiles: [a] } }";
  const text = `compose: { shared: db, profiles: [a, b], allow: [web.privileged] }
setup: [{ run: make seed, service: web }]
resources: { data: { type: postgres, service: db } }
services: { web: { env: { A: b } } }
`;
  expect(await collect(text, memoryFiles({ "compose.yaml": compose }))).toEqual([
    { source: "setup[0] (in a container of web)", text: "make seed" },
    { source: "compose.allow[0]", text: "web.privileged" },
    { source: "compose.profiles", text: "a, b" },
    { source: "file compose.yaml", text: compose },
    { source: "resources.data.service", text: "db" },
    { source: "services.web.env.A", text: "b" },
  ]);
});

test("the text of what is included or extended counts, and paths out of the repository are never read", async () => {
  const asked: string[] = [];
  const memory = memoryFiles({
    "compose.yaml": "include: [more.yaml]\nservices: { web: { build: ../up, entrypoint: ../../x.sh, command: [/etc/passwd, ~/a.sh] } }",
    "more.yaml": "services: { job: { extends: { file: lib.yaml, service: b } } }",
    "lib.yaml": "services: { b: { image: x, command: sh -c './a.sh && ./b.sh' , volumes: ['./lib:/lib'] } }",
    "lib/a.sh": "echo\n",
    "lib/b.sh": "echo\n",
  });
  const files = {
    ...memory,
    read: (path: string) => {
      asked.push(path);
      return memory.read(path);
    },
  };
  expect((await sources("", files)).toSorted()).toEqual(
    ["compose.yaml", "lib.yaml", "lib/a.sh", "lib/b.sh", "more.yaml"].map((path) => `file ${path}`),
  );
  expect(asked.filter((path) => /^[/~]|(^|\/)\.\.(\/|$)/.test(path))).toEqual([]);
});

test("scripts that an image has by COPY, by another context, by configs, and that a health check runs", async () => {
  const files = {
    "compose.yaml": `services:
  web:
    build: { context: app, additional_contexts: ["lib=./lib", "base=docker-image://x"] }
    configs: [{ source: entry, target: /opt/run }]
    secrets: [boot]
    entrypoint: [/opt/run]
    command: /run/secrets/boot
    healthcheck: { test: [CMD, /srv/ops/check.sh] }
    volumes: ["./init.sh:/docker-entrypoint-initdb.d/init.sh"]
configs: { entry: { file: ./conf/entry } }
secrets: { boot: { file: ./conf/boot.sh } }
`,
    "app/Dockerfile": 'FROM x\nWORKDIR /srv\nCOPY . .\nCOPY --from=lib tools /usr/tools/\nCMD ["/usr/tools/start.sh"]\n',
    "app/ops/check.sh": "true\n",
    "lib/tools/start.sh": "true\n",
    "conf/entry": "#!/bin/sh\n",
    "conf/boot.sh": "true\n",
    "init.sh": "true\n",
  };
  const found = await sources("", memoryFiles(files));
  expect(found.toSorted()).toEqual(
    Object.keys(files)
      .map((path) => `file ${path}`)
      .toSorted(),
  );
});

test("a Dockerfile that a variable chooses: every one that it could be", async () => {
  const dockerfile = (name: string) => ({ [name]: `FROM ${name}\n` });
  const files = {
    "compose.yaml": `services:
  web: { build: { dockerfile: "docker/\${STAGE:-dev}.Dockerfile" } }
  api: { build: "\${WHERE}" }
  old: { build: { context: ., dockerfile: "\${FILE}" }, profiles: [old] }
`,
    ".env": "STAGE=test\nFILE=ops/Old\n",
    ...dockerfile("docker/dev.Dockerfile"),
    ...dockerfile("docker/test.Dockerfile"),
    ...dockerfile("docker/prod.Dockerfile"),
    ...dockerfile("docker/deep/no.Dockerfile"),
    ...dockerfile("api/Dockerfile"),
    ...dockerfile("ops/Old"),
    ...dockerfile("ops/New"),
  };
  const found = (await sources("", memoryFiles(files, [".env"]))).filter((source) => !source.endsWith("compose.yaml"));
  expect(found.toSorted()).toEqual(
    ["api/Dockerfile", "docker/dev.Dockerfile", "docker/prod.Dockerfile", "docker/test.Dockerfile", "ops/Old"].map(
      (path) => `file ${path}`,
    ),
  );
});

test("a Dockerfile that git does not keep is asked about, and not shown", async () => {
  const files = memoryFiles({ "compose.yaml": "services: { web: { build: { dockerfile: .env } } }", ".env": "A=secret\n" }, [".env"]);
  expect((await collect("", files)).at(-1)).toEqual({ source: "file .env", text: "A=secret\n", hidden: true });
});

describe("files of variables that git keeps", () => {
  const files = {
    "deploy/compose.yaml": `include: [{ path: ../infra/db.yaml, env_file: [../infra/db.env] }, ../plain/mail.yaml]
services:
  web: { image: "$IMAGE", env_file: [web.env, { path: ../absent.env, required: false }], label_file: labels }
  api: { image: x, env_file: "api.\${STAGE:-dev}.env" }
`,
    "deploy/.env": "IMAGE=acme/shop\nAPI_TOKEN=s3cret\n",
    "deploy/web.env": "DEBUG=1\n",
    "deploy/labels": "traefik.enable=true\n",
    "deploy/api.dev.env": "LEVEL=a\n",
    "deploy/api.prod.env": "LEVEL=b\n",
    "infra/db.yaml": "services: { db: { image: x } }",
    "infra/db.env": "DB_IMAGE=x\n",
    "infra/.env": "UNUSED=1\n",
    "plain/mail.yaml": "services: { mail: { image: x } }",
    "plain/.env": "MAIL=1\n",
    ".env": "OTHER=1\n",
  };
  const config = "compose: { files: deploy/compose.yaml }\n";
  const variables = async (untracked: string[]) =>
    (await collect(config, memoryFiles(files, untracked))).filter(({ source }) => source !== taken && !/^file .*yaml$/.test(source));

  test("count by their variables: .env beside the file and beside what is included, env_file, label_file, for any value of a variable", async () => {
    const found = await variables([]);
    expect(found.map(({ source }) => source).toSorted()).toEqual([
      "file deploy/labels",
      "variable deploy/.env#API_TOKEN",
      "variable deploy/.env#IMAGE",
      "variable deploy/api.dev.env#LEVEL",
      "variable deploy/api.prod.env#LEVEL",
      "variable deploy/web.env#DEBUG",
      "variable infra/db.env#DB_IMAGE",
      "variable plain/.env#MAIL",
    ]);
    expect(found).toContainEqual({ source: "variable deploy/.env#IMAGE", text: "acme/shop" });
    expect(found).toContainEqual({ source: "variable deploy/.env#API_TOKEN", text: "s3cret", hidden: true });
  });

  test("and those that it does not keep are the user's own", async () => {
    expect(await variables(Object.keys(files).filter((path) => !path.endsWith(".yaml")))).toEqual([]);
  });

  test("a name in other letters counts too, as it may be the same file", async () => {
    const found = await sources("", memoryFiles({ "compose.yaml": "services: { web: { image: x } }", ".ENV": "A=1\n" }));
    expect(found).toEqual(["file compose.yaml", "variable .ENV#A"]);
  });

  test.each([
    ["the file itself", { list: { ".": [".env", "compose.yaml"] }, says: ".env is a link of the repository" }],
    ["one on the way", { list: { ".": ["compose.yaml", "conf"] }, says: "conf/a.env lies behind conf, a link of the repository" }],
    ["one that a variable may choose", { list: { ".": ["compose.yaml", "b.x.env"] }, says: "b.x.env is a link of the repository" }],
  ])("a link that git keeps is refused, one of the user's own is not: %s", async (_what, { list, says }) => {
    const compose = "services: { web: { image: x, env_file: [conf/a.env, 'b.$X.env'] } }";
    const withLink = (tracked: boolean): TrackedFiles => ({
      read: async (path) => (path === "compose.yaml" ? compose : null),
      list: async (path) => (list as Record<string, string[]>)[path] ?? [],
      tracked: async () => tracked,
    });
    expect(await sources("", withLink(false))).toEqual(["file compose.yaml"]);
    const thrown = await sources("", withLink(true)).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(WtError);
    expect(thrown).toMatchObject({ kind: "config", code: "trust_link", message: expect.stringContaining(says) });
  });
});

test("names of variables that are taken in are one line of the question", async () => {
  const files = memoryFiles({
    "compose.yaml": "include: [b.yaml]\nservices: { web: { image: '$IMAGE', environment: [AWS_SECRET_ACCESS_KEY, A=1] } }",
    "b.yaml": "services: { api: { build: { context: ., args: { NPM_TOKEN: } }, command: 'run ${IMAGE:-$OTHER}' } }",
  });
  expect(await collect("", files)).toContainEqual({ source: taken, text: "AWS_SECRET_ACCESS_KEY, IMAGE, NPM_TOKEN, OTHER" });
});

test("which volumes are shared lifts a refusal, and the order of files decides; both are asked about", async () => {
  const files = memoryFiles({
    "a.yaml": "services: { web: { image: x } }\nvolumes: { v: { external: true } }",
    "b.yaml": "services: { web: { image: y } }",
  });
  const found = await collect("compose: { files: [b.yaml, a.yaml], shared_volumes: v }\n", files);
  expect(found).toContainEqual({ source: "compose.files", text: "b.yaml, a.yaml" });
  expect(found).toContainEqual({ source: "compose.shared_volumes", text: "v" });
});
