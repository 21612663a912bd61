// Commands of the repository that run in a container of their own beside a service's: setup steps with `service:`, and what fills a database that lives in a
// shared service.
import type { Config, ServiceConfig } from "../config/config.ts";
import { connectionInside } from "../environment/container-variables.ts";
import { WtError } from "../errors/wt-error.ts";
import type { ComposeModel } from "../runtime/compose/transform/compose-model.ts";
import type { StackNames } from "../runtime/compose/transform/transform-result.ts";
import { never } from "./journaled-run.ts";
import { prepareStack, stackCall } from "./prepare-stack.ts";
import type { CommandContainer } from "./setup-runner.ts";
import { connectShared } from "./shared-connections.ts";
import { containerServices, markOf, refuseUnsafe, stackOf, transformFor } from "./stack-model.ts";
import type { StepContext } from "./steps.ts";

export interface OneOffWish {
  /** Of the command: `setup:0`, `resource:db`. */
  name: string;
  /** Name of the service in wt.yaml. */
  service: string;
  /** The key in wt.yaml that says so, for sentences. */
  place: string;
  /** Over the service's own variables, as containers see them. */
  variables?: Readonly<Record<string, string>>;
}

/** With the image, mounts, networks and variables of the service; it stands in none of its networks under the service's name. */
export function oneOffContainer(context: StepContext, wish: OneOffWish): CommandContainer {
  const { world, session } = context;
  const { environment, project } = session;
  const name = wish.name.replace(/[^a-z0-9]+/g, "-");
  const remove = async () => {
    const leftovers = await world.stack.remove(
      markOf(environment),
      { volumes: false, images: false, role: "one-off", service: name },
      never(),
    );
    if (leftovers.length > 0) world.report(new Error(leftovers.join(" ")));
  };
  return {
    remove,
    async make(command, abort) {
      const { stack } = session;
      const service = containerServices(session.config).find((one) => one.name === wish.service);
      if (!stack || !service) throw unknownContainer(session.config, wish);
      // All of them: it may be in the network of another, or have its mounts. Only its own variables: those of others may not be there yet.
      const services = containerServices(session.config).map(({ name }) => name);
      const extra = wish.variables ? { extra: wish.variables } : {};
      const wanted = { stack, services, variables: [service.name], ...extra };
      const { model, refusals, aliases, names } = transformFor(world, session, wanted);
      refuseUnsafe(refusals);
      const request = {
        ...stackOf(session, stack, withImages(model, names)),
        service: service.container.service,
        name,
        command: ["/bin/sh", "-c", command],
      };
      try {
        const ref = await world.stack.createOneOff(request, { ...stackCall(context, wish.name), abort });
        const { containers } = await world.stack.observe(markOf(environment), abort);
        const networks = containers.find((one) => one.ref.service === ref.service)?.networks ?? [];
        await connectShared(world, project, { aliases: aliases.filter(({ networkName }) => networks.includes(networkName)), abort });
        return ref;
      } catch (error) {
        await remove().catch(world.report);
        throw error;
      }
    },
  };
}

/** Compose would name the image after the one-off container, for which nothing was built. */
function withImages(model: ComposeModel, { images }: StackNames): ComposeModel {
  const services = Object.entries(model.services).map(([name, service]) => {
    const image = images.find((one) => one.service === name)?.name;
    return [name, image === undefined ? service : { ...service, image }] as const;
  });
  return { ...model, services: Object.fromEntries(services) };
}

/** What fills a database in a shared service runs where the app runs: in a container. */
export async function resourceContainer(
  context: StepContext,
  { name, variables }: { name: string; variables: Record<string, string> },
): Promise<CommandContainer | null> {
  const { session } = context;
  const db = session.config.resources[name]?.service;
  if (db === undefined) return null;
  if (!session.stack) await prepareStack(context);
  const service = session.stack ? commandService(session.config, session.stack.model, db) : null;
  if (!session.stack || service === null) return null;
  const inside = connectionInside({ variables, values: {} }, session.stack.doors).variables;
  return oneOffContainer(context, { name: `resource:${name}`, service, place: `resources.${name}`, variables: inside });
}

function unknownContainer(config: Config, { service, place }: OneOffWish): WtError {
  return new WtError({
    kind: "config",
    code: "service_not_container",
    message: `${place}.service is ${service}, which is no container of this environment.`,
    hints: [
      `Its containers are ${containerServices(config)
        .map(({ name }) => name)
        .join(", ")}.`,
    ],
  });
}

/**
 * Which container knows the commands of a resource in the shared service `db`: one that says that it depends on it, and of those one that is built from
 * this repository, then one that is routed; null: none is a container.
 */
export function commandService(config: Config, model: ComposeModel, db: string): string | null {
  const rank = ({ container, routes }: ServiceConfig): number => {
    const described = model.services[container?.service ?? ""] ?? {};
    const needs = described.depends_on;
    const names = Array.isArray(needs) ? needs.map(String) : Object.keys(typeof needs === "object" && needs !== null ? needs : {});
    return (names.includes(db) ? 4 : 0) + (described.build === undefined ? 0 : 2) + (routes.length > 0 ? 1 : 0);
  };
  const [best] = containerServices(config).toSorted((a, b) => rank(b) - rank(a));
  return best?.name ?? null;
}
