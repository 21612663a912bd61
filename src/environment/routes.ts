// Host names, URLs and gateway routes of an environment. Pure.
import type { ServiceConfig } from "../config/config.ts";
import type { EnvironmentRecord, ProjectRecord } from "./ledger.ts";

/** The shape of the gateway's routes; structural, so that the heart does not know the gateway. */
export interface EnvironmentRoute {
  host: string;
  prefix: string;
  environmentId: string;
  project: string;
  slug: string;
  service: string;
  port: number;
}

/** `http://my-branch.localhost:7080`. `hostSuffix` is `.localhost` with the gateway's port unless that is 80. */
export function environmentUrl(environment: EnvironmentRecord, hostSuffix: string): string {
  return `http://${environment.hostLabel}${hostSuffix}`;
}

/** `http://backend.my-branch.localhost:7080`: below the environment's name, so that cookies can be shared inside it and never across. */
export function serviceUrl(environment: EnvironmentRecord, service: string, hostSuffix: string): string {
  return `http://${service}.${environment.hostLabel}${hostSuffix}`;
}

export interface RoutesInput {
  project: ProjectRecord;
  environment: EnvironmentRecord;
  services: readonly Pick<ServiceConfig, "name" | "routes">[];
  ports: Readonly<Record<string, number>>;
}

/** Path routes on the environment's own host, and a host of its own for each service with a port. */
export function environmentRoutes(input: RoutesInput): EnvironmentRoute[] {
  const { environment, project } = input;
  const host = `${environment.hostLabel}.localhost`;
  return input.services.flatMap((service) => {
    const port = input.ports[service.name];
    if (port === undefined) return [];
    const route = (name: string, prefix: string): EnvironmentRoute => ({
      host: name,
      prefix,
      environmentId: environment.id,
      project: project.name,
      slug: environment.slug,
      service: service.name,
      port,
    });
    return [...service.routes.map((prefix) => route(host, prefix)), route(`${service.name}.${host}`, "/")];
  });
}

export function hostSuffix(gatewayPort: number): string {
  return gatewayPort === 80 ? ".localhost" : `.localhost:${gatewayPort}`;
}
