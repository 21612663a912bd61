// WrittenConfig → Config: short forms spelled out, defaults filled in. Total: what cannot be understood gets its default, and a rule reports it.
import type { JsonValue } from "../errors/wt-error.ts";
import { formatPath } from "./check-written.ts";
import { applyComposeOutline } from "./compose/apply-compose-outline.ts";
import type { ComposeOutline } from "./compose/compose-outline.ts";
import {
  type ComposeConfig,
  type Config,
  type HookCommand,
  type Hooks,
  hookEvents,
  type PortPolicy,
  type ReadyProbe,
  type ResourceConfig,
  type ServiceConfig,
  type SetupStep,
} from "./config.ts";
import { parseDurationMs } from "./duration.ts";
import { projectName } from "./project-name.ts";
import { findReferences } from "./references.ts";
import { textsOfOptions } from "./resource-references.ts";
import { serverTypes, type WrittenConfig, type WrittenHookCommand, type WrittenService, type WrittenSetupStep } from "./schema.ts";

export interface NormalizeOptions {
  /** Where it was written; becomes `origin`. */
  path: string;
  /** Name of the project when the file names none; made to fit. */
  projectFallback: string;
  /** What the compose files say, once they were read; without it services of the compose file have only what is written here. */
  outline?: ComposeOutline;
}

export function normalizeConfig(written: WrittenConfig, options: NormalizeOptions): Config {
  const services = Object.entries(written.services ?? {});
  const asked = servicesAskedForPorts(textsOf(written).map((entry) => entry.text));
  const config: Config = {
    project: written.project ?? projectName(options.projectFallback),
    runtime: written.runtime ?? "process",
    compose: written.runtime === "compose" ? normalizeCompose(written.compose) : null,
    copy: listOf(written.copy).map(cleanPath),
    clone: listOf(written.clone).map(cleanPath),
    setup: writtenSteps(written).map(normalizeStep),
    resources: Object.fromEntries(
      Object.entries(written.resources ?? {}).map(([name, entry]) => [name, normalizeResource(entry, written.runtime)]),
    ),
    services: services.map(([name, entry]) => {
      const service = normalizeService(name, spelledOut(entry), asked.has(name));
      return isContainer(written, spelledOut(entry)) ? withContainer(service, spelledOut(entry)) : service;
    }),
    hooks: normalizeHooks(written.hooks),
    env: variablesOf(written.env),
    agent: written.agent ?? null,
    worktrees: written.worktrees ?? null,
    undeleteDays: written.undelete_days ?? null,
    origin: { kind: "file", path: options.path },
  };
  if (!options.outline) return config;
  return applyComposeOutline(config, options.outline, {
    written: (name) => spelledOut(written.services?.[name] ?? {}),
    unwritten: (name) => withContainer(normalizeService(name, {}, asked.has(name)), {}),
  });
}

function normalizeCompose(written: WrittenConfig["compose"]): ComposeConfig {
  return {
    files: listOf(written?.files).map(cleanPath),
    profiles: listOf(written?.profiles),
    shared: listOf(written?.shared),
    sharedVolumes: listOf(written?.shared_volumes),
    allow: listOf(written?.allow),
    dockerfiles: [],
  };
}

/** The compose file says what it runs. */
export function isContainer(written: WrittenConfig, service: WrittenService): boolean {
  return written.runtime === "compose" && service.run === undefined;
}

function withContainer(service: ServiceConfig, written: WrittenService): ServiceConfig {
  const target = written.target ?? null;
  return { ...service, container: { service: service.name, target, healthcheck: false } };
}

export function spelledOut(service: string | WrittenService): WrittenService {
  return typeof service === "string" ? { run: service } : service;
}

export function listOf<T>(written: T | T[] | undefined): T[] {
  return written === undefined ? [] : Array.isArray(written) ? written : [written];
}

export interface TextEntry {
  path: (string | number)[];
  text: string;
}

