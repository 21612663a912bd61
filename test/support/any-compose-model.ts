// Compose projects of any shape, for properties that must hold whatever a compose file says.
import fc from "fast-check";
import type { JsonValue } from "../../src/errors/wt-error.ts";
import { type ComposeModel, type ComposeObject, parseComposeModel } from "../../src/runtime/compose/transform/compose-model.ts";
import type { TransformRequest } from "../../src/runtime/compose/transform/transform-request.ts";

export const serviceNames = ["web", "api", "worker", "db", "redis"];
const networkNames = ["default", "front", "back"];
const volumeNames = ["data", "media", "cache"];
const containerNames = ["shop_web", "shop_db", "stranger"];

/** In every variable's value; it must never be seen in what is shown to people. */
export const secretMark = "s3cr3t";

const service = fc.constantFrom(...serviceNames);
const secret = fc.string({ maxLength: 6 }).map((text) => `${secretMark}$${text}`);
const address = fc.constantFrom("172.28.0.10", "172.28.0.11", "172.28.0.20");

const paths = [
  "/trees/shop",
  "/trees/shop/media",
  "/trees/other",
  "/home/ann/shop",
  "/home/ann/.aws",
  "/",
  "/var/run/docker.sock",
  "/etc/localtime",
];
const mount = fc.oneof(
  fc.record({ type: fc.constant("volume"), source: fc.constantFrom(...volumeNames), target: fc.constantFrom("/a", "/b") }),
  fc.record({ type: fc.constant("bind"), source: fc.constantFrom(...paths), target: fc.constant("/c"), read_only: fc.boolean() }),
  fc.constant({ type: "tmpfs", target: "/d" }),
);
const port = fc.record(
  {
    mode: fc.constant("ingress"),
    target: fc.constantFrom(80, 8000),
    published: fc.constantFrom("80", "8000-8010"),
    host_ip: fc.constantFrom("0.0.0.0", "::"),
    protocol: fc.constantFrom("tcp", "udp"),
  },
  { requiredKeys: ["target"] },
);
const attachment = fc.option(
  fc.record(
    {
      aliases: fc.array(fc.constantFrom("cache", "shop.local"), { maxLength: 2 }),
      ipv4_address: address,
      mac_address: fc.constant("02:42:ac:1c:00:10"),
    },
    { requiredKeys: [] },
  ),
);
const build = fc.record(
  {
    context: fc.constantFrom("/trees/shop", "/trees/lib"),
    tags: fc.constant(["acme/shop:latest"]),
    cache_to: fc.constant(["type=local,dest=/x"]),
    platforms: fc.constantFrom(["linux/amd64"], ["linux/amd64", "linux/arm64"]),
    labels: fc.constant({ mine: "x" }),
    additional_contexts: fc.record({ base: service.map((name) => `service:${name}`) }),
  },
  { requiredKeys: ["context"] },
);
const joined = fc.oneof(
  fc.constantFrom("none", "host", "bridge"),
  service.map((name) => `service:${name}`),
  fc.constantFrom(...containerNames).map((name) => `container:${name}`),
);
const environment = fc.dictionary(
  fc.constantFrom("A", "DATABASE_URL", "TOKEN"),
  fc.option(
    fc.oneof(
      secret,
      address.map((text) => `http://${text}:1`),
    ),
  ),
);
const dependencies = fc.dictionary(service, fc.record({ condition: fc.constant("service_started"), required: fc.boolean() }));

