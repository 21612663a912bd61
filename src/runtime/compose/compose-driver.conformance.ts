// A world of its own for each case: real containers, made as the daemon makes them, and the proof afterwards that none is left.
import { expect } from "bun:test";
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonValue } from "../../errors/wt-error.ts";
import { systemClock } from "../../os/clock.ts";
import type { DockerEngine } from "../../os/docker-engine.ts";
import { createLogFiles } from "../../os/log-files/log-files.ts";
import { type Behaviour, eventually, type RuntimeHarness } from "../runtime-driver.conformance.ts";
import type { RuntimeDriver, ServiceInstance, ServiceSpec } from "../runtime-driver.ts";
import { createComposeDriver } from "./compose-driver.ts";
import type { ComposeStack, StackCall, StackMark } from "./compose-stack.ts";
import { createComposeStack } from "./docker-compose-stack.ts";
import { createEngineAccess, type EngineAccess } from "./engine-access.ts";
import { labels } from "./labels.ts";
import type { ComposeModel } from "./transform/compose-model.ts";

export interface ComposeHarness extends RuntimeHarness {
  directory: string;
  nonce: string;
  access: EngineAccess;
  engine: DockerEngine;
  stack: ComposeStack;
  call: StackCall;
  reopen(options?: { rotateLogBytes?: number }): RuntimeDriver;
  /** Its container is made with this command when it is started with `startCommand`. */
  command(overrides?: Partial<ServiceSpec>): ServiceSpec;
  startCommand(spec: ServiceSpec, script: string, extra?: { [key: string]: JsonValue }): Promise<ServiceInstance>;
  /** Makes the container, and starts nothing. */
  createContainer(spec: ServiceSpec, script: string, extra?: { [key: string]: JsonValue }): Promise<void>;
  /** Whatever carries the mark is removed at the end. */
  owned(mark: StackMark): StackMark;
  /** Waits until the log holds the text. */
  logged(spec: ServiceSpec, text: string): Promise<void>;
}

const scripts: Record<Exclude<Behaviour["kind"], "exit" | "die" | "print">, string> = {
  run: "exec sleep 300",
  "ignore-stop": "trap '' TERM; echo ready; while :; do sleep 1; done",
  detach: "sleep 300 & exit 0",
  listen: "exec httpd -f -p 8000 -h /tmp",
};

/** The variables of this process that are set. */
export function processEnv(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

export async function createComposeHarness(image: string): Promise<ComposeHarness> {
  const directory = mkdtempSync(join(tmpdir(), "wt-compose-"));
  const nonce = randomUUID();
  const access = createEngineAccess(processEnv());
  const engine = await access.engine();
  const stack = createComposeStack({ access, env: processEnv(), state: directory });
  const call: StackCall = { abort: AbortSignal.timeout(120_000), report: () => undefined };
  const drivers: RuntimeDriver[] = [];
  const cleanups: (() => void)[] = [];
  const marks = new Map<string, StackMark>();
  const owned = (mark: StackMark) => {
    marks.set(`${mark.environmentId} ${mark.nonce}`, { environmentId: mark.environmentId, nonce: mark.nonce });
    return mark;
  };
  const reopen = (options: { rotateLogBytes?: number } = {}) => {
    const logs = createLogFiles({ clock: systemClock, rotateBytes: options.rotateLogBytes ?? 10 * 1024 * 1024 });
    const driver = createComposeDriver({ ...access, clock: systemClock, environments: join(directory, "environments"), logs });
    drivers.push(driver);
    return driver;
  };
  const ports = await freePorts(6);
  const command = (overrides: Partial<ServiceSpec> = {}): ServiceSpec => {
    const spec: ServiceSpec = {
      environmentId: "env",
      nonce,
      service: "web",
      generation: 1,
      command: "",
      directory,
      env: {},
      port: ports.pop() ?? null,
      logPath: join(directory, "logs", `${randomUUID()}.log`),
      stop: { signal: "SIGTERM", graceMs: 500 },
      ...overrides,
    };
    return { ...spec, container: { project: `wt-test-${randomUUID().slice(0, 12)}`, service: spec.service } };
  };
  const createContainer = async (spec: ServiceSpec, script: string, extra: { [key: string]: JsonValue } = {}) => {
    const { project = "", service: name = "" } = spec.container ?? {};
    const own = { [labels.environment]: spec.environmentId, [labels.nonce]: spec.nonce, [labels.role]: "environment" };
    const service: { [key: string]: JsonValue } = { image, init: true, command: ["sh", "-c", script], ...extra };
    service.labels = { ...own, [labels.service]: spec.service };
    const model: ComposeModel = { name: project, services: { [name]: service } };
    if (extra.ports) model.networks = { default: { labels: own } };
    else service.network_mode = "none";
    await stack.create({ project, directory, model, mark: owned(spec) }, call);
  };
  const startCommand = async (spec: ServiceSpec, script: string, extra: { [key: string]: JsonValue } = {}) => {
    await createContainer(spec, script, extra);
    return (drivers[0] ?? reopen()).start(spec);
  };
  const logged = (spec: ServiceSpec, text: string) =>
    eventually(async () => expect(existsSync(spec.logPath) && readFileSync(spec.logPath, "latin1").includes(text)).toBe(true));

  return {
    directory,
    nonce,
    access,
    engine,
    stack,
    call,
    driver: reopen(),
    reopen,
    command,
    createContainer,
    startCommand,
    owned,
    logged,
    spec: (_behaviour, overrides) => command(overrides),
    async start(spec, behaviour) {
      const published = [{ target: 8000, published: String(spec.port), host_ip: "127.0.0.1", protocol: "tcp", mode: "host" }];
      const instance = await startCommand(spec, scriptOf(behaviour), behaviour.kind === "listen" ? { ports: published } : {});
      if (behaviour.kind === "ignore-stop") await logged(spec, "ready");
      return instance;
    },
    brokenSpec: () => command(),
    async isHeld(instance) {
      const { container } = instance.identity as { container: string };
      return (await engine.inspect(container))?.State.Paused === true;
    },
    async listenAsStranger(port) {
      const server = createServer().listen(port, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      cleanups.push(() => server.close());
    },
    async dispose() {
      for (const cleanup of cleanups) cleanup();
      for (const driver of drivers) await driver.close();
      for (const mark of marks.values()) expect(await stack.remove(mark, { volumes: true, images: true }, call.abort)).toEqual([]);
      rmSync(directory, { recursive: true, force: true });
      expect(await stack.observe(null, call.abort)).toEqual({ containers: [], networks: [], volumes: [], images: [] });
    },
  };
}

function scriptOf(behaviour: Behaviour): string {
  if (behaviour.kind === "exit") return `exit ${behaviour.code}`;
  if (behaviour.kind === "die") return `kill -${behaviour.signal.slice(3)} $$`;
  if (behaviour.kind === "print") return behaviour.lines.map((line) => `echo '${line}'`).join("; ");
  return scripts[behaviour.kind];
}

/** Free at this moment; the system does not give them out again soon. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      return server;
    }),
  );
  return servers.map((server) => {
    const address = server.address();
    server.close();
    return typeof address === "object" && address ? address.port : 0;
  });
}
