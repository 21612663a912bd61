import { expect, test } from "bun:test";
import { parseConfig } from "../parse-config.ts";

const parse = (text: string) => parseConfig(text, { path: "wt.yaml", projectFallback: "shop" });
const problems = (text: string) => parse(text).errors.map(({ key, line, column, message, hint }) => [key, line, column, message, hint]);

test("compose without its runtime", () => {
  expect(problems("compose: { shared: db }\n")).toEqual([
    ["compose", 1, 1, "compose says how containers run, but the runtime is not Compose.", "Add `runtime: compose`, or remove `compose`."],
  ]);
});

test("keys of containers on processes", () => {
  expect(problems("setup: [{ run: x, service: web }]\nservices:\n  a: { run: x, target: 80, ready: healthcheck }\n")).toEqual([
    [
      "setup[0].service",
      1,
      19,
      "setup[0].service names a container to run in, but the runtime is not Compose.",
      "Add `runtime: compose`, or remove `service`.",
    ],
    [
      "services.a.target",
      3,
      16,
      "services.a.target is a port of a container, but services.a has a command of its own and runs on the host.",
      "Remove it; a process listens on $PORT.",
    ],
    [
      "services.a.ready",
      3,
      35,
      "services.a.ready is `healthcheck`, but services.a is a process, which has none.",
      "Use a path, `ready: { tcp: true }`, or `ready: { command: … }`.",
    ],
  ]);
});

test("keys of containers that are none", () => {
  const text = "runtime: compose\ncompose: { files: [../up.yaml, ~/x.yaml], shared: [''], profiles: '' }\nservices:\n  a: { target: 0 }\n";
  expect(problems(text).map(([key, line, column, message]) => [key, line, column, message])).toEqual([
    ["compose.files[0]", 2, 20, "compose.files[0] `../up.yaml` leads out of the repository."],
    ["compose.files[1]", 2, 32, "compose.files[1] `~/x.yaml` leads out of the repository."],
    ["compose.shared[0]", 2, 52, "compose.shared[0] is empty."],
    ["compose.profiles", 2, 67, "compose.profiles is empty."],
    ["services.a.target", 4, 16, "services.a.target must be a port of the container, from 1 to 65535, not 0."],
  ]);
});

test("a service of the compose file needs no command; one with a command is a process as before", () => {
  const { config, errors } = parse(`
runtime: compose
compose: { files: ./docker/compose.yaml, shared: [db], shared_volumes: cache, profiles: [dev], allow: [web.privileged] }
setup: [{ run: make, service: web }]
services:
  web: { route: /, target: 8000 }
  vite: { run: npm run dev }
`);
  expect(errors).toEqual([]);
  expect(config?.compose).toEqual({
    files: ["docker/compose.yaml"],
    profiles: ["dev"],
    shared: ["db"],
    sharedVolumes: ["cache"],
    allow: ["web.privileged"],
    dockerfiles: [],
  });
  expect(config?.setup[0]?.service).toBe("web");
  expect(config?.services.map(({ run, container }) => [run, container])).toEqual([
    ["", { service: "web", target: 8000, healthcheck: false }],
    ["npm run dev", undefined],
  ]);
});
