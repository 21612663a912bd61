import { describe, expect, test } from "bun:test";
import { type ComposeModel, composeModelText, parseComposeModel } from "./compose-model.ts";
import { transformModel } from "./transform-model.ts";
import type { TransformRequest } from "./transform-request.ts";

const request: TransformRequest = {
  role: "environment",
  project: "shop-spike",
  wtProject: "shop",
  environmentId: "e1",
  nonce: "n1",
  slug: "spike",
  worktree: "/trees/spike",
  repositoryRoot: "/home/ann/shop",
  services: ["web"],
  shared: ["db"],
  sharedVolumes: [],
  allow: [],
  dockerfiles: ["Dockerfile"],
  ports: [{ service: "web", target: 8000, hostPort: 20_011 }],
  variables: {},
  subnets: {},
  sharedProject: "shop-shared",
};

function model(): ComposeModel {
  return {
    name: "shop",
    networks: { default: { name: "shop_default", ipam: {} } },
    services: {
      db: { image: "postgres:16", networks: { default: null }, restart: "always" },
      web: {
        image: "web",
        container_name: "shop_web",
        depends_on: { db: { condition: "service_healthy", required: true } },
        labels: { mine: "stays" },
        networks: { default: null },
        ports: [
          { mode: "ingress", target: 8000, published: "8000", protocol: "tcp" },
          { mode: "ingress", host_ip: "0.0.0.0", target: 53, published: "53", protocol: "udp" },
        ],
        restart: "unless-stopped",
      },
    },
  };
}

describe("transformModel", () => {
  test("names, ports, restart, labels", () => {
    const { model: made, refusals, warnings, names } = transformModel(model(), request);
    expect(refusals).toEqual([]);
    expect(warnings).toEqual([]);
    const labels = {
      "dev.wt.environment": "e1",
      "dev.wt.nonce": "n1",
      "dev.wt.project": "shop",
      "dev.wt.role": "environment",
      "dev.wt.slug": "spike",
    };
    expect(made).toEqual({
      name: "shop-spike",
      networks: { default: { name: "shop-spike_default", ipam: {}, labels } },
      services: {
        web: {
          image: "web",
          depends_on: {},
          logging: { driver: "json-file", options: { "max-size": "10m", "max-file": "3" } },
          labels: { mine: "stays", ...labels, "dev.wt.service": "web" },
          networks: { default: { aliases: ["shop_web"] } },
          ports: [{ mode: "ingress", host_ip: "127.0.0.1", target: 8000, published: "20011", protocol: "tcp" }],
          restart: "no",
        },
      },
    });
    expect(names).toEqual({
      containers: [{ service: "web", name: "shop-spike-web-1" }],
      networks: [{ key: "default", name: "shop-spike_default", made: true }],
      volumes: [],
      images: [],
    });
  });

  test("says from what to what", () => {
    const { rewrites } = transformModel(model(), request);
    expect(rewrites.map(({ rule, service, key, from, to }) => [rule, service, key, from, to])).toContainEqual([
      "ports",
      "web",
      "ports",
      "8000:8000, 0.0.0.0:53:53/udp",
      "127.0.0.1:20011:8000",
    ]);
  });
});

describe("parseComposeModel and composeModelText", () => {
  test("dollar signs are single in the model and doubled on the way back", () => {
    const printed = '{"name":"a","services":{"w":{"environment":{"P$$Q":"p$$w $${X} $$$$ end"}}}}';
    const parsed = parseComposeModel(printed);
    expect(parsed.services.w).toEqual({ environment: { P$Q: "p$w ${X} $$ end" } });
    expect(composeModelText(parsed)).toBe('{"name":"a","services":{"w":{"environment":{"P$Q":"p$$w $${X} $$$$ end"}}}}');
  });

  test("what is no model is refused", () => {
    for (const text of ['{"services":{}}', '{"name":"a"}', "[]", '{"name":"a","services":{"w":null}}']) {
      expect(() => parseComposeModel(text)).toThrow();
    }
  });
});

test("volumes that all use together are made as the file says; what lies in the worktree lies in the main one", () => {
  const volumes = {
    cache: { driver_opts: { type: "none", o: "bind", device: "/trees/spike/cache" } },
    disk: { driver: "rexray", driver_opts: { size: 5 } },
    plain: null,
    outer: { external: true, name: "outer" },
    unused: {},
    own: {},
  };
  const mounted = ["cache", "disk", "plain", "outer", "own"].map((source) => ({ type: "volume", source, target: `/${source}` }));
  const written = { name: "shop", services: { web: { volumes: mounted } }, volumes };
  const asked = { ...request, services: ["web"], sharedVolumes: ["cache", "disk", "plain", "outer", "unused"] };
  expect(transformModel(written, asked).sharedVolumes).toEqual([
    { key: "cache", name: "shop-shared_cache", driver: "local", options: { type: "none", o: "bind", device: "/home/ann/shop/cache" } },
    { key: "disk", name: "shop-shared_disk", driver: "rexray", options: { size: "5" } },
    { key: "plain", name: "shop-shared_plain", driver: "local", options: {} },
  ]);
  expect(transformModel(written, { ...asked, role: "shared" }).sharedVolumes).toEqual([]);
});
