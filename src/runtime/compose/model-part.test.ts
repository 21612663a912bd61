import { expect, test } from "bun:test";
import { modelPart } from "./model-part.ts";

const model = {
  name: "p",
  services: {
    web: { depends_on: { db: { condition: "service_started" }, side: { condition: "service_started" } } },
    side: { network_mode: "service:proxy" },
    proxy: { volumes_from: ["files:ro", "container:other"], pid: "host" },
    files: { depends_on: { db: { condition: "service_started" } } },
    db: {},
  },
  networks: { default: {} },
};

test("a part of a model has what its services live in, and waits for nothing", () => {
  expect(modelPart(model, ["side"])).toEqual({
    name: "p",
    services: { side: model.services.side, proxy: model.services.proxy, files: {} },
    networks: { default: {} },
  });
  expect(modelPart(model, ["web", "db"]).services).toEqual({ web: {}, db: {} });
});
