import { afterAll, afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxImage, docker, dockerReason, runLabels, type TestImage } from "../../../test/support/docker.ts";
import { type JsonValue, WtError } from "../../errors/wt-error.ts";
import { type ComposeHarness, createComposeHarness, processEnv } from "./compose-driver.conformance.ts";
import type { StackModel } from "./compose-stack.ts";
import { createComposeStack } from "./docker-compose-stack.ts";
import { createEngineAccess } from "./engine-access.ts";
import { labels } from "./labels.ts";
import { asObject } from "./stamp-model.ts";

setDefaultTimeout(60_000);

let image: TestImage | null = null;
afterAll(() => image?.[Symbol.dispose]());
let harness: ComposeHarness;
const abort = new AbortController().signal;

type JsonObject = { [key: string]: JsonValue };

const ownLabels = (nonce: string, role = "environment"): JsonObject => ({
  [labels.environment]: "env",
  [labels.nonce]: nonce,
  [labels.role]: role,
});

/** A model as the transform gives it: labels on everything. */
function stackOf(services: { [name: string]: JsonObject }, rest: JsonObject = {}, nonce = harness.nonce): StackModel {
  const project = `wt-test-${randomUUID().slice(0, 12)}`;
  const labelled = Object.entries(services).map(([name, service]) => {
    const base: JsonObject = { image: image?.name ?? "", init: true, command: ["sleep", "300"], labels: ownLabels(nonce) };
    return [name, { ...base, ...service }] as const;
  });
  const networks = { default: { labels: ownLabels(nonce) } };
  const model = { name: project, services: Object.fromEntries(labelled), networks, ...rest };
  return { project, directory: harness.directory, model, mark: harness.owned({ environmentId: "env", nonce }) };
}

async function failure(work: Promise<unknown>): Promise<WtError> {
  const thrown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(WtError);
  const error = thrown as WtError;
  expect(error.message).toMatch(/^[A-Z].*\.$/s);
  expect(error.message).not.toContain("\n");
  expect(error.hints.length).toBeGreaterThan(0);
  return error;
}