/** Every text that may hold references. Setup, commands, probes and variables; options of resources. */
export function textsOf(written: WrittenConfig): TextEntry[] {
  const found: TextEntry[] = variableTexts(["env"], written.env);
  for (const { path, step } of [...writtenSteps(written), ...writtenHooks(written.hooks)]) {
    found.push(typeof step === "string" ? { path, text: step } : { path: [...path, "run"], text: step.run });
  }
  for (const [name, { type: _, ...options }] of Object.entries(written.resources ?? {})) {
    for (const { path, text } of textsOfOptions(options)) found.push({ path: ["resources", name, ...path], text });
  }
  for (const [name, entry] of Object.entries(written.services ?? {})) found.push(...textsOfService(name, entry));
  return found;
}

export function textsOfService(name: string, entry: string | WrittenService): TextEntry[] {
  const at = ["services", name];
  if (typeof entry === "string") return [{ path: at, text: entry }];
  const run: TextEntry[] = entry.run === undefined ? [] : [{ path: [...at, "run"], text: entry.run }];
  const found = [...run, ...variableTexts([...at, "env"], entry.env)];
  const ready = entry.ready;
  if (typeof ready === "string") found.push({ path: [...at, "ready"], text: ready });
  else if (ready?.command !== undefined) found.push({ path: [...at, "ready", "command"], text: ready.command });
  return found;
}

function variableTexts(path: string[], env: WrittenConfig["env"]): TextEntry[] {
  return Object.entries(variablesOf(env)).map(([key, text]) => ({ path: [...path, key], text }));
}

function servicesAskedForPorts(texts: string[]): Set<string> {
  const references = texts.flatMap(findReferences);
  return new Set(references.flatMap((reference) => (reference.kind === "service" && reference.key !== "host" ? [reference.name] : [])));
}

function variablesOf(env: WrittenConfig["env"]): Record<string, string> {
  return Object.fromEntries(Object.entries(env ?? {}).map(([key, value]) => [key, String(value)]));
}

export interface WrittenStep<Step> {
  path: (string | number)[];
  step: string | Step;
}

/** Lists inside of the list taken apart. */
export function writtenSteps(written: WrittenConfig): WrittenStep<WrittenSetupStep>[] {
  return (written.setup ?? []).flatMap((entry, group): WrittenStep<WrittenSetupStep>[] =>
    Array.isArray(entry)
      ? entry.map((step, index) => ({ path: ["setup", group, index], step }))
      : [{ path: ["setup", group], step: entry }],
  );
}

function normalizeStep({ path, step }: WrittenStep<WrittenSetupStep>): SetupStep {
  const at = { place: formatPath(path), group: Number(path[1]) };
  if (typeof step === "string") return { run: step, inputs: [], directory: ".", ...at };
  const makes = step.makes === undefined ? {} : { makes: listOf(step.makes).map(cleanPath) };
  const service = step.service === undefined ? {} : { service: step.service };
  const directory = cleanPath(step.directory ?? step.cwd ?? ".");
  return { run: step.run, inputs: listOf(step.inputs).map(cleanPath), directory, ...makes, ...service, ...at };
}

export function writtenHooks(written: WrittenConfig["hooks"]): WrittenStep<WrittenHookCommand>[] {
  return hookEvents.flatMap((event) => {
    const entry = written?.[event];
    if (!Array.isArray(entry)) return entry === undefined ? [] : [{ path: ["hooks", event], step: entry }];
    return entry.map((step, index) => ({ path: ["hooks", event, index], step }));
  });
}

function normalizeHooks(written: WrittenConfig["hooks"]): Hooks {
  const hooks: Hooks = {};
  for (const event of hookEvents) {
    const commands = writtenHooks(written).filter(({ path }) => path[1] === event);
    if (commands.length > 0) hooks[event] = commands.map(normalizeHook);
  }
  return hooks;
}

function normalizeHook({ path, step }: WrittenStep<WrittenHookCommand>): HookCommand {
  const { run, directory, cwd, timeout }: WrittenHookCommand = typeof step === "string" ? { run: step } : step;
  return { run, directory: cleanPath(directory ?? cwd ?? "."), timeoutMs: durationMs(timeout, 300_000), place: formatPath(path) };
}

