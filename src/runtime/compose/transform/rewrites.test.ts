// What each rule changes, one line a case: `<rule> <service>.<key>: <from> → <to>`.
import { describe, expect, test } from "bun:test";
import { type ComposeModel, type ComposeObject, objectOf } from "./compose-model.ts";
import { type RewriteRule, rewriteRules } from "./rules.ts";
import { transformModel } from "./transform-model.ts";
import type { TransformRequest } from "./transform-request.ts";

/** Happen to every stack; tested in `transform-model.test.ts` and left out below. */
const routine: readonly RewriteRule[] = ["project-name", "labels", "network-name"];
const quiet = { driver: "local" };

interface Case {
  what: string;
  services: { [name: string]: ComposeObject };
  rest?: Partial<ComposeModel>;
  request?: Partial<TransformRequest>;
  rewrites: string[];
}

const cases: Case[] = [
  {
    what: "a shared service and one of an inactive profile are left out, with what only they use",
    services: {
      web: { depends_on: { db: { required: true } } },
      db: { image: "postgres", volumes: [{ type: "volume", source: "data" }] },
      tool: { build: {} },
    },
    rest: { volumes: { data: { name: "shop_data" } }, secrets: { key: { name: "shop_key", file: "/trees/shop/key" } } },
    request: { shared: ["db"] },
    rewrites: [
      "left-out db: postgres → null",
      "left-out tool: built here → null",
      "left-out web.depends_on.db: required: true → null",
      "left-out volumes.data: shop_data → null",
      "left-out secrets.key: shop_key → null",
    ],
  },
  {
    what: "a profile that was chosen",
    services: { web: { profiles: ["dev", "debug"] } },
    rewrites: ["profiles web.profiles: dev, debug → null"],
  },
  {
    what: "a fixed container name becomes an alias in every network of the service, once",
    services: { web: { container_name: "shop", networks: { front: { aliases: ["shop"] }, back: null } }, api: { container_name: "api" } },
    rest: { networks: { front: {}, back: {} } },
    request: { services: ["web", "api"] },
    rewrites: [
      "container-name web.container_name: shop → null",
      "container-name web.networks.back.aliases: null → shop",
      "container-name api.container_name: api → null",
    ],
  },
  {
    what: "who joins a container by its fixed name joins the service, and starts after it",
    services: { web: { container_name: "shop" }, side: { network_mode: "container:shop", volumes_from: ["container:shop:ro"] } },
    request: { services: ["web", "side"] },
    rewrites: [
      "container-name side.network_mode: container:shop → service:web",
      "container-name side.depends_on.web: null → condition: service_started, required: true",
      "container-name side.volumes_from: container:shop:ro → web:ro",
      "container-name web.container_name: shop → null",
      "container-name web.networks.default.aliases: null → shop",
    ],
  },
  {
    what: "the fixed name of a service that lives in another one's network is that one's alias",
    services: { web: {}, side: { container_name: "side-car", network_mode: "service:web" } },
    request: { services: ["web", "side"] },
    rewrites: ["container-name side.container_name: side-car → null", "container-name web.networks.default.aliases: null → side-car"],
  },
  {
    what: "links to a shared service, and outside links to services that are here",
    services: {
      web: { links: ["db:database", "api"], external_links: ["shop_api:old", "shop_db"] },
      api: { container_name: "shop_api" },
      db: { container_name: "shop_db" },
    },
    request: { services: ["web", "api"], shared: ["db"] },
    rewrites: [
      "left-out db: built here → null",
      "link web.links: db:database, api → api",
      "link api.networks.default.aliases: null → old",
      "link web.external_links: shop_api:old, shop_db → null",
      "container-name api.container_name: shop_api → null",
      "container-name api.networks.default.aliases: old → old, shop_api",
    ],
  },
  {
    what: "Docker's default bridge",
    services: { web: { network_mode: "bridge" } },
    rewrites: ["own-network web.network_mode: bridge → null", "own-network web.networks: null → default: null"],
  },
  {
    what: "fixed ranges and what hangs on them",
    services: {
      web: {
        mac_address: "02:42:ac:11:00:02",
        networks: { back: { ipv4_address: "10.5.0.2", priority: 5 } },
        extra_hosts: ["db.local=10.5.0.3", "other=203.0.113.1"],
      },
      db: { networks: { back: { ipv4_address: "10.5.0.3", ipv6_address: "fd00::3" } } },
    },
    rest: {
      networks: {
        back: {
          ipam: { config: [{ subnet: "10.5.0.0/24" }] },
          enable_ipv4: false,
          enable_ipv6: true,
          driver_opts: { "com.docker.network.bridge.name": "br0", "com.docker.network.bridge.gateway_mode_ipv4": "routed", mtu: "1400" },
        },
      },
    },
    request: { services: ["web", "db"], subnets: { back: "10.210.0.64/26" } },
    rewrites: [
      "subnet networks.back.ipam: config: subnet: 10.5.0.0/24 → config: subnet: 10.210.0.64/26",
      "subnet networks.back.enable_ipv4: false → null",
      "subnet networks.back.enable_ipv6: true → null",
      "network-option networks.back.driver_opts.com.docker.network.bridge.gateway_mode_ipv4: routed → null",
      "network-option networks.back.driver_opts.com.docker.network.bridge.name: br0 → null",
      "fixed-address web.mac_address: 02:42:ac:11:00:02 → null",
      "fixed-address web.networks.back.ipv4_address: 10.5.0.2 → null",
      "fixed-address db.networks.back.ipv4_address: 10.5.0.3 → null",
      "fixed-address db.networks.back.ipv6_address: fd00::3 → null",
      "fixed-address db.networks.back.aliases: null → db.local",
      "fixed-address web.extra_hosts: db.local=10.5.0.3, other=203.0.113.1 → other=203.0.113.1",
    ],
  },
  {
    what: "a fixed range goes also where no other is leased",
    services: { web: {} },
    rest: { networks: { default: { ipam: { driver: "default", config: [{ subnet: "10.5.0.0/24" }] } } } },
    rewrites: ["subnet networks.default.ipam: driver: default, config: subnet: 10.5.0.0/24 → {}"],
  },
  {
    what: "ports: those of the request instead of the file's",
    services: {
      web: {
        ports: [
          { target: 80, published: "80" },
          { target: 53, host_ip: "0.0.0.0", protocol: "udp" },
        ],
      },
      api: { ports: [{ target: 1 }] },
    },
    request: {
      services: ["web", "api"],
      ports: [
        { service: "web", target: 80, hostPort: 20_001 },
        { service: "web", target: 53, hostPort: 20_002, protocol: "udp" },
      ],
    },
    rewrites: ["ports web.ports: 80:80, 0.0.0.0::53/udp → 127.0.0.1:20001:80, 127.0.0.1:20002:53/udp", "ports api.ports: 1 → null"],
  },
  {
    what: "a port of a service in another one's network is published there",
    services: { web: {}, side: { network_mode: "service:web" } },
    request: { services: ["web", "side"], ports: [{ service: "side", target: 9000, hostPort: 20_003 }] },
    rewrites: ["ports web.ports: null → 127.0.0.1:20003:9000"],
  },
  {
    what: "a port of a service that only internal networks have",
    services: { web: { networks: { back: null } } },
    rest: { networks: { back: { internal: true } } },
    request: { ports: [{ service: "web", target: 80, hostPort: 20_004 }] },
    rewrites: [
      "ports web.ports: null → 127.0.0.1:20004:80",
      "internal-port web.networks.wt-ports: null → null",
      "internal-port networks.wt-ports: null → {}",
    ],
  },
  {
    what: "volumes: one's own and one that all use",
    services: {
      web: {
        volumes: [
          { type: "volume", source: "media" },
          { type: "volume", source: "pip" },
          { type: "volume", target: "/anonymous" },
        ],
      },
    },
    rest: { volumes: { media: { name: "fixed" }, pip: { name: "shop_pip", driver_opts: { o: "password=x" } } } },
    request: { sharedVolumes: ["pip"] },
    rewrites: ["volume-name volumes.media.name: fixed → shop-spike_media", "shared-volume volumes.pip: shop_pip → shop-shared_pip"],
  },
  {
    what: "the machine's clock",
    services: { web: { volumes: ["/trees/shop:/app", { type: "bind", source: "/etc/localtime", target: "/etc/localtime" }] } },
    rewrites: ["host-clock web.volumes: /etc/localtime:/etc/localtime → /etc/localtime:/etc/localtime:ro"],
  },
  {
    what: "images: the build's own name, also for who runs it under another spelling",
    services: {
      web: {
        image: "acme/shop",
        pull_policy: "always",
        build: {
          tags: ["acme/shop:1", "acme/shop:2"],
          cache_to: ["type=registry,ref=x"],
          cache_from: ["x"],
          platforms: ["linux/amd64", "linux/arm64"],
        },
      },
      worker: { image: "docker.io/acme/shop:latest" },
      other: { image: "acme/shop:2" },
    },
    request: { services: ["web", "worker", "other"] },
    rewrites: [
      "image web.image: acme/shop → shop-spike-web",
      "pull-policy web.pull_policy: always → never",
      "build-output web.build.tags: acme/shop:1, acme/shop:2 → null",
      "build-output web.build.cache_to: 1 of them → null",
      "platforms web.build.platforms: linux/amd64, linux/arm64 → null",
      "image worker.image: docker.io/acme/shop:latest → shop-spike-web",
      "pull-policy worker.pull_policy: null → never",
    ],
  },
  {
    what: "what the shared stack builds",
    services: {
      web: { image: "acme/base", pull_policy: "missing" },
      base: { image: "acme/base", build: {} },
      api: { build: { additional_contexts: { base: "service:base" } } },
    },
    request: { services: ["web", "api"], shared: ["base"] },
    rewrites: [
      "left-out base: acme/base → null",
      "image web.image: acme/base → shop-shared-base",
      "pull-policy web.pull_policy: missing → never",
      "image api.image: null → shop-spike-api",
      "pull-policy api.pull_policy: null → never",
      "image api.build.additional_contexts.base: service:base → docker-image://shop-shared-base",
    ],
  },
  {
    what: "restart in an environment",
    services: {
      web: { restart: "always" },
      api: { restart: "on-failure:3", deploy: { restart_policy: { condition: "any" } } },
      job: { restart: "no" },
    },
    request: { services: ["web", "api", "job"] },
    rewrites: [
      "restart web.restart: always → no",
      "restart api.deploy.restart_policy: condition: any → null",
      "restart api.restart: on-failure:3 → no",
    ],
  },
  {
    what: "restart in the shared stack, which wt restarts as well",
    services: {
      db: { restart: "unless-stopped" },
      mq: { restart: "on-failure:3" },
      fs: { deploy: { restart_policy: { condition: "any" } } },
      job: {},
    },
    request: { role: "shared", services: ["db", "mq", "fs", "job"], shared: ["db", "mq", "fs", "job"] },
    rewrites: [
      "restart db.restart: unless-stopped → no",
      "restart mq.restart: on-failure:3 → no",
      "restart fs.deploy.restart_policy: condition: any → null",
      "restart fs.restart: null → no",
    ],
  },
  {
    what: "replicas",
    services: { web: { scale: 2 }, api: { deploy: { replicas: 3 } }, off: { deploy: { replicas: 0 } } },
    request: { services: ["web", "api", "off"] },
    rewrites: ["one-replica web.scale: 2 → 1", "one-replica api.deploy.replicas: 3 → 1"],
  },
  {
    what: "logs that cannot be read, or grow without end",
    services: {
      web: { logging: { driver: "splunk", options: { "splunk-token": "secret" } } },
      api: { logging: { driver: "json-file", options: { labels: "a" } } },
      big: { logging: { driver: "json-file", options: { "max-size": "1g" } } },
      own: { logging: { driver: "journald" } },
      none: { logging: null },
    },
    request: { services: ["web", "api", "big", "own", "none"] },
    rewrites: [
      "logging web.logging: splunk → json-file, 10m a file",
      "logging api.logging: json-file → json-file, 10m a file",
      "logging none.logging: null → json-file, 10m a file",
    ],
  },
  {
    what: "watch",
    services: { web: { develop: { watch: [{ path: "/trees/shop", action: "rebuild" }] } } },
    rewrites: ["develop web.develop: watch: path: /trees/shop, action: rebuild → null"],
  },
  {
    what: "labels that imitate ours or Compose's, in each way to write them",
    services: {
      web: {
        labels: { "dev.wt.environment": "another", "com.docker.compose.project": "other", "traefik.enable": "true" },
        build: { labels: ["com.docker.compose.oneoff=False", "mine=x"] },
        networks: { front: null },
        volumes: [{ type: "volume", source: "data", target: "/d" }],
      },
    },
    rest: {
      networks: { front: { labels: { "dev.wt.state": "/x" } } },
      volumes: { data: { labels: { "com.docker.compose.volume": "theirs" } } },
    },
    rewrites: [
      "foreign-label web.labels: dev.wt.environment, com.docker.compose.project → null",
      "foreign-label web.build.labels: com.docker.compose.oneoff → null",
      "foreign-label networks.front.labels: dev.wt.state → null",
      "foreign-label volumes.data.labels: com.docker.compose.volume → null",
      "image web.image: null → shop-spike-web",
      "pull-policy web.pull_policy: null → never",
      "volume-name volumes.data.name: null → shop-spike_data",
    ],
  },
  {
    what: "variables: forced ones win, others fill in what is open",
    services: { web: { environment: { DATABASE_URL: "postgres://db", PORT: "80", TOKEN: null } } },
    request: {
      variables: {
        web: [
          { key: "DATABASE_URL", value: "postgres://own", origin: "resource db", force: true },
          { key: "PORT", value: "8000", origin: "worldtree", force: false },
          { key: "TOKEN", value: "t", origin: "worldtree", force: false },
          { key: "NEW", value: "old", origin: "worldtree", force: false },
          { key: "NEW", value: "n", origin: "wt.yaml: env.NEW", force: false },
          { key: "DATABASE_URL", value: "postgres://weak", origin: "worldtree", force: false },
        ],
      },
    },
    rewrites: [
      "variable web.environment.DATABASE_URL: as the compose file says → from resource db",
      "variable web.environment.TOKEN: from the shell, which does not have it → from worldtree",
      "variable web.environment.NEW: null → from wt.yaml: env.NEW",
    ],
  },
];

