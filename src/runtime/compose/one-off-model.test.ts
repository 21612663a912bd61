import { expect, test } from "bun:test";
import type { JsonValue } from "../../errors/wt-error.ts";
import { labels } from "./labels.ts";
import { oneOffModel } from "./one-off-model.ts";

type JsonObject = { [key: string]: JsonValue };

function oneOff(services: { [name: string]: JsonObject }): JsonObject {
  const model = { name: "p", services, networks: { default: {}, back: {} } };
  const mark = { environmentId: "e", nonce: "n" };
  const made = oneOffModel({ project: "p", directory: "/x", mark, model, service: "web", name: "setup-1", command: ["sh", "-c", "go"] });
  expect(Object.keys(made.services)).toEqual(["setup-1"]);
  expect(made.networks).toEqual(model.networks);
  return made.services["setup-1"] ?? {};
}

test("it has the service's image, variables and networks, its own command, and nothing that only a lasting service has", () => {
  const web = {
    image: "web",
    build: { context: "/x" },
    command: ["serve"],
    labels: { "traefik.enable": "true", [labels.nonce]: "n" },
    ports: [{ target: 8000, published: "8000" }],
    healthcheck: { test: ["CMD", "true"] },
    depends_on: { db: { condition: "service_healthy" } },
    environment: { A: "1" },
    networks: { default: { aliases: ["shop_web"] }, back: { aliases: ["b"], priority: 1 } },
    links: ["db:postgres"],
    external_links: ["other"],
    ipc: "service:db",
    uts: "host",
  };
  expect(oneOff({ web, db: {} })).toEqual({
    image: "web",
    environment: { A: "1" },
    networks: { default: null, back: { priority: 1 } },
    uts: "host",
    entrypoint: ["sh", "-c", "go"],
    command: [],
    healthcheck: { disable: true },
    restart: "no",
    labels: { [labels.nonce]: "n", [labels.service]: "setup-1", [labels.role]: "one-off" },
  });
});

test("a service in another's network: its command stands in the networks of that one", () => {
  const proxy = { network_mode: "service:vpn" };
  expect(oneOff({ web: { network_mode: "service:proxy" }, proxy, vpn: { networks: { back: { aliases: ["vpn"] } } } }).networks).toEqual({
    back: null,
  });
  expect(oneOff({ web: { network_mode: "none" } })).toMatchObject({ network_mode: "none" });
  for (const other of ["service:web", "service:nobody"]) {
    const made = oneOff({ web: { network_mode: other } });
    expect([made.network_mode, made.networks]).toEqual([undefined, undefined]);
  }
});

test("volumes that it has from others are mounted in it, also from theirs; its own come first", () => {
  const volume = (source: string, target: string): JsonObject => ({ type: "volume", source, target });
  const web = { volumes: [volume("own", "/own")], volumes_from: ["app:ro", "tools"] };
  const app = { volumes: [volume("code", "/code"), volume("theirs", "/own")] };
  const tools = { volumes_from: ["deep", "web"] };
  const made = oneOff({ web, app, tools, deep: { volumes: [volume("deep", "/deep")] } });
  expect(made.volumes_from).toBeUndefined();
  expect(made.volumes).toEqual([volume("own", "/own"), { ...volume("code", "/code"), read_only: true }, volume("deep", "/deep")]);
});
