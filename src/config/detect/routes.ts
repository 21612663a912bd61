import { projectName } from "../project-name.ts";
import type { DetectedPart, DetectedService } from "./part.ts";

export interface RoutedService extends DetectedService {
  routes: string[];
}

const mainNames = ["web", "frontend", "www", "site", "client", "app", "ui"];
const apiNames = ["api", "backend", "server"];

/** Unique names, and who answers on the environment's own URL. Adds a sentence for each decision that was not the only one possible. */
export function assignRoutes(parts: DetectedPart[], because: string[]): RoutedService[] {
  const services: RoutedService[] = uniquelyNamed(parts.flatMap((part) => part.services)).map((service) => ({ ...service, routes: [] }));
  const web = services.filter((service) => service.role !== "worker");
  const pages =
    best(
      web.filter((service) => service.role === "pages"),
      mainNames,
    ) ?? best(web, [...mainNames, ...apiNames]);
  if (!pages) return services;
  pages.routes = ["/"];
  const api = best(
    web.filter((service) => service.role === "api" && service !== pages),
    apiNames,
  );
  if (api) {
    api.routes = ["/api"];
    because.push(`${pages.name} answers on the environment's URL, and ${api.name} below /api there; the path reaches it with its /api.`);
  }
  for (const service of web) {
    if (service.routes.length === 0) because.push(`${service.name} has no route and is reachable on its own host name.`);
  }
  return services;
}

function best(services: RoutedService[], names: string[]): RoutedService | undefined {
  const named = names.map((name) => services.find((service) => service.name === name)).find((service) => service !== undefined);
  return named ?? services[0];
}

function uniquelyNamed(services: DetectedService[]): DetectedService[] {
  const taken = new Set<string>();
  return services.map((service) => {
    // A container's is the compose file's, which was looked at before.
    if (service.container) {
      taken.add(service.name);
      return service;
    }
    const wish = projectName(service.name).slice(0, 36);
    let name = wish;
    for (let number = 2; taken.has(name); number += 1) name = `${wish}-${number}`;
    taken.add(name);
    return { ...service, name };
  });
}