function normalizeResource(entry: { type: string; [key: string]: unknown }, runtime: Config["runtime"] | undefined): ResourceConfig {
  const { type, ...written } = entry;
  const { service, ...others } = written as ResourceConfig["options"];
  // No driver has to know of either: it is told which server, and whose content to begin with.
  const inService = runtime === "compose" && typeof service === "string" && serverTypes.includes(type);
  const options = inService || service === undefined ? others : { service, ...others };
  const where = inService ? { service } : {};
  const fork = forkOf(options.from);
  if (fork === null) return { type, options, ...where };
  const { from: _, ...rest } = options;
  return { type, options: rest, fork, ...where };
}

/** null: it is no `{ environment: … }`. */
function forkOf(from: JsonValue | undefined): string | null {
  if (typeof from !== "object" || from === null || Array.isArray(from)) return null;
  const { environment, ...others } = from;
  return typeof environment === "string" && environment !== "" && Object.keys(others).length === 0 ? environment : null;
}

function normalizeService(name: string, written: WrittenService, askedForPort: boolean): ServiceConfig {
  const port = portPolicy(name, written, askedForPort);
  return {
    name,
    run: written.run ?? "",
    directory: cleanPath(written.directory ?? written.cwd ?? "."),
    env: variablesOf(written.env),
    routes: listOf(written.route).map((route) => (route.length > 1 ? route.replace(/\/+$/, "") || "/" : route)),
    port,
    ready: readyProbe(written.ready, port),
    readyTimeoutMs: durationMs(written.timeout, 120_000),
    needs: [...new Set(listOf(written.needs))],
    restart: written.restart ?? "on-failure",
    successCodes: listOf(written.success_codes),
    stop: { signal: written.stop?.signal ?? "SIGTERM", graceMs: durationMs(written.stop?.grace, 10_000) },
  };
}

function durationMs(written: string | number | undefined, fallback: number): number {
  return written === undefined ? fallback : (parseDurationMs(written) ?? fallback);
}

function portPolicy(name: string, written: WrittenService, askedForPort: boolean): PortPolicy {
  if (typeof written.port === "number") return { kind: "slot", base: written.port };
  if (written.port === "none" || written.port === false) return { kind: "none" };
  if (written.port === "auto" || written.port === true) return { kind: "leased" };
  const usesPort = textsOfService(name, written).some((entry) => /\$PORT\b|\$\{PORT\b/.test(entry.text));
  const wants = askedForPort || usesPort || listOf(written.route).length > 0 || probesPort(written.ready);
  return wants ? { kind: "leased" } : { kind: "none" };
}

/** A probe that needs a port to ask. */
export function probesPort(ready: WrittenService["ready"]): boolean {
  if (typeof ready === "string") return ready.startsWith("/");
  return ready?.http !== undefined || ready?.tcp === true;
}

function readyProbe(ready: WrittenService["ready"], port: PortPolicy): ReadyProbe {
  if (ready === "healthcheck" || ready === "completed") return { kind: ready };
  if (typeof ready === "string") return ready.startsWith("/") ? { kind: "http", path: ready, status: null } : { kind: "none" };
  if (ready?.http !== undefined) return { kind: "http", path: ready.http, status: ready.status ?? null };
  if (ready?.tcp) return { kind: "tcp" };
  if (ready?.log !== undefined) return { kind: "log", pattern: ready.log };
  if (ready?.command !== undefined) return { kind: "command", run: ready.command };
  return port.kind === "none" ? { kind: "none" } : { kind: "http", path: "/", status: null };
}

/** `./a//b/` → `a/b`; `.` for the worktree itself. `..` stays, so that the rules see it. */
export function cleanPath(path: string): string {
  const absolute = path.startsWith("/") ? "/" : "";
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else parts.push(part);
  }
  return absolute + parts.join("/") || ".";
}
