// A service's container for one command, made beside those that run. Pure.
import type { JsonValue } from "../../errors/wt-error.ts";
import type { OneOff } from "./compose-stack.ts";
import { labels } from "./labels.ts";
import { asObject, labelMap } from "./stamp-model.ts";
import type { ComposeModel } from "./transform/compose-model.ts";

type JsonObject = { [key: string]: JsonValue };

/** Of a lasting service only, or what names containers that need not be there yet. */
const left = [
  "build",
  "depends_on",
  "deploy",
  "expose",
  "external_links",
  "links",
  "network_mode",
  "networks",
  "ports",
  "scale",
  "volumes_from",
];
/** Namespaces that may be another container's. */
const joined = ["pid", "ipc", "uts"];

/** The service alone, under a name of its own and with a command of its own. Nothing that reaches the service by a name or a label reaches it. */
export function oneOffModel({ model, service, name, command }: OneOff): ComposeModel {
  const described = asObject(asObject(model.services)[service]);
  const kept = Object.entries(described).filter(
    ([key, value]) => !left.includes(key) && !(joined.includes(key) && /^(service|container):/.test(String(value))),
  );
  const volumes = volumesOf(model, service, []);
  const one: JsonObject = {
    ...Object.fromEntries(kept),
    ...networksOf(model, service),
    ...(volumes.length > 0 ? { volumes } : {}),
    entrypoint: [...command],
    command: [],
    // Of the image, too.
    healthcheck: { disable: true },
    restart: "no",
    labels: { ...ownLabels(described.labels), [labels.service]: name, [labels.role]: "one-off" },
  };
  return { ...model, services: { [name]: one } };
}

/** By the others a proxy would find it, and send it requests. */
function ownLabels(written: JsonValue | undefined): JsonObject {
  const known: ReadonlySet<string> = new Set(Object.values(labels));
  return Object.fromEntries(Object.entries(labelMap(written)).filter(([key]) => known.has(key)));
}

/** Those of the service, or of the one whose network it is in; without the names that it has there. */
function networksOf({ services }: ComposeModel, service: string): JsonObject {
  let described = asObject(asObject(services)[service]);
  for (const seen = new Set([service]); ; ) {
    const mode = described.network_mode;
    if (mode === undefined || mode === null) break;
    const other = /^service:(.+)$/.exec(String(mode))?.[1];
    if (other === undefined) return { network_mode: mode };
    if (seen.has(other)) return {};
    seen.add(other);
    described = asObject(asObject(services)[other]);
  }
  const { networks } = described;
  if (Array.isArray(networks)) return { networks };
  if (networks === undefined || networks === null) return {};
  return { networks: Object.fromEntries(Object.entries(asObject(networks)).map(([key, value]) => [key, unnamed(value)])) };
}

function unnamed(attachment: JsonValue): JsonValue {
  const { aliases: _, ...kept } = asObject(attachment);
  return Object.keys(kept).length === 0 ? null : kept;
}

/** The service's own mounts, then those it takes from others. The first at a place counts, as in Docker. */
function volumesOf({ services }: ComposeModel, service: string, seen: readonly string[]): JsonValue[] {
  const { volumes, volumes_from } = asObject(asObject(services)[service]);
  const found: JsonValue[] = Array.isArray(volumes) ? [...volumes] : [];
  for (const entry of Array.isArray(volumes_from) ? volumes_from.map(String) : []) {
    const [other = "", mode] = entry.split(":");
    if (seen.includes(other) || other === service) continue;
    for (const mount of volumesOf({ services } as ComposeModel, other, [...seen, service])) {
      const taken = mode === "ro" ? { ...asObject(mount), read_only: true } : mount;
      if (!found.some((each) => asObject(each).target === asObject(mount).target)) found.push(taken);
    }
  }
  return found;
}
