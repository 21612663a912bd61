// One service of the merged model → what wt has to know of it. Loose: what is odd is left out, and Compose itself will say so.
import { goDurationMs } from "../duration.ts";
import type { ComposeBuild, ComposeDependency, ComposeServiceOutline } from "./compose-outline.ts";
import { isMap, type Raw, textOf } from "./merge-models.ts";
import { pathInRepository } from "./repository-path.ts";
import { anyContext, anyDockerfile, usualContext } from "./spell-out-service.ts";

export interface OutlineContext {
  /** Active profiles. */
  profiles: readonly string[];
  /** Top-level sections, as `spellOutFiles` leaves them. */
  configs: unknown;
  secrets: unknown;
}

/** `service` as `spellOutService` leaves it. */
export function outlineService(name: string, service: Raw, context: OutlineContext): ComposeServiceOutline {
  const active = context.profiles;
  const profiles = textsOf(service.profiles);
  const wanted = profiles.length === 0 || active.includes("*") || profiles.some((profile) => active.includes(profile));
  const ports = Array.isArray(service.ports) ? service.ports : [];
  const grace = service.stop_grace_period;
  return {
    name,
    active: wanted && copies(service) !== 0,
    profiles,
    image: typeof service.image === "string" ? service.image : null,
    build: buildOf(service.build),
    publishes: ports.length > 0,
    published: unique(ports.flatMap(publishedPorts)),
    hostPorts: unique(ports.flatMap(hostPorts)),
    environment: environmentOf(service.environment),
    exposed: unique((Array.isArray(service.expose) ? service.expose : []).flatMap((entry) => portRange(textOf(entry)))),
    imagePorts: [],
    healthcheck: hasHealthcheck(service.healthcheck),
    dependsOn: dependencies(service),
    restart: restartOf(service),
    stopSignal: typeof service.stop_signal === "string" ? service.stop_signal : null,
    stopGraceMs: typeof grace === "string" ? goDurationMs(grace) : null,
    commands: [service.entrypoint, service.command].map(commandText).filter((text) => text !== ""),
    probes: [isMap(service.healthcheck) ? service.healthcheck.test : undefined].map(probeText).filter((text) => text !== ""),
    mounts: [
      ...mountsOf(service.volumes),
      ...filesOf(service.configs, context.configs, "/"),
      ...filesOf(service.secrets, context.secrets, "/run/secrets/"),
    ],
    dockerfiles: dockerfilePatterns(service.build),
    contexts: contextsOf(service.build),
    ...variableFilesOf(service),
  };
}

const unique = (numbers: number[]): number[] => [...new Set(numbers)];

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(textOf) : [];
}

/** How many containers it asks for; null: the usual one. */
function copies(service: Raw): number | null {
  const written = isMap(service.deploy) ? (service.deploy.replicas ?? service.scale) : service.scale;
  const number = Number(textOf(written) || Number.NaN);
  return Number.isInteger(number) ? number : null;
}

/** `"127.0.0.1:8000-8001:80-81/tcp"`, `3000`, `{ target: 80 }`. */
function publishedPorts(entry: unknown): number[] {
  if (isMap(entry)) {
    if (entry.protocol !== undefined && entry.protocol !== "tcp") return [];
    return portRange(textOf(entry.target));
  }
  const written = textOf(entry);
  // A variable may hold colons of its own: `${PORT:?not set}`.
  const last =
    written
      .replace(/\$\{[^}]*\}/g, "$")
      .split(":")
      .at(-1) ?? "";
  return portRange(last);
}

/** The part before the container's port, with or without an address. */
function hostPorts(entry: unknown): number[] {
  if (isMap(entry)) return publishedPorts(entry).length > 0 ? portRange(textOf(entry.published)) : [];
  const parts = textOf(entry).split(":");
  return parts.length > 1 && !/\/udp$/.test(parts.at(-1) ?? "") ? portRange(parts.at(-2) ?? "") : [];
}

function environmentOf(value: unknown): Record<string, string> {
  if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, textOf(text)]));
  const entries = textsOf(value).map((text) => [text.replace(/=.*$/s, ""), text.replace(/^[^=]*=?/s, "")]);
  return Object.fromEntries(entries);
}

const longestRange = 200;

/** `80`, `80/tcp`, `3000-3005`; nothing for what is not TCP or not a number. */
function portRange(written: string): number[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/tcp)?$/.exec(written.trim());
  if (!match) return [];
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  if (first < 1 || last > 65_535 || last < first) return [];
  return Array.from({ length: Math.min(last - first + 1, longestRange) }, (_, index) => first + index);
}

/** Without a test of its own it is the image's, which nobody has seen yet. */
function hasHealthcheck(value: unknown): boolean {
  if (!isMap(value) || value.disable === true || value.disable === "true") return false;
  const { test } = value;
  const first = Array.isArray(test) ? test[0] : test;
  return typeof first === "string" && first !== "" && first !== "NONE";
}

const conditions: Record<string, ComposeDependency["condition"]> = {
  service_healthy: "healthy",
  service_completed_successfully: "completed",
};

