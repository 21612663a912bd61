// What people write in wt.yaml. Descriptions, defaults and examples here are the source of docs/config-reference.md and docs/schemas/wt.schema.json.
import * as v from "valibot";
import { key, texts } from "./schema-key.ts";

export const signals = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGKILL"] as const;

const duration = v.union([v.number(), v.string()]);
const environment = v.record(v.string(), v.union([v.string(), v.number(), v.boolean()]));
const directory = (word: string) =>
  key(v.string(), { description: `Directory ${word} runs in, relative to the worktree.`, default: ".", examples: ["frontend"] });

const setupStep = v.strictObject({
  run: v.pipe(v.string(), v.metadata({ description: "Shell command of this step. It must end with exit code 0.", examples: ["npm ci"] })),
  inputs: key(texts, {
    description:
      "Files or globs, relative to the worktree, that the step depends on. The step is skipped while their contents are what they were when it last succeeded in this worktree; without inputs it runs every time.",
    default: [],
    examples: [["package-lock.json"]],
  }),
  makes: key(texts, {
    description:
      "Directories, relative to the worktree, that the step makes from its `inputs` and nothing else. Where an environment of the project has them from the same inputs, they are cloned from there and the step is skipped.",
    default: [],
    examples: ["node_modules"],
  }),
  service: key(v.string(), {
    description:
      "Service of the compose file: the step runs in a container of that service, made for it alone. Without this key: on the host.",
    examples: ["web"],
  }),
  directory: directory("the step"),
  cwd: key(v.string(), { description: "Another word for `directory`.", examples: ["frontend"] }),
});

const hookCommand = v.strictObject({
  run: v.pipe(
    v.string(),
    v.metadata({ description: "Shell command. It reads what happens as JSON on its input.", examples: ["./scripts/notify.sh"] }),
  ),
  directory: directory("the command"),
  cwd: key(v.string(), { description: "Another word for `directory`.", examples: ["frontend"] }),
  timeout: key(duration, {
    description: "How long it may take; then it is ended and counts as failed. A number means seconds.",
    default: "5m",
    examples: ["30s"],
  }),
});

const hook = (description: string, example: string) =>
  key(v.union([v.string(), hookCommand, v.array(v.union([v.string(), hookCommand]))]), { description, default: [], examples: [example] });

const hooks = v.strictObject({
  before_create: hook(
    "Before the worktree of a new environment is made. Runs in the main worktree, as its wt.yaml says; a failure stops the create.",
    "./scripts/check-vpn.sh",
  ),
  after_create: hook(
    "Once, after a new environment is complete and its services are ready. Runs in the worktree.",
    "./scripts/announce.sh",
  ),
  before_up: hook("After setup, before services are started. Runs in the worktree; a failure stops the `wt up`.", "npm run codegen"),
  after_up: hook("After the services that were asked for are ready.", "./scripts/warm-cache.sh"),
  before_down: hook("Before services are stopped by `wt down`; a failure stops it.", "./scripts/drain.sh"),
  after_down: hook("After services were stopped by `wt down`.", "./scripts/forget-tunnel.sh"),
  before_delete: hook(
    "Before anything of an environment is deleted. Runs in the worktree; a failure stops the delete.",
    "./scripts/export-fixtures.sh",
  ),
  after_delete: hook("After an environment is gone. Runs in the main worktree, as its wt.yaml says.", "./scripts/close-preview.sh"),
});

const readyProbe = v.strictObject({
  http: key(v.string(), {
    description: "Path to ask for over HTTP. Ready when the status is below 500, or exactly `status`.",
    examples: ["/healthz"],
  }),
  status: key(v.number(), { description: "The one HTTP status that counts as ready. Only together with `http`.", examples: [200] }),
  tcp: key(v.boolean(), { description: "Ready as soon as the port accepts a connection.", examples: [true] }),
  log: key(v.string(), {
    description: "Ready when a line of the service's log matches this regular expression.",
    examples: ["^worker started"],
  }),
  command: key(v.string(), {
    description: "Ready when this shell command ends with exit code 0; it runs in the service's directory with its variables.",
    examples: ["pg_isready -p $PORT"],
  }),
});

const stopPolicy = v.strictObject({
  signal: key(v.picklist(signals), { description: "Signal that asks the service to end.", default: "SIGTERM", examples: ["SIGINT"] }),
  grace: key(duration, {
    description: "How long it may take to end before it is killed. A number means seconds.",
    default: "10s",
    examples: ["30s"],
  }),
});