const serviceDefinition = fc
  .record(
    {
      image: fc.constantFrom("acme/shop", "acme/shop:latest", "postgres:16"),
      build,
      container_name: fc.constantFrom(...containerNames),
      command: fc.constant(null),
      depends_on: dependencies,
      deploy: fc.record({ replicas: fc.constantFrom(0, 1, 3), restart_policy: fc.constant({ condition: "any" }) }, { requiredKeys: [] }),
      environment,
      external_links: fc.array(fc.constantFrom("shop_db:old", "stranger"), { maxLength: 2 }),
      extra_hosts: fc.array(
        address.map((text) => `search=${text}`),
        { maxLength: 2 },
      ),
      labels: fc.constant({ mine: "x", "dev.wt.environment": "another" }),
      links: fc.array(
        service.map((name) => `${name}:linked`),
        { maxLength: 2 },
      ),
      logging: fc.record({ driver: fc.constantFrom("syslog", "none", "json-file", "local"), options: fc.constant({ token: secretMark }) }),
      mac_address: fc.constant("02:42:ac:1c:00:10"),
      network_mode: joined,
      networks: fc.dictionary(fc.constantFrom(...networkNames), attachment, { minKeys: 1 }),
      pid: joined,
      ports: fc.array(port, { maxLength: 3 }),
      privileged: fc.boolean(),
      profiles: fc.constant(["tools"]),
      pull_policy: fc.constantFrom("always", "build"),
      restart: fc.constantFrom("always", "unless-stopped", "on-failure:3", "no"),
      scale: fc.constantFrom(0, 1, 2),
      volumes: fc.array(mount, { maxLength: 3 }),
      volumes_from: fc.array(
        fc.oneof(
          service,
          fc.constantFrom(...containerNames).map((name) => `container:${name}:ro`),
        ),
        { maxLength: 2 },
      ),
    },
    { requiredKeys: [] },
  )
  .map(({ networks, ...definition }) => ({
    // Compose takes one or the other.
    ...definition,
    ...(definition.network_mode === undefined && networks ? { networks } : {}),
  }));
const network = fc.record(
  {
    name: fc.constantFrom("shop_net", "fixed"),
    driver: fc.constantFrom("bridge", "macvlan", "overlay"),
    driver_opts: fc.constant({ "com.docker.network.bridge.name": "br-shop", parent: "eth0" }),
    external: fc.constant(true),
    internal: fc.boolean(),
    enable_ipv6: fc.boolean(),
    ipam: fc.constantFrom<JsonValue>({}, { config: [{ subnet: "172.28.0.0/16" }] }),
  },
  { requiredKeys: [] },
);
const volume = fc.record(
  {
    name: fc.constantFrom("shop_data", "fixed"),
    external: fc.constant(true),
    driver: fc.constantFrom("local", "rexray"),
    driver_opts: fc.constantFrom<JsonValue>(
      { type: "nfs", device: ":/export", o: `password=${secretMark}` },
      { type: "none", o: "bind", device: "/srv/data" },
      { type: "none", o: "bind", device: "/trees/shop/data" },
      { type: "tmpfs", device: "tmpfs" },
    ),
  },
  { requiredKeys: [] },
);

/** A project in which everything that is referred to by key exists, as Compose makes sure of. */
export const anyComposeModel: fc.Arbitrary<ComposeModel> = fc
  .record({
    services: fc.dictionary(service, serviceDefinition, { minKeys: 1, maxKeys: 4 }),
    networks: fc.tuple(...networkNames.map((name) => network.map((value) => [name, value] as const))),
    volumes: fc.tuple(...volumeNames.map((name) => volume.map((value) => [name, value] as const))),
  })
  .map(({ services, networks, volumes }) =>
    parseComposeModel(
      JSON.stringify({ name: "shop", services, networks: Object.fromEntries(networks), volumes: Object.fromEntries(volumes) }),
    ),
  );

export const anyRequest: fc.Arbitrary<TransformRequest> = fc
  .record({
    role: fc.constantFrom("environment" as const, "shared" as const),
    services: fc.subarray(serviceNames),
    shared: fc.subarray(serviceNames),
    sharedVolumes: fc.subarray(volumeNames),
    ports: fc.array(fc.record({ service, target: fc.constantFrom(80, 8000), hostPort: fc.integer({ min: 20_000, max: 29_999 }) }), {
      maxLength: 4,
    }),
    variables: fc.dictionary(
      service,
      fc.array(
        fc.record({
          key: fc.constantFrom("A", "DATABASE_URL", "PORT"),
          value: secret,
          origin: fc.constant("resource db"),
          force: fc.boolean(),
        }),
        {
          maxLength: 3,
        },
      ),
    ),
    subnets: fc.constantFrom<Record<string, string>>({}, { default: "10.200.0.0/26" }),
  })
  .map((parts) => ({
    ...parts,
    shared: parts.shared.filter((name) => parts.role === "shared" || !parts.services.includes(name)),
    project: "shop-spike",
    wtProject: "shop",
    environmentId: "e1",
    nonce: "n1",
    slug: "spike",
    worktree: "/trees/shop",
    repositoryRoot: "/home/ann/shop",
    home: "/home/ann",
    allow: [],
    dockerfiles: ["Dockerfile"],
    sharedProject: "shop-shared",
  }));

export function servicesIn(model: ComposeModel): [string, ComposeObject][] {
  return Object.entries(model.services);
}
