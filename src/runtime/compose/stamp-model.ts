// What a stack adds to a model by itself. Pure.
import type { JsonValue } from "../../errors/wt-error.ts";
import type { OneOff } from "./compose-stack.ts";
import { labels } from "./labels.ts";
import type { ComposeModel } from "./transform/compose-model.ts";

type JsonObject = { [key: string]: JsonValue };

/** The state directory as a label on everything that is made. */
export function stampModel(model: ComposeModel, state: string): ComposeModel {
  const label = { [labels.state]: state };
  const stamped = (each: JsonObject): JsonObject => (each.external ? each : { ...each, labels: { ...labelMap(each.labels), ...label } });
  const services = mapEach(model.services, (service) => {
    const own = stamped(service);
    return typeof own.build === "object" && own.build !== null ? { ...own, build: stamped(asObject(own.build)) } : own;
  });
  return { ...model, ...each(model, "networks", stamped), ...each(model, "volumes", stamped), services };
}

function each(model: ComposeModel, key: "networks" | "volumes", change: (entry: JsonObject) => JsonObject): Partial<ComposeModel> {
  return model[key] === undefined ? {} : { [key]: mapEach(model[key], change) };
}

/** The service alone, under a name of its own and with a command of its own. What only a lasting service has is left out. */
export function oneOffModel({ model, service, name, command }: OneOff): ComposeModel {
  const { ports, expose, healthcheck, restart, depends_on, deploy, scale, build, ...kept } = asObject(asObject(model.services)[service]);
  const one: JsonObject = {
    ...kept,
    entrypoint: [...command],
    command: [],
    restart: "no",
    labels: { ...labelMap(kept.labels), [labels.service]: name, [labels.role]: "one-off" },
  };
  return { ...model, services: { [name]: one } };
}

/** Labels in either of Compose's forms. */
function labelMap(value: JsonValue | undefined): JsonObject {
  if (!Array.isArray(value)) return asObject(value);
  return Object.fromEntries(
    value.map((entry) => {
      const text = String(entry);
      const at = text.indexOf("=");
      return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

function mapEach(value: JsonValue | undefined, change: (entry: JsonObject) => JsonObject): { [name: string]: JsonObject } {
  return Object.fromEntries(Object.entries(asObject(value)).map(([name, entry]) => [name, change(asObject(entry))]));
}

export function asObject(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}
