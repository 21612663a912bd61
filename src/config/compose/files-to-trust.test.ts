import { expect, test } from "bun:test";
import { join } from "node:path";
import { directoryFiles, memoryFiles } from "../../../test/support/repository-files.ts";
import type { RepositoryFiles } from "../config.ts";
import { parseWithCompose } from "../parse-with-compose.ts";
import { collectTrustCommands } from "../trust-commands.ts";

const fixtures = join(import.meta.dir, "../../../test/fixtures/compose");

async function collect(text: string, files: RepositoryFiles) {
  const { config, errors } = await parseWithCompose(files, `runtime: compose\n${text}`, {
    path: "wt.yaml",
    projectFallback: "x",
    resourceTypes: ["postgres"],
  });
  expect(errors).toEqual([]);
  return await collectTrustCommands(config!, files);
}
const sources = async (text: string, files: RepositoryFiles) => (await collect(text, files)).map((command) => command.source);

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
    ],
  ],
  ["storefront", ["file docker-compose.yml", "file docker-compose.override.yml", "file Dockerfile", "file docker/entrypoint.sh"]],
  [
    "board",
    [
      "file compose.yaml",
      "file compose.override.yaml",
      "file apps/web/Dockerfile",
      "file apps/api/Dockerfile",
      "file packages/db/Dockerfile",
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
    { source: "setup[0]", text: "make seed" },
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