const whyNot = dockerReason();
describe.skipIf(whyNot !== null)(`stacks on a real engine${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  beforeEach(async () => {
    image ??= busyboxImage();
    harness = await createComposeHarness(image.name);
  });
  afterEach(async () => {
    await harness.dispose();
  });

  describe("create, observe, remove", () => {
    test("everything is made and labelled, nothing runs, and all of it goes again; volumes and images only when asked", async () => {
      writeFileSync(join(harness.directory, "Dockerfile"), `FROM ${image?.name}\nRUN echo built > /etc/built\n`);
      const build = { context: harness.directory, labels: ownLabels(harness.nonce) };
      const volumes = { data: { labels: ownLabels(harness.nonce) } };
      const stack = stackOf({ web: { build, volumes: ["data:/data"] }, worker: {} }, { volumes });
      const tag = `${stack.project}-web:latest`;
      Object.assign(asObject(stack.model.services.web), { image: `${stack.project}-web` });
      const lines: string[] = [];
      await harness.stack.ensureImages(stack, { abort, report: (line) => lines.push(line) });
      expect(lines.join("\n")).toContain("etc/built");
      expect(await harness.stack.takenProjects(abort)).toContain(stack.project);
      const made = await harness.stack.create(stack, harness.call);
      expect(made.map(({ ref, state }) => [ref.service, state]).sort()).toEqual([
        ["web", "created"],
        ["worker", "created"],
      ]);
      const seen = await harness.stack.observe(null, abort);
      expect(seen.containers).toHaveLength(2);
      expect(seen.networks.map(({ name }) => name)).toEqual([`${stack.project}_default`]);
      expect(seen.volumes.map(({ name }) => name)).toEqual([`${stack.project}_data`]);
      expect(seen.images.map(({ tags }) => tags)).toEqual([[tag]]);
      for (const { mark } of [...seen.containers, ...seen.networks, ...seen.volumes, ...seen.images]) expect(mark).toEqual(stack.mark);
      expect(await harness.stack.takenProjects(abort)).toContain(stack.project);
      expect((await harness.stack.takenSubnets(abort)).map(({ network }) => network)).toContain(`${stack.project}_default`);

      expect(await harness.stack.remove(stack.mark, { volumes: false, images: false }, abort)).toEqual([]);
      const kept = await harness.stack.observe(stack.mark, abort);
      expect([kept.containers.length, kept.networks.length, kept.volumes.length, kept.images.length]).toEqual([0, 0, 1, 1]);
      for (let round = 0; round < 2; round++)
        expect(await harness.stack.remove(stack.mark, { volumes: true, images: true }, abort)).toEqual([]);
      expect(await harness.stack.observe(null, abort)).toEqual({ containers: [], networks: [], volumes: [], images: [] });
    });

    test("variables of a repository's .env reach no program that Compose starts on the host", async () => {
      const trace = join(harness.directory, "trace");
      writeFileSync(join(harness.directory, ".env"), `GIT_TRACE=${trace}\nGIT_CONFIG_COUNT=1\n`);
      writeFileSync(join(harness.directory, "Dockerfile"), `FROM ${image?.name}\n`);
      const build = { context: harness.directory, labels: ownLabels(harness.nonce) };
      const stack = stackOf({ web: { build } });
      Object.assign(asObject(stack.model.services.web), { image: `${stack.project}-web` });
      await harness.stack.ensureImages(stack, harness.call);
      await harness.stack.create(stack, harness.call);
      expect(existsSync(trace)).toBe(false);
      expect(await harness.stack.remove(stack.mark, { volumes: true, images: true }, abort)).toEqual([]);
    });

    test("zeroshot#402, #543, dot-files#992: what carries another nonce stays, whatever else is the same", async () => {
      const stack = stackOf({ web: {} });
      const other = { ...stackOf({ web: {} }, {}, `${harness.nonce}-other`) };
      await harness.stack.create(stack, harness.call);
      await harness.stack.create(other, harness.call);
      const name = `${stack.project}-web-2`;
      docker(
        "run",
        "-d",
        "--name",
        name,
        "--label",
        `${Object.entries(runLabels())[0]?.join("=")}`,
        "--label",
        `com.docker.compose.project=${stack.project}`,
        image?.name ?? "",
        "sleep",
        "300",
      );
      try {
        expect(await harness.stack.remove(stack.mark, { volumes: true, images: true }, abort)).toEqual([]);
        expect(docker("inspect", "--format", "{{.State.Status}}", name)).toBe("running");
        expect((await harness.stack.observe(other.mark, abort)).containers).toHaveLength(1);
      } finally {
        docker("rm", "--force", name);
      }
    });

    test("what a person made of our image has its labels, and stays: a container, an image built upon it, another name", async () => {
      writeFileSync(join(harness.directory, "Dockerfile"), `FROM ${image?.name}\nRUN echo built > /etc/built\n`);
      const spec = harness.command();
      const { project = "" } = spec.container ?? {};
      const own: JsonObject = { ...ownLabels(spec.nonce), [labels.service]: "web" };
      const web = {
        build: { context: harness.directory, labels: own },
        image: `${project}-web`,
        labels: own,
        command: ["sleep", "300"],
        network_mode: "none",
      };
      const stack = { project, directory: harness.directory, model: { name: project, services: { web } }, mark: harness.owned(spec) };
      const theirs = `wt-test-theirs-${randomUUID()}`;
      const label = `${Object.entries(runLabels())[0]?.join("=")}`;
      await harness.stack.ensureImages(stack, harness.call);
      const byHand = docker("run", "-d", "--network", "none", "--label", label, `${project}-web`, "sleep", "300");
      try {
        writeFileSync(join(harness.directory, "upon"), `FROM ${project}-web\nRUN echo upon > /etc/upon\n`);
        docker("build", "--tag", `${theirs}:upon`, "--label", label, "--file", join(harness.directory, "upon"), harness.directory);
        docker("tag", `${project}-web`, `${theirs}:kept`);
        await harness.stack.create(stack, harness.call);
        const instance = await harness.driver.start(spec);
        expect((await harness.driver.find(spec)).map(({ identity }) => identity)).toEqual([instance.identity]);
        expect((instance.identity as JsonObject).container).not.toBe(byHand);
        expect(await harness.stack.remove(stack.mark, { volumes: true, images: true }, abort)).toEqual([]);
        expect(docker("inspect", "--format", "{{.State.Status}}", byHand)).toBe("running");
        expect(docker("images", "--format", "{{.Tag}}", theirs).split("\n").sort()).toEqual(["kept", "upon"]);
        expect(docker("images", "--quiet", `${project}-web`)).toBe("");
      } finally {
        docker("rm", "--force", byHand);
        docker("rmi", "--force", `${theirs}:upon`, `${theirs}:kept`);
      }
    });

    test("a network that a stranger's container sits in is left, with the reason; our own are detached from it", async () => {
      const stack = stackOf({ web: {} });
      const shared = stackOf({ db: { labels: ownLabels(`${harness.nonce}-shared`, "shared") } }, {}, `${harness.nonce}-shared`);
      const network = `${stack.project}_default`;
      await harness.stack.create(stack, harness.call);
      const [db] = await harness.stack.create(shared, harness.call);
      await harness.stack.connect({ container: db?.id ?? "", network, aliases: ["db"] }, abort);
      await harness.stack.start(shared.mark, "shared", abort);
      const stranger = docker(
        "run",
        "-d",
        "--network",
        network,
        "--label",
        `${Object.entries(runLabels())[0]?.join("=")}`,
        image?.name ?? "",
        "sleep",
        "300",
      );
      const left = await harness.stack.remove(stack.mark, { volumes: true, images: true }, abort);
      expect(left).toHaveLength(1);
      expect(left[0]).toStartWith(`The network ${network} is still there (`);
      docker("rm", "--force", stranger);
      expect(await harness.stack.remove(stack.mark, { volumes: true, images: true }, abort)).toEqual([]);
      expect((await harness.stack.observe(shared.mark, abort)).containers.map(({ state }) => state)).toEqual(["running"]);
      await harness.stack.stop(shared.mark, "shared", abort);
      expect((await harness.stack.observe(shared.mark, abort)).containers.map(({ state }) => state)).toEqual(["exited"]);
    });

    test("a shared volume is made once, and one that somebody else made is refused", async () => {
      const name = `wt-test-${randomUUID().slice(0, 12)}_cache`;
      const mark = harness.owned({ environmentId: "env", nonce: harness.nonce });
      const volume = { name, key: "cache", project: "p", driver: "local", options: { type: "tmpfs", device: "tmpfs", o: "size=1m" } };
      for (let round = 0; round < 2; round++) await harness.stack.ensureVolume({ ...volume, mark }, abort);
      expect(JSON.parse(docker("volume", "inspect", "--format", "{{json .Options}}", name))).toEqual(volume.options);
      expect((await harness.stack.observe(mark, abort)).volumes.map((each) => each.name)).toEqual([name]);
      const foreign = { ...volume, mark: { environmentId: "env", nonce: "another" } };
      expect(await failure(harness.stack.ensureVolume(foreign, abort))).toMatchObject({ kind: "refused", code: "volume_foreign" });
    });
  });

  describe("connect", () => {
    test("makes a container known under its aliases, sets others anew, and is idempotent", async () => {
      const stack = stackOf(
        { web: {}, db: { networks: { own: null } } },
        { networks: { default: { labels: ownLabels(harness.nonce) }, own: { labels: ownLabels(harness.nonce) } } },
      );
      const made = await harness.stack.create(stack, harness.call);
      await harness.stack.start(stack.mark, "environment", abort);
      const id = (service: string) => made.find(({ ref }) => ref.service === service)?.id ?? "";
      const network = `${stack.project}_default`;
      const answers = (name: string) => Bun.spawnSync(["docker", "exec", id("web"), "ping", "-c", "1", "-w", "5", name]).exitCode === 0;
      expect(answers("postgres")).toBe(false);
      for (const aliases of [["postgres"], ["postgres"], ["postgres", "database"]]) {
        await harness.stack.connect({ container: id("db"), network, aliases }, abort);
        for (const alias of aliases) expect(answers(alias)).toBe(true);
      }
      for (let round = 0; round < 2; round++) await harness.stack.disconnect({ container: id("db"), network }, abort);
      expect(answers("postgres")).toBe(false);
    });
  });

  describe("one-off containers", () => {
    test("run a command with the service's variables and image, through the driver, and are removed alone", async () => {
      const stack = stackOf({
        web: {
          environment: { WORD: "a$b" },
          ports: [{ target: 80, published: "1", host_ip: "127.0.0.1" }],
          healthcheck: { test: ["CMD", "false"] },
        },
      });
      const container = await harness.stack.createOneOff(
        { ...stack, service: "web", name: "setup-1", command: ["sh", "-c", 'echo "$WORD"; exit 5'] },
        harness.call,
      );
      const spec = { ...harness.command({ service: "setup-1" }), container };
      const instance = await harness.driver.start(spec);
      expect(await harness.driver.waitForCommand(instance, AbortSignal.timeout(30_000))).toEqual({ code: 5, signal: null });
      expect(readFileSync(spec.logPath, "utf8")).toBe("a$b\n");
      await harness.stack.create(
        {
          ...stack,
          model: {
            ...stack.model,
            services: { web: { image: image?.name ?? "", command: ["sleep", "1"], labels: ownLabels(harness.nonce) } },
          },
        },
        harness.call,
      );
      expect(await harness.stack.remove(stack.mark, { volumes: false, images: false, role: "one-off", service: "setup-1" }, abort)).toEqual(
        [],
      );
      expect((await harness.stack.observe(stack.mark, abort)).containers.map(({ ref }) => ref.service)).toEqual(["web"]);
    });
  });

  describe("readModel", () => {
    const read = (text: string, over: { env?: Record<string, string>; profiles?: string[]; file?: string } = {}) => {
      const { file = "compose.yaml", ...rest } = over;
      writeFileSync(join(harness.directory, file), text);
      const source = {
        directory: harness.directory,
        files: [join(harness.directory, file)],
        profiles: [],
        project: "wt-test-read",
        env: {},
        ...rest,
      };
      return harness.stack.readModel(source, abort);
    };

    test("gives what Compose understands, with values that survive being created", async () => {
      writeFileSync(join(harness.directory, ".env"), "FROM_FILE=file\nCOMPOSE_PROFILES=extra\nCOMPOSE_FILE=nowhere.yaml\n");
      const model = await read(
        `services: { web: { image: ${image?.name}, profiles: [dev], command: [sleep, "1"], network_mode: none, environment: { A: "\${FROM_FILE}", B: "\${FROM_SHELL}", C: "a$$b" } }, more: { image: x, profiles: [extra] } }`,
        {
          env: { FROM_SHELL: "shell", COMPOSE_FILE: "/nowhere.yaml", COMPOSE_PROFILES: "other" },
          profiles: ["dev"],
        },
      );
      expect(Object.keys(model.services)).toEqual(["web"]);
      const web = (model.services as { web: JsonObject }).web;
      expect(web.environment).toEqual({ A: "file", B: "shell", C: "a$b" });
      const stack = stackOf({ web: { ...web, profiles: [] } });
      const [made] = await harness.stack.create(stack, harness.call);
      const env = docker("inspect", "--format", "{{json .Config.Env}}", made?.id ?? "");
      expect(JSON.parse(env)).toEqual(expect.arrayContaining(["A=file", "B=shell", "C=a$b"]));
    });

    test("says what is wrong with a file, of the kind config", async () => {
      const cases: [string, string][] = [
        ["services: { web: { imag: x } }", "imag"],
        ["services: [web", "yaml: line 1"],
        ['services: { web: { image: "${NEEDED?it is needed}" } }', "NEEDED"],
        ["services: { web: { image: x, env_file: nowhere.env } }", "nowhere.env"],
        ["services: { web: { image: x, depends_on: [db] } }", "undefined service"],
      ];
      for (const [text, part] of cases) {
        const error = await failure(read(text));
        expect(error).toMatchObject({ kind: "config", code: "compose_invalid" });
        expect(error.message).toContain(part);
      }
    });

    test("sees paths from the directory of its first file, and links as what they lead to", async () => {
      mkdirSync(join(harness.directory, "deploy"));
      writeFileSync(join(harness.directory, "deploy/base.yaml"), "services: { b: { image: deep } }");
      writeFileSync(join(harness.directory, "base.yaml"), "services: { b: { image: another } }");
      symlinkSync("/var/run/docker.sock", join(harness.directory, "deploy/sock"));
      // Outside of the project directory, and of the repository all the same.
      symlinkSync("/srv", join(harness.directory, "srv"));
      const text =
        "services: { web: { extends: { file: base.yaml, service: b }, volumes: ['./sock:/sock', './src:/src', '../srv:/srv'] } }";
      const { services } = await read(text, { file: "deploy/compose.yaml" });
      expect(services.web).toMatchObject({
        image: "deep",
        volumes: [
          { source: `${realpathSync.native("/var/run")}/docker.sock` },
          { source: join(harness.directory, "deploy/src") },
          { source: "/srv" },
        ],
      });
    });

    test("a secret that Compose takes from the shell is in the container, and in nothing that is written", async () => {
      const model = await read(
        `services: { web: { image: ${image?.name}, command: [cat, /run/secrets/token], network_mode: none, secrets: [token] } }\nsecrets: { token: { environment: TOKEN } }`,
        { env: { TOKEN: "t0ken" } },
      );
      const spec = harness.command();
      const { project = "" } = spec.container ?? {};
      const own = { [labels.environment]: spec.environmentId, [labels.nonce]: spec.nonce, [labels.service]: spec.service };
      const services = { web: { ...model.services.web, labels: own } };
      const stack = { project, directory: harness.directory, model: { ...model, services }, mark: harness.owned(spec) };
      expect(await failure(harness.stack.create(stack, harness.call))).toMatchObject({ kind: "config", code: "variable_missing" });
      await harness.stack.create({ ...stack, env: { TOKEN: "t0ken" } }, harness.call);
      await harness.driver.waitForCommand(await harness.driver.start(spec), AbortSignal.timeout(30_000));
      await harness.logged(spec, "t0ken");
    });

    test("variables of secrets and configs come from the caller's shell, else from the .env beside the first file", async () => {
      mkdirSync(join(harness.directory, "apart"));
      writeFileSync(
        join(harness.directory, "apart/.env"),
        'TOKEN=of-the-file\nBOTH=of-the-file\nMADE="${BASE:-base} $$5" # said\nEMPTY=\nOTHER=x\n',
      );
      writeFileSync(join(harness.directory, ".env"), "LOST=of-another-directory\n");
      const source = {
        directory: harness.directory,
        files: [join(harness.directory, "apart/compose.yaml")],
        profiles: [],
        project: "wt-test-read",
        env: { BOTH: "of$the-shell", COMPOSE_ENV_FILES: "/nowhere.env" },
      };
      const secrets = Object.fromEntries(
        ["TOKEN", "BOTH", "MADE", "LOST"].map((environment) => [environment.toLowerCase(), { environment }]),
      );
      const model = { name: "wt-test-read", services: {}, secrets, configs: { empty: { environment: "EMPTY" }, file: { file: "/x" } } };
      expect(await harness.stack.readVariables(source, model, abort)).toEqual({
        TOKEN: "of-the-file",
        BOTH: "of$the-shell",
        MADE: "base $5",
        EMPTY: "",
      });
      expect(await harness.stack.readVariables(source, { name: "x", services: {} }, abort)).toEqual({});
    });

    test("fetches nothing from the network", async () => {
      const remote = await failure(read("include: ['https://github.com/docker/compose.git']\nservices: { web: { image: x } }"));
      expect(remote).toMatchObject({ kind: "config", code: "compose_remote" });
    });

    test("needs no engine", async () => {
      const env = { ...processEnv(), DOCKER_HOST: "unix:///nowhere/docker.sock" };
      const stack = createComposeStack({ access: createEngineAccess(env), env, state: harness.directory });
      writeFileSync(join(harness.directory, "compose.yaml"), "services: { web: { image: x } }");
      const source = {
        directory: harness.directory,
        files: [join(harness.directory, "compose.yaml")],
        profiles: [],
        project: "p",
        env: {},
      };
      expect(await stack.readModel(source, abort)).toMatchObject({ services: { web: { image: "x" } } });
    });
  });

  describe("what cannot be is a sentence", () => {
    const stackIn = (env: Record<string, string>) => createComposeStack({ access: createEngineAccess(env), env, state: harness.directory });
    const program = (name: string, script: string) => {
      const directory = join(harness.directory, `bin-${randomUUID()}`);
      mkdirSync(directory);
      writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(directory, name), 0o755);
      return directory;
    };

    test("an engine that answers is described", async () => {
      expect(await harness.stack.checkEngine(abort)).toMatchObject({ kind: "docker", endpoint: `unix://${harness.engine.socketPath}` });
    });

    test("no engine, one elsewhere, no Docker, no Compose, an old one", async () => {
      const nowhere = { ...processEnv(), DOCKER_HOST: "unix:///nowhere/docker.sock" };
      expect(await failure(stackIn(nowhere).checkEngine(abort))).toMatchObject({ kind: "machine", code: "engine_down" });
      const remote = { ...processEnv(), DOCKER_HOST: "tcp://127.0.0.1:1" };
      expect(await failure(stackIn(remote).checkEngine(abort))).toMatchObject({ code: "engine_remote" });
      const withPath = (PATH: string) => failure(stackIn({ ...processEnv(), PATH }).checkEngine(abort));
      expect(await withPath("/nowhere")).toMatchObject({ kind: "machine", code: "docker_missing" });
      expect(await withPath(program("docker", "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1"))).toMatchObject({
        code: "compose_missing",
      });
      const old = await withPath(program("docker-compose", "echo 1.29.2"));
      expect(old).toMatchObject({ code: "compose_old" });
      expect(old.message).toContain("1.29.2");
    });

    test("an image that is not to be had", async () => {
      const name = "localhost:1/wt-test/nowhere:1";
      const stack = stackOf({ web: { image: name } });
      const fetching = await failure(harness.stack.ensureImages(stack, harness.call));
      expect(fetching).toMatchObject({ kind: "machine", code: "image_missing" });
      expect(fetching.message).toContain(name);
      expect(await failure(harness.stack.create(stack, harness.call))).toMatchObject({ code: "image_missing" });
    });

    test("a build that fails, with its last lines", async () => {
      writeFileSync(join(harness.directory, "Dockerfile"), `FROM ${image?.name}\nRUN echo "no such thing" >&2; exit 9\n`);
      const build = { context: harness.directory, labels: ownLabels(harness.nonce) };
      const error = await failure(
        harness.stack.ensureImages(stackOf({ web: { build, image: `wt-test-${harness.nonce}:wt` } }), harness.call),
      );
      expect(error).toMatchObject({ kind: "machine", code: "build_failed" });
      expect(error.message).toStartWith("The image of web cannot be built: ");
      expect(JSON.stringify(error.details)).toContain("no such thing");
    });

    test("a port that another program holds: nothing runs, and it starts once the port is free", async () => {
      const spec = harness.command();
      await harness.listenAsStranger(spec.port ?? 0);
      const ports = [{ target: 8000, published: String(spec.port), host_ip: "127.0.0.1", protocol: "tcp", mode: "host" }];
      expect(await failure(harness.startCommand(spec, "exec sleep 300", { ports }))).toMatchObject({ kind: "machine", code: "port_taken" });
      expect(await harness.driver.find(spec)).toEqual([]);
    });

    test("a command that the image does not have", async () => {
      const error = await failure(harness.startCommand(harness.command(), "", { command: ["no-such-program"], init: false }));
      expect(error).toMatchObject({ kind: "machine", code: "container_failed" });
      expect(error.message).toContain("no-such-program");
    });

    test("a range of addresses that another network has", async () => {
      const ipam = { config: [{ subnet: "10.213.77.0/26" }] };
      const networks = { default: { ipam, labels: ownLabels(harness.nonce) } };
      await harness.stack.create(stackOf({ web: {} }, { networks }), harness.call);
      expect(await failure(harness.stack.create(stackOf({ web: {} }, { networks }), harness.call))).toMatchObject({ code: "subnet_taken" });
    });

    test("no secret is on the disk, in a sentence or in a line of progress", async () => {
      const secret = `s3cret-${randomUUID()}`;
      const lines: string[] = [];
      const environment = { API_TOKEN: secret, DATABASE_URL: `postgres://u:${secret}@db/x` };
      const stack = stackOf({ web: { environment, command: ["sleep", "1"], volumes: [`${secret}:relative`] } });
      const error = await failure(harness.stack.create(stack, { abort, report: (line) => lines.push(line) }));
      expect(JSON.stringify([error.toWire(), lines])).not.toContain(secret);
      await harness.stack.create(stackOf({ web: { environment } }), harness.call);
      for (const name of readdirSync(harness.directory, { recursive: true, withFileTypes: true })) {
        if (name.isFile()) expect(readFileSync(join(name.parentPath, name.name), "latin1")).not.toContain(secret);
      }
    });
  });
});
