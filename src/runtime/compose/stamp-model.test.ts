import { expect, test } from "bun:test";
import { labels } from "./labels.ts";
import { shellOf, stampModel } from "./stamp-model.ts";

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

test("a volume of the compose file whose name looks made up is told from one that Docker made up", () => {
  const [made, plain] = ["0123456789abcdef".repeat(4), "data"];
  const volumes = { old: { external: true, name: made }, data: { name: plain } };
  const web = { volumes: ["old", "data"].map((source) => ({ type: "volume", source, target: `/${source}` })) };
  const { services } = stampModel({ name: "p", services: { web, db: {} }, volumes }, "/state");
  expect(services.web?.labels).toEqual({ [labels.namedVolumes]: made, [labels.state]: "/state" });
  expect(services.db?.labels).toEqual({ [labels.state]: "/state" });
});

test("of the shell's variables only those reach Compose that secrets and configs are made of", () => {
  const made = { ...model, secrets: { token: { environment: "TOKEN" }, file: { file: "/x" } }, configs: { site: { environment: "SITE" } } };
  expect(shellOf(made, { TOKEN: "t", SITE: "s", OTHER: "o" })).toEqual({ TOKEN: "t", SITE: "s" });
  expect(shellOf(model, { TOKEN: "t" })).toEqual({});
});