const service = v.strictObject({
  run: key(v.string(), {
    description:
      "Shell command that starts the service and stays in the foreground. `$PORT` is the port it must listen on. " +
      "Required, except with `runtime: compose` for a service of the compose file, which runs as that file says; one of its services that has `run` is a process on the host instead.",
    examples: ["npm run dev -- --port $PORT --strictPort"],
  }),
  directory: directory("the service"),
  cwd: key(v.string(), { description: "Another word for `directory`.", examples: ["backend"] }),
  env: key(environment, {
    description: "Variables of this service alone; they win over the `env` of the whole file. Values may hold references.",
    default: {},
    examples: [{ API_URL: "$" + "{{ services.backend.url }}" }],
  }),
  route: key(texts, {
    description:
      "Path prefixes on the environment's URL that lead to this service; the longest match wins. Without one it is reachable on its own host name only.",
    default: [],
    examples: ["/", ["/api", "/graphql"]],
  }),
  port: key(v.union([v.number(), v.boolean(), v.picklist(["auto", "none"])]), {
    description:
      "`auto`: any free port. A number: that port plus the environment's slot (8000 for main, then 8001, 8002 …), for ports that must be predictable. `none` (or `false`): it listens on nothing. " +
      "Without this key it is `auto` when the service has a route, has a `ready` probe of kind http or tcp, uses `$PORT` or `$" +
      "{PORT}` in its command, probe or variables, or when a reference anywhere in the file asks for its `url`, `port` or `public_url`; else it is `none`.",
    examples: [8000, "none"],
  }),
  target: key(v.number(), {
    description:
      "Service of the compose file: the container's port that requests go to. Without this key: the first port that the compose file publishes, else the first that it exposes.",
    examples: [8000],
  }),
  ready: key(v.union([v.string(), readyProbe]), {
    description:
      "How to know that it is ready. A path means HTTP on that path; `healthcheck` means what the container's own health check says; `completed` means that it is a job, ready when it has ended with success; " +
      "`none` means ready as soon as it runs. Without this key: HTTP on `/` when it has a port, else `none`. For a service of the compose file: its health check when it has one, else HTTP on `/` when it has a route, else its port, else `none`.",
    examples: ["/healthz", { http: "/healthz", status: 200 }, { tcp: true }, { log: "^listening" }, { command: "./check.sh" }, "none"],
  }),
  timeout: key(duration, {
    description: "How long it may take to become ready. A number means seconds.",
    default: "2m",
    examples: ["30s", "2m"],
  }),
  needs: key(texts, {
    description: "Services and resources that must be ready before this service is started.",
    default: [],
    examples: [["backend", "db"]],
  }),
  restart: key(v.picklist(["always", "on-failure", "never"]), {
    description: "When to start it again after it ended by itself. `on-failure`: unless it ended with a success code.",
    default: "on-failure",
    examples: ["never"],
  }),
  success_codes: key(v.union([v.number(), v.array(v.number())]), {
    description: "Exit codes that count as success besides 0.",
    default: [],
    examples: [[130, 143]],
  }),
  stop: key(stopPolicy, { description: "How to end it.", examples: [{ signal: "SIGINT", grace: "30s" }] }),
  metrics: key(v.boolean(), {
    description: "The service serves metrics on a port of its own. Read, but without effect in this version.",
    default: false,
    examples: [true],
  }),
});

/** Resources that may live in a server which is there already. */
export const serverTypes: readonly string[] = ["postgres", "mysql", "mariadb", "redis"];

export const resourceService = key(v.string(), {
  description:
    "With `runtime: compose`, for postgres, mysql, mariadb and redis: the shared service of the compose file that it lives in. Every environment gets a database of its own there.",
  examples: ["db"],
});

const resource = v.looseObject({
  type: v.pipe(
    v.string(),
    v.metadata({ description: "What kind of resource it is. The other keys belong to that kind.", examples: ["sqlite"] }),
  ),
  service: resourceService,
});

