// What a stack adds to a model by itself. Pure.
import type { JsonValue } from "../../errors/wt-error.ts";
import { labels } from "./labels.ts";
import { isMadeUp } from "./observe-stack.ts";
import type { ComposeModel } from "./transform/compose-model.ts";

type JsonObject = { [key: string]: JsonValue };

/** The state directory as a label on everything that is made. */
export function stampModel(model: ComposeModel, state: string): ComposeModel {
  const label = { [labels.state]: state };
  const stamped = (each: JsonObject): JsonObject => (each.external ? each : { ...each, labels: { ...labelMap(each.labels), ...label } });
  const services = mapEach(model.services, (service) => {
    const own = stamped({ ...service, ...namedVolumes(model, service) });
    return typeof own.build === "object" && own.build !== null ? { ...own, build: stamped(asObject(own.build)) } : own;
  });
  return { ...model, ...each(model, "networks", stamped), ...each(model, "volumes", stamped), services };
}

/** Labels that tell volumes of the compose file from those that Docker makes up a name for, where the name does not. */
function namedVolumes(model: ComposeModel, { volumes, labels: written }: JsonObject): JsonObject {
  const sources = (Array.isArray(volumes) ? volumes : []).map(
    (mount) => asObject(asObject(model.volumes)[String(asObject(mount).source)]).name,
  );
  const names = sources.filter((name) => typeof name === "string" && isMadeUp(name));
  return names.length === 0 ? {} : { labels: { ...labelMap(written), [labels.namedVolumes]: names.join(",") } };
}

function each(model: ComposeModel, key: "networks" | "volumes", change: (entry: JsonObject) => JsonObject): Partial<ComposeModel> {
  return model[key] === undefined ? {} : { [key]: mapEach(model[key], change) };
}

/** Of these variables, those that secrets and configs of the model are made of. */
export function shellOf(model: ComposeModel, env: Readonly<Record<string, string>>): Record<string, string> {
  const sources = [...Object.values(asObject(model.secrets)), ...Object.values(asObject(model.configs))];
  const names = sources.map((source) => asObject(source).environment);
  return Object.fromEntries(Object.entries(env).filter(([key]) => names.includes(key)));
}

/** Labels in either of Compose's forms. */
export function labelMap(value: JsonValue | undefined): JsonObject {
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