function dependencies(service: Raw): ComposeDependency[] {
  const found = new Map<string, ComposeDependency>();
  for (const [name, entry] of Object.entries(isMap(service.depends_on) ? service.depends_on : {})) {
    const condition = isMap(entry) ? textOf(entry.condition) : "";
    found.set(name, { service: name, condition: Object.hasOwn(conditions, condition) ? (conditions[condition] ?? "started") : "started" });
  }
  // Compose starts these first as well.
  const links = textsOf(service.links).map((link) => link.split(":")[0] ?? "");
  const volumes = textsOf(service.volumes_from).flatMap((from) => (from.startsWith("container:") ? [] : [from.split(":")[0] ?? ""]));
  const joined = ["network_mode", "pid", "ipc"].flatMap((key) => /^service:(.+)$/.exec(textOf(service[key]))?.[1] ?? []);
  for (const name of [...links, ...volumes, ...joined])
    if (name !== "" && !found.has(name)) found.set(name, { service: name, condition: "started" });
  return [...found.values()];
}

function restartOf(service: Raw): ComposeServiceOutline["restart"] {
  const policy = isMap(service.deploy) && isMap(service.deploy.restart_policy) ? service.deploy.restart_policy.condition : undefined;
  const word = textOf(service.restart ?? policy).replace(/:.*$/, "");
  if (word === "on-failure") return "on-failure";
  return word === "always" || word === "unless-stopped" || word === "any" ? "always" : "never";
}

function buildOf(value: unknown): ComposeBuild | null {
  if (!isMap(value)) return null;
  const context = contextOf(value);
  const inline = typeof value.dockerfile_inline === "string";
  const file = typeof value.dockerfile === "string" ? value.dockerfile : "Dockerfile";
  const dockerfile = context === null || inline ? null : pathInRepository(context, file);
  return { context, dockerfile, target: typeof value.target === "string" ? value.target : null };
}

function contextOf(build: Raw): string | null {
  return fromTop(build.context ?? build[usualContext]);
}

/** The one that is known first, then what other values of variables may choose. */
function dockerfilePatterns(value: unknown): string[] {
  if (!isMap(value) || typeof value.dockerfile_inline === "string") return [];
  const contexts = [contextOf(value), fromTop(value[anyContext])];
  const names = [textOf(value.dockerfile) || "Dockerfile", textOf(value[anyDockerfile])];
  const found = contexts.flatMap((context) =>
    names.flatMap((name) => (context === null || name === "" ? [] : (pathInRepository(context, name) ?? []))),
  );
  return [...new Set(found)];
}

function contextsOf(value: unknown): Record<string, string> {
  const written = isMap(value) && isMap(value.additional_contexts) ? value.additional_contexts : {};
  return Object.fromEntries(
    Object.entries(written).flatMap(([name, path]) => (fromTop(path) === null ? [] : [[name, fromTop(path) ?? ""]])),
  );
}

function variableFilesOf(service: Raw): Pick<ComposeServiceOutline, "variableFiles" | "unknownFiles"> {
  const entries = (["env_file", "label_file"] as const).flatMap((key) =>
    (Array.isArray(service[key]) ? service[key] : []).flatMap((entry) =>
      isMap(entry) ? [{ key, path: typeof entry.path === "string" ? entry.path : null, text: textOf(entry.text) }] : [],
    ),
  );
  return {
    variableFiles: [...new Set(entries.flatMap(({ path }) => path ?? []))],
    unknownFiles: entries.flatMap(({ key, path, text }) => (path === null ? [{ key, text }] : [])),
  };
}

/** `["CMD", "a"]`, `["CMD-SHELL", "a b"]`, `a b`. */
function probeText(test: unknown): string {
  if (!Array.isArray(test)) return commandText(test);
  const [kind, ...words] = test;
  if (kind === "CMD-SHELL") return textOf(words[0]);
  return kind === "CMD" ? commandText(words) : "";
}

/** A list is words already; in a text a shell's rules hold. */
function commandText(value: unknown): string {
  if (typeof value === "string") return value;
  return Array.isArray(value) ? value.map((word) => shellWord(textOf(word))).join(" ") : "";
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function mountsOf(value: unknown): ComposeServiceOutline["mounts"] {
  return (Array.isArray(value) ? value : []).flatMap((entry) => {
    if (!isMap(entry) || entry.type !== "bind" || typeof entry.target !== "string") return [];
    const source = fromTop(entry.source);
    return source === null ? [] : [{ source, target: entry.target.replace(/\/+$/, "") || "/" }];
  });
}

/** Configs and secrets of the repository: Compose mounts them. */
function filesOf(value: unknown, section: unknown, directory: string): ComposeServiceOutline["mounts"] {
  const known = isMap(section) ? section : {};
  return (Array.isArray(value) ? value : []).flatMap((entry) => {
    const name = textOf(isMap(entry) ? entry.source : entry);
    const held = Object.hasOwn(known, name) ? known[name] : null;
    const source = isMap(held) ? fromTop(held.file) : null;
    const target = (isMap(entry) && textOf(entry.target)) || name;
    return source === null ? [] : [{ source, target: target.startsWith("/") ? target : directory + target }];
  });
}

/** Without the mark that `spellOutService` gave it; null: it leads elsewhere. */
function fromTop(path: unknown): string | null {
  return typeof path === "string" && path.startsWith("/") ? path.slice(1) : null;
}