const compose = v.strictObject({
  files: key(texts, {
    description:
      "Compose files, relative to the worktree, in the order they are merged. Without this key: what Compose itself finds (`compose.yaml`, `compose.yml`, `docker-compose.yml` or `docker-compose.yaml`, and its override file).",
    examples: [["compose.yaml", "compose.dev.yaml"]],
  }),
  profiles: key(texts, {
    description: "Profiles of the compose file that are active.",
    default: [],
    examples: [["dev"]],
  }),
  shared: key(texts, {
    description:
      "Services of the compose file that run once for the project, such as databases. All others that are active run in every environment.",
    default: [],
    examples: [["db", "redis"]],
  }),
  shared_volumes: key(texts, {
    description: "Named volumes of the compose file that all environments use together, such as caches of packages.",
    default: [],
    examples: [["pip-cache"]],
  }),
  allow: key(texts, {
    description: "What is refused for safety and accepted here, each as the refusal names it.",
    default: [],
    examples: [["web.volumes:/var/run/docker.sock"]],
  }),
});

export const writtenConfig = v.strictObject({
  project: key(v.string(), {
    description:
      "Name of the project: `a-z`, `0-9` and `-`, at most 40 characters. Without this key: the name of the repository's directory.",
    examples: ["fibonacci"],
  }),
  runtime: key(v.picklist(["process", "compose", "kubernetes"]), {
    description:
      "What services run as: `process`, or `compose` for the containers of the repository's compose file. `kubernetes` is not there yet.",
    default: "process",
    examples: ["compose"],
  }),
  compose: key(compose, {
    description: "With `runtime: compose`: which compose file, and what of it environments share.",
    examples: [{ shared: ["db", "redis"] }],
  }),
  copy: key(texts, {
    description: "Globs of files that git ignores and that a new worktree takes over from the main one.",
    default: [],
    examples: [[".env", ".env.local"]],
  }),
  clone: key(texts, {
    description: "Directories that a new worktree takes over from the main one, copy-on-write where the file system can.",
    default: [],
    examples: [["node_modules"]],
  }),
  setup: key(v.array(v.union([v.string(), setupStep, v.array(v.union([v.string(), setupStep]))])), {
    description:
      "Commands that prepare a worktree before its services start, in this order. A text is a step without inputs. A list inside of the list holds steps that do not depend on each other: they run at once, and what follows waits for all of them.",
    default: [],
    examples: [["npm ci"], [["npm ci", "pip install -r requirements.txt"], "npm run codegen"]],
  }),
  hooks: key(hooks, {
    description: "Commands that run when something happens to an environment. Each is a command or a list of them, one after the other.",
    default: {},
    examples: [{ after_create: "./scripts/announce.sh" }],
  }),
  resources: key(v.record(v.string(), resource), {
    description: "What each environment gets of its own: databases, caches, directories. The `type` says which other keys there are.",
    default: {},
    examples: [{ cache: { type: "redis" } }],
  }),
  services: key(v.record(v.string(), v.union([v.string(), service])), {
    description: "The parts of the app that keep running. A text is a service with only a command.",
    default: {},
    examples: [{ worker: "python -m worker" }],
  }),
  env: key(environment, {
    description: "Variables for every command of the environment. Values may hold references.",
    default: {},
    examples: [{ APP_NAME: "shop-$" + "{{ env.slug }}" }],
  }),
  agent: key(v.union([v.string(), v.null()]), {
    description:
      "Coding agent that `wt go` and `wt create --go` start: `claude`, `codex`, `gemini`, `cursor`, `aider`, `opencode`, or any command (approved like every other). " +
      "Your own `agent:` in `~/.config/worldtree/config.yaml` goes before it. Without either: Claude Code.",
    default: null,
    examples: ["claude", "codex --model o3"],
  }),
  worktrees: key(v.string(), {
    description:
      "Directory that new worktrees are made in, relative to the main worktree. Without this key: `../<directory of the main worktree>.worktrees`.",
    examples: ["../fibonacci.worktrees"],
  }),
  undelete_days: key(v.number(), {
    description:
      "For how many days `wt undelete` can bring a deleted environment back; 0: not at all. The variable WT_UNDELETE_DAYS of the daemon wins.",
    default: 7,
    examples: [14],
  }),
});

export type WrittenConfig = v.InferOutput<typeof writtenConfig>;
export type WrittenService = v.InferOutput<typeof service>;
export type WrittenSetupStep = v.InferOutput<typeof setupStep>;
export type WrittenHookCommand = v.InferOutput<typeof hookCommand>;
export type WrittenReadyProbe = v.InferOutput<typeof readyProbe>;