function rewritesOf({ services, rest, request }: Case) {
  const model: ComposeModel = {
    name: "shop",
    networks: { default: {} },
    ...rest,
    services: Object.fromEntries(
      Object.entries(services).map(([name, { build, ...definition }]) => [
        name,
        {
          logging: quiet,
          ...(definition.network_mode || definition.networks ? {} : { networks: { default: null } }),
          ...definition,
          ...(build ? { build } : {}),
        },
      ]),
    ),
  };
  return transformModel(model, {
    role: "environment",
    project: "shop-spike",
    wtProject: "shop",
    environmentId: "e1",
    nonce: "n1",
    slug: "spike",
    worktree: "/trees/shop",
    repositoryRoot: "/home/ann/shop",
    services: ["web"],
    shared: [],
    sharedVolumes: [],
    allow: [],
    dockerfiles: ["Dockerfile"],
    ports: [],
    variables: {},
    subnets: {},
    sharedProject: "shop-shared",
    ...request,
  });
}

describe("rewrites", () => {
  for (const one of cases) {
    test(one.what, () => {
      const { rewrites, refusals } = rewritesOf(one);
      const lines = rewrites
        .filter(({ rule }) => !routine.includes(rule))
        .map(({ rule, service, key, from, to }) => `${rule} ${[service, key].filter(Boolean).join(".")}: ${from} → ${to}`);
      expect(lines.sort()).toEqual(one.rewrites.toSorted());
      expect(refusals).toEqual([]);
    });
  }

  test("every rule has a case", () => {
    const seen = cases.flatMap(({ rewrites }) => rewrites.map((line) => line.split(" ")[0]));
    expect(new Set([...seen, ...routine])).toEqual(new Set(Object.keys(rewriteRules)));
  });

  test("the values are what the lines say: variables, volumes that are used together, what stays of a build", () => {
    const find = (what: string) => rewritesOf(cases.find((one) => one.what.startsWith(what))!).model;
    expect(find("variables").services.web?.environment).toEqual({ DATABASE_URL: "postgres://own", PORT: "80", TOKEN: "t", NEW: "n" });
    expect(find("volumes").volumes?.pip).toEqual({ name: "shop-shared_pip", external: true });
    const { build, image, pull_policy } = objectOf(find("images").services.web);
    expect([image, pull_policy]).toEqual(["shop-spike-web", "never"]);
    expect(Object.keys(objectOf(build)).sort()).toEqual(["cache_from", "labels"]);
    const labelled = find("labels that imitate");
    const ours = { "dev.wt.environment": "e1", "dev.wt.nonce": "n1", "dev.wt.project": "shop", "dev.wt.role": "environment" };
    const slug = { "dev.wt.slug": "spike" };
    expect(labelled.services.web?.labels).toEqual({ ...ours, ...slug, "dev.wt.service": "web", "traefik.enable": "true" });
    expect(objectOf(labelled.services.web?.build).labels).toEqual({ ...ours, ...slug, "dev.wt.service": "web", mine: "x" });
    expect(labelled.networks?.front?.labels).toEqual({ ...ours, ...slug });
    expect(labelled.volumes?.data?.labels).toEqual({ ...ours, ...slug });
  });
});
