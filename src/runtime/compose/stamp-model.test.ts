import { expect, test } from "bun:test";
import { labels } from "./labels.ts";
import { oneOffModel, stampModel } from "./stamp-model.ts";

const model = {
  name: "p",
  services: {
    web: {
      image: "web",
      build: { context: "/x", labels: ["a=b=c"] },
      command: ["serve"],
      labels: { own: "1" },
      ports: [{ target: 8000, published: "8000" }],
      healthcheck: { test: ["CMD", "true"] },
      depends_on: { db: { condition: "service_healthy" } },
      environment: { A: "1" },
      networks: { default: null },
    },
  },
  networks: { default: {}, outside: { external: true, name: "outside" } },
  volumes: { data: { labels: { kept: "yes" } } },
};

test("everything that is made gets the label, and keeps its own; what is not ours gets none", () => {
  const state = { [labels.state]: "/state" };
  const { services, networks, volumes } = stampModel(model, "/state");
  expect(services.web).toMatchObject({ labels: { own: "1", ...state }, build: { context: "/x", labels: { a: "b=c", ...state } } });
  expect(networks).toEqual({ default: { labels: state }, outside: { external: true, name: "outside" } });
  expect(volumes).toEqual({ data: { labels: { kept: "yes", ...state } } });
});

test("a one-off container has the service's image, variables and networks, its own command, and nothing that only a lasting service has", () => {
  const request = {
    project: "p",
    directory: "/x",
    mark: { environmentId: "e", nonce: "n" },
    model,
    service: "web",
    name: "setup-1",
    command: ["sh", "-c", "go"],
  };
  expect(oneOffModel(request).services).toEqual({
    "setup-1": {
      image: "web",
      environment: { A: "1" },
      networks: { default: null },
      entrypoint: ["sh", "-c", "go"],
      command: [],
      restart: "no",
      labels: { own: "1", [labels.service]: "setup-1", [labels.role]: "one-off" },
    },
  });
});
