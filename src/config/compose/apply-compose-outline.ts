// Completes a config by what the compose files say: every service that runs in each environment is there.
import type { Config, ServiceConfig } from "../config.ts";
import type { WrittenService } from "../schema.ts";
import { clonedServices, serviceName } from "./cloned-services.ts";
import type { ComposeOutline } from "./compose-outline.ts";
import { containerService } from "./container-service.ts";

export interface WrittenServices {
  /** What wt.yaml says of a service; empty for one that it does not name. */
  written: (name: string) => WrittenService;
  /** A service that wt.yaml does not name, with defaults. */
  unwritten: (name: string) => ServiceConfig;
}

/** `config` as wt.yaml alone gives it; its services come first, in their order. Without `compose` it stays as it is. */
export function applyComposeOutline(config: Config, outline: ComposeOutline, { written, unwritten }: WrittenServices): Config {
  const { compose } = config;
  if (!compose) return config;
  const processes = new Set(config.services.filter((service) => !service.container).map((service) => service.name));
  const cloned = clonedServices(outline, compose, processes);
  const jobs = jobsOf(outline);
  const named = new Set(config.services.map((service) => service.name));
  const all = [...config.services, ...[...cloned.keys()].filter((name) => !named.has(name)).map(unwritten)];
  const known = new Set([...all.map((service) => service.name), ...Object.keys(config.resources)]);
  /** In a container of its own or as the process that takes its place; not shared, not inactive, not unknown. */
  const isOwn = (composeName: string) => {
    const name = serviceName(composeName);
    const there = outline.services.some((one) => one.name === composeName) && !compose.shared.includes(composeName);
    return there && (cloned.has(name) ? cloned.get(name)?.name === composeName : processes.has(name));
  };
  const services = all.map((service): ServiceConfig => {
    const outlined = service.container || !named.has(service.name) ? cloned.get(service.name) : undefined;
    if (!outlined) return service;
    const needs = outlined.dependsOn.flatMap((one) => (isOwn(one.service) ? [serviceName(one.service)] : contentIn(config, one.service)));
    return containerService(service, outlined, { written: written(service.name), job: jobs.has(outlined.name), needs });
  });
  const files = compose.files.length > 0 ? compose.files : outline.composeFiles;
  return {
    ...config,
    compose: { ...compose, files, dockerfiles: outline.dockerfiles },
    services: services.map((service) => withoutShared(service, { outline, shared: compose.shared, known })),
  };
}

/** Resources that live in a shared service: who depends on the server waits for them. */
function contentIn({ resources }: Config, composeName: string): string[] {
  return Object.entries(resources).flatMap(([name, { service }]) => (service === composeName ? [name] : []));
}

/** Compose services that another one waits for to end. */
function jobsOf(outline: ComposeOutline): Set<string> {
  const active = outline.services.filter((service) => service.active);
  return new Set(
    active.flatMap(({ dependsOn }) => dependsOn.flatMap(({ service, condition }) => (condition === "completed" ? [service] : []))),
  );
}

interface Around {
  outline: ComposeOutline;
  shared: readonly string[];
  known: ReadonlySet<string>;
}

/** What is shared runs before any environment does. A name of the compose file may be written as it stands there. */
function withoutShared(service: ServiceConfig, { outline, shared, known }: Around): ServiceConfig {
  const needs = service.needs.flatMap((need) => {
    if (known.has(need)) return [need];
    if (shared.includes(need)) return [];
    return outline.services.some(({ name }) => name === need) && known.has(serviceName(need)) ? [serviceName(need)] : [need];
  });
  return { ...service, needs: [...new Set(needs)] };
}
