// What is refused, with the exact text that accepts it, and what is told.
import { describe, expect, test } from "bun:test";
import type { ComposeModel, ComposeObject } from "./compose-model.ts";
import { refusalRules, warningRules } from "./rules.ts";
import { transformModel } from "./transform-model.ts";
import type { TransformRequest } from "./transform-request.ts";

const request: TransformRequest = {
  role: "environment",
  project: "shop-spike",
  wtProject: "shop",
  environmentId: "e1",
  nonce: "n1",
  slug: "spike",
  worktree: "/trees/shop",
  repositoryRoot: "/home/ann/shop",
  home: "/home/ann",
  services: ["web"],
  shared: ["db"],
  sharedVolumes: [],
  allow: [],
  dockerfiles: ["Dockerfile"],
  ports: [],
  variables: {},
  subnets: {},
  sharedProject: "shop-shared",
};

const bind = (source: string, read_only = false) => ({ type: "bind", source, target: "/x", read_only });
const volume = (source: string) => ({ type: "volume", source, target: "/v" });

function transform(web: ComposeObject, rest: Partial<ComposeModel> = {}, asked: Partial<TransformRequest> = {}) {
  return transformModel(
    { name: "shop", networks: { default: {} }, ...rest, services: { ...rest.services, web } },
    { ...request, ...asked },
  );
}

/** `<rule> <what to allow>`; null where nothing helps. */
const refused: [what: string, web: ComposeObject, expected: string[], rest?: Partial<ComposeModel>, asked?: Partial<TransformRequest>][] = [
  ["the host's network", { network_mode: "host" }, ["host-namespace web.network_mode:host"]],
  [
    "the host's processes, memory and name",
    { pid: "host", ipc: "host", uts: "host" },
    ["pid", "ipc", "uts"].map((key) => `host-namespace web.${key}:host`),
  ],
  ["a stranger's network", { network_mode: "container:vpn" }, ["host-namespace web.network_mode:container:vpn"]],
  ["a network by its name", { network_mode: "corporate" }, ["host-namespace web.network_mode:corporate"]],
  [
    "the host's network by another way",
    { networks: { outer: null } },
    ["host-namespace networks.outer.external:host"],
    { networks: { outer: { external: true, name: "host" } } },
  ],
  ["a shared service's network", { network_mode: "service:db" }, ["missing-part null"], { services: { db: {} } }],
  ["a shared service's volumes", { volumes_from: ["db:ro"] }, ["missing-part null"], { services: { db: {} } }],
  [
    "a build upon a build that is left out",
    { build: { additional_contexts: { base: "service:base" } } },
    ["missing-part null"],
    { services: { base: { build: {} } } },
  ],
  ["a build in a network that is not its own", { build: { network: "host" } }, ["host-namespace web.build.network:host"]],
  ["a build in another container's network", { build: { network: "container:vpn" } }, ["host-namespace web.build.network:container:vpn"]],
  [
    "keys for a build, in each way to write them",
    { build: { ssh: ["default", "key=/home/ann/.ssh/id"] } },
    ["build-ssh web.build.ssh:default", "build-ssh web.build.ssh:key=/home/ann/.ssh/id"],
  ],
  ["keys for a build as a map", { build: { ssh: { default: null } } }, ["build-ssh web.build.ssh:default"]],
  [
    "root by what Compose would run in the container",
    { post_start: [{ command: "x" }, { command: "x", privileged: true }], pre_stop: [{ command: "x" }] },
    ["privileged web.post_start"],
  ],
  [
    "Dockerfiles that nobody was asked about, by whatever way",
    { build: { context: "/trees/shop", dockerfile: "ops/Other" } },
    ["unread-build web.build.dockerfile:ops/Other"],
  ],
  ["one outside", { build: { context: "/trees/shop", dockerfile: "/trees/b/Evil" } }, ["unread-build web.build.dockerfile:../b/Evil"]],
  ["one of a context outside", { build: { context: "/trees/lib" } }, ["unread-build web.build.dockerfile:../lib/Dockerfile"]],
  ["the usual one of another directory", { build: { context: "/trees/shop/api/" } }, ["unread-build web.build.dockerfile:api/Dockerfile"]],
  ["models", { models: { llm: { endpoint_var: "URL" } } }, ["model web.models:llm"], { models: { llm: { model: "ai/x" } } }],
  ["models by their names", { models: ["llm"] }, ["model web.models:llm"]],
  [
    "root",
    { privileged: true, use_api_socket: true, build: { privileged: true, entitlements: ["security.insecure"] } },
    [
      "privileged web.privileged",
      "privileged web.use_api_socket",
      "privileged web.build.privileged",
      "privileged web.build.entitlements:security.insecure",
    ],
  ],
  [
    "capabilities, however they are written",
    { cap_add: ["cap_sys_admin", "ALL", "NET_ADMIN", "SYS_PTRACE", "MAC_ADMIN"] },
    ["capability web.cap_add:SYS_ADMIN", "capability web.cap_add:ALL", "capability web.cap_add:MAC_ADMIN"],
  ],
  [
    "disks",
    { devices: ["/dev/nvme0n1:/dev/nvme0n1", { source: "/dev/mem", target: "/dev/mem" }], device_cgroup_rules: ["b 8:* rwm"] },
    ["device web.devices:/dev/nvme0n1", "device web.devices:/dev/mem", "device web.device_cgroup_rules:b 8:* rwm"],
  ],
  [
    "disks by other names, and what is no device",
    { devices: ["/dev:/dev", "/dev/../dev//sda:/x", "/dev/disk/by-id/x", "/dev/input/event0", "/trees/shop/link:/dev/x", "./link:/dev/x"] },
    ["/dev", "/dev/sda", "/dev/disk/by-id/x", "/dev/input/event0", "/trees/shop/link", "./link"].map(
      (path) => `device web.devices:${path}`,
    ),
  ],
  [
    "the kernel's settings",
    { security_opt: ["systempaths=unconfined", "no-new-privileges:true", "unmask=ALL"] },
    ["unconfined web.security_opt:systempaths:unconfined", "unconfined web.security_opt:unmask:ALL"],
  ],
  [
    "the engine's socket, read-only or by a directory above it",
    { volumes: [bind("/var/run/docker.sock", true), bind("/run/user/1000/podman/podman.sock"), bind("/run", true), bind("/", true)] },
    [
      "engine-socket web.volumes:/var/run/docker.sock",
      "engine-socket web.volumes:/run/user/1000/podman/podman.sock",
      "engine-socket web.volumes:/run",
      "engine-socket web.volumes:/",
    ],
  ],
  [
    "the engine's socket as a secret, a config or a build",
    { secrets: ["sock"], configs: ["all"], build: { context: "/var/run", dockerfile_inline: "FROM x" } },
    [
      "engine-socket web.build.context:/var/run",
      "engine-socket secrets.sock.file:/var/run/docker.sock",
      "engine-socket configs.all.file:/",
    ],
    { secrets: { sock: { file: "/var/run/docker.sock" } }, configs: { all: { file: "/" } } },
  ],
  [
    "keys, passwords and sockets, read-only as well",
    {
      volumes: [
        bind("/home/ann/.aws", true),
        bind("/home/ann/.ssh"),
        bind("/home/ann", true),
        bind("/etc/shadow", true),
        bind("/run/user/1000/bus", true),
        bind("/state/worldtree", true),
      ],
      secrets: ["npm"],
      configs: [{ source: "git" }],
      build: { context: "/home/ann/.config", dockerfile_inline: "FROM x", additional_contexts: { keys: "/home/ann/.gnupg" } },
      credential_spec: { file: "me.json" },
    },
    [
      "web.volumes:~/.aws",
      "web.volumes:~/.ssh",
      "web.volumes:~",
      "web.volumes:/etc/shadow",
      "web.volumes:/run/user/1000/bus",
      "web.volumes:/state/worldtree",
      "web.build.context:~/.config",
      "web.build.additional_contexts.keys:~/.gnupg",
      "web.credential_spec",
      "secrets.npm.file:~/.npmrc",
      "configs.git.file:~/.git-credentials",
    ].map((allow) => `credentials ${allow}`),
    { secrets: { npm: { file: "/home/ann/.npmrc" } }, configs: { git: { file: "/home/ann/.git-credentials" } } },
    { own: ["/state/worldtree"] },
  ],
  [
    "writable mounts outside",
    {
      volumes: [
        bind("/trees/shop"),
        bind("/trees/shop/sub/"),
        bind("/trees/shop2"),
        bind("/trees"),
        bind("/home/ann/.cache"),
        bind("/srv/x"),
      ],
    },
    [
      "outside-mount web.volumes:../shop2",
      "outside-mount web.volumes:..",
      "outside-mount web.volumes:~/.cache",
      "outside-mount web.volumes:/srv/x",
    ],
  ],
  [
    "a mount outside that gives what it shows another SELinux label, although it only reads",
    { volumes: [{ ...bind("/srv/x", true), bind: { selinux: "Z" } }, "/srv/y:/y:ro,z"] },
    ["outside-mount web.volumes:/srv/x", "outside-mount web.volumes:/srv/y"],
  ],
  [
    "a cache of builds that is reached with your keys",
    { build: { cache_from: ["type=s3,bucket=x,endpoint_url=https://x.example", "type=gha", "type=registry,ref=x"] } },
    ["credentials web.build.cache_from:s3", "credentials web.build.cache_from:gha"],
  ],
  ["a stranger's volumes", { volumes_from: ["container:old"] }, ["outside-mount web.volumes_from:old"]],
  [
    "volumes that lie at one place",
    { volumes: ["nfs", "cifs", "srv", "mine", "tmp", "plugin", "plain"].map(volume) },
    [
      "remote-volume volumes.nfs.driver_opts.device::/export",
      "remote-volume volumes.cifs.driver_opts.device://nas/share",
      "outside-mount volumes.srv.driver_opts.device:/srv/data",
      "remote-volume volumes.plugin.driver:rexray",
    ],
    {
      volumes: {
        nfs: { driver_opts: { type: "nfs", device: ":/export" } },
        cifs: { driver_opts: { type: "cifs", device: "//nas/share", o: "password=x" } },
        srv: { driver_opts: { type: "none", o: "bind", device: "/srv/data" } },
        mine: { driver_opts: { type: "none", o: "bind", device: "/trees/shop/data" } },
        tmp: { driver_opts: { type: "tmpfs", device: "tmpfs" } },
        plugin: { driver: "rexray", driver_opts: { bucket: "b" } },
        plain: { driver: "rexray" },
      },
    },
  ],
  [
    "volumes by whose options the engine mounts anything, shared or not",
    { volumes: ["over", "inside", "disk", "here", "empty", "tmp", "bound", "keys", "plugin"].map(volume) },
    [
      "device volumes.over.driver_opts.type:overlay",
      "device volumes.inside.driver_opts.type:overlay",
      "device volumes.disk.driver_opts.type:ext4",
      "outside-mount volumes.here.driver_opts.device:./data",
      "outside-mount volumes.empty.driver_opts.device:",
      "engine-socket volumes.tmp.driver_opts.device:/",
      "engine-socket volumes.bound.driver_opts.device:/var/run",
      "credentials volumes.keys.driver_opts.device:~/.ssh",
      "engine-socket volumes.plugin.driver_opts.mountpoint:/var/run",
    ],
    {
      volumes: {
        over: { driver_opts: { type: "overlay", device: ".", o: "lowerdir=/,upperdir=/x,workdir=/y" } },
        inside: { driver_opts: { type: "overlay", device: "/trees/shop/x", o: "lowerdir=/" } },
        disk: { driver_opts: { type: "ext4", device: "/trees/shop/disk.img", o: "loop" } },
        here: { driver_opts: { type: "none", o: "bind", device: "./data" } },
        empty: { driver_opts: { type: "none", o: "bind", device: "" } },
        tmp: { driver_opts: { type: "tmpfs", o: "rw,rbind", device: "/" } },
        bound: { driver_opts: { type: "nfs", o: "bind", device: "/var/run" } },
        keys: { driver_opts: { o: "bind", device: "/home/ann/.ssh" } },
        plugin: { driver: "local-persist", driver_opts: { mountpoint: "/var/run" } },
      },
    },
    { sharedVolumes: ["over", "inside", "disk", "here", "empty", "tmp", "bound", "keys", "plugin"] },
  ],
  [
    "volumes from outside, but not a shared one, and none that nothing mounts",
    { volumes: [volume("old"), volume("pip")] },
    ["external-volume volumes.old.external:shop_old"],
    {
      volumes: { old: { external: true, name: "shop_old" }, pip: { external: true, name: "pip" }, unused: { external: true } },
    },
    { sharedVolumes: ["pip"] },
  ],
  [
    "a shared volume may lie anywhere, but not where the engine's socket is",
    { volumes: [volume("cache"), volume("run")] },
    ["engine-socket volumes.run.driver_opts.device:/var/run"],
    {
      volumes: {
        cache: { driver_opts: { type: "none", o: "bind", device: "/srv/cache" } },
        run: { driver_opts: { type: "none", o: "bind", device: "/var/run" } },
      },
    },
    { role: "shared", shared: ["web"], sharedVolumes: ["cache", "run"] },
  ],
  [
    "networks from outside, and of other drivers",
    { networks: { proxy: null, lan: null } },
    ["external-network networks.proxy.external:traefik", "network-driver networks.lan.driver:macvlan"],
    {
      networks: { proxy: { external: true, name: "traefik" }, lan: { driver: "macvlan" }, unused: { driver: "overlay" } },
    },
  ],
  ["links to strangers", { external_links: ["old:o"] }, ["external-link web.external_links:old"]],
  ["a service of a plugin", { provider: { type: "model" } }, ["provider null"]],
  [
    "a service that is not there",
    {},
    ["unknown-service null", "unknown-service null"],
    {},
    { services: ["web", "gone"], variables: { also: [] } },
  ],
];

/** `<rule> <place>` */
const told: [what: string, web: ComposeObject, expected: string[], rest?: Partial<ComposeModel>, asked?: Partial<TransformRequest>][] = [
  [
    "waits for what is left out, but not for a shared service or what it can do without",
    { depends_on: { mail: { required: true }, db: {}, extra: { required: false } }, links: ["mail"] },
    ["dependency-left-out web.depends_on.mail", "dependency-left-out web.links"],
    { services: { mail: {}, db: {}, extra: {} } },
  ],
  [
    "a shared service that needs a cloned one",
    { depends_on: { api: {} } },
    ["dependency-left-out web.depends_on.api"],
    { services: { api: {} } },
    { role: "shared", shared: ["web"] },
  ],
  [
    "no network in common",
    { depends_on: { db: {} }, networks: { front: null } },
    ["shared-unreachable db.networks"],
    { services: { db: { networks: { back: null } } }, networks: { front: {}, back: {} } },
  ],
  [
    "a volume on both sides",
    { volumes: [volume("media")] },
    ["volume-split volumes.media"],
    { services: { db: { volumes: [volume("media")] } }, volumes: { media: {} } },
  ],
  [
    "a volume that both sides share",
    { volumes: [volume("media")] },
    [],
    { services: { db: { volumes: [volume("media")] } }, volumes: { media: {} } },
    { sharedVolumes: ["media"] },
  ],
  [
    "read-only mounts outside, but not the clock",
    { volumes: [bind("/srv/data", true), bind("/etc/localtime", true), bind("/trees/shop/a", true), bind("/home/ann/shop/.git", true)] },
    ["outside-mount-read-only web.volumes", "outside-mount-read-only web.volumes"],
  ],
  [
    "files outside",
    {
      secrets: ["key", "own"],
      configs: [{ source: "conf" }],
      build: {
        context: "/trees/lib",
        dockerfile_inline: "FROM x",
        additional_contexts: { a: "/trees/shop/a", b: "/trees/b", c: "https://x.example/y.git" },
        cache_from: ["type=local,src=/srv/cache", "type=registry,ref=x"],
      },
    },
    [
      "outside-file web.build.context",
      "outside-file web.build.additional_contexts.b",
      "outside-file web.build.cache_from",
      "outside-file secrets.key.file",
      "outside-file configs.conf.file",
    ],
    { secrets: { key: { file: "/srv/key" }, own: { file: "/trees/shop/key" } }, configs: { conf: { file: "/etc/x" } } },
  ],
  ["a build from elsewhere", { build: { context: "https://ann:pw@x.example/y.git#main" } }, ["outside-file web.build.context"]],
  ["what was read, in other words", { build: { context: "/trees/shop/api", dockerfile: "../Dockerfile" } }, []],
  [
    "secrets of a build",
    { build: { secrets: ["npm", { source: "pip", target: "pip.conf" }] } },
    ["build-secret web.build.secrets"],
    { secrets: { npm: { environment: "NPM_TOKEN" }, pip: { file: "/trees/shop/pip.conf" } } },
  ],
  ["replicas", { scale: 3 }, ["replicas web.scale"]],
  ["no replica", { deploy: { replicas: 0 } }, ["replicas web.deploy.replicas"]],
  [
    "a port of who has no network",
    { network_mode: "none" },
    ["port-not-published web.network_mode"],
    {},
    { ports: [{ service: "web", target: 80, hostPort: 20_001 }] },
  ],
  [
    "a variable with an address that is gone",
    { environment: { DB: "10.5.0.3:5432", OTHER: "10.5.0.31", NOT: "110.5.0.3" } },
    ["address-in-variable web.environment.DB"],
    { services: { db: { networks: { default: { ipv4_address: "10.5.0.3" } } } } },
  ],
  [
    "a variable with a port of this machine that is another one here",
    {
      ports: [{ target: 8000, published: "8000" }],
      environment: {
        ASSETS: "http://localhost:5173/static",
        SELF: "http://127.0.0.1:8000",
        LONGER: "http://localhost:51730",
        INSIDE: "http://vite:5173",
        BARE: "5173",
        SAID: "http://localhost:5173",
        KEPT: "http://localhost:9000",
      },
    },
    ["address-in-variable web.environment.ASSETS", "address-in-variable web.environment.SELF"],
    {
      services: {
        vite: { ports: [{ target: 5173, published: "5173" }] },
        api: { ports: [{ target: 9000, published: "9000" }] },
      },
    },
    {
      services: ["web", "vite", "api"],
      ports: [{ service: "api", target: 9000, hostPort: 9000 }],
      variables: { web: [{ key: "SAID", value: "", origin: "wt.yaml", force: true }] },
    },
  ],
  [
    "an image that nobody here builds",
    { image: "acme/shop" },
    ["image-not-built web.image"],
    { services: { tool: { image: "acme/shop", build: {} } } },
  ],
  ["slow health checks", { healthcheck: { test: ["CMD", "x"] } }, ["slow-healthcheck web.healthcheck"]],
  ["a slow one in other words", { healthcheck: { test: ["CMD", "x"], interval: "1m0s" } }, ["slow-healthcheck web.healthcheck"]],
  ["quick ones", { healthcheck: { test: ["CMD", "x"], interval: "5s" } }, []],
  ["one that starts quickly", { healthcheck: { test: ["CMD", "x"], start_period: "1m", start_interval: "500ms" } }, []],
  ["none", { healthcheck: { disable: true } }, []],
  [
    "hooks of Compose",
    { post_start: [{ command: "x" }], pre_stop: [{ command: "x" }] },
    ["lifecycle-hook web.post_start", "lifecycle-hook web.pre_stop"],
  ],
  [
    "thinner walls",
    {
      security_opt: ["seccomp=unconfined", "label=type:spc_t", "no-new-privileges", "label:level:s0"],
      userns_mode: "host",
      cgroup: "host",
      cgroup_parent: "x",
      devices: ["/dev/kvm", "vendor.example/gpu=all"],
      gpus: "all",
      runtime: "nvidia",
      deploy: { resources: { reservations: { devices: [{ capabilities: ["gpu"] }] } } },
      build: { network: "none" },
    },
    [
      "weakened web.cgroup",
      "weakened web.cgroup_parent",
      "weakened web.deploy.resources.reservations.devices",
      "weakened web.devices",
      "weakened web.devices",
      "weakened web.gpus",
      "weakened web.runtime",
      "weakened web.security_opt",
      "weakened web.security_opt",
      "weakened web.userns_mode",
    ],
  ],
];

describe("refusals", () => {
  for (const [what, web, expected, rest, asked] of refused) {
    test(what, () => {
      const { refusals } = transform(web, rest, asked);
      expect(refusals.map(({ rule, allow }) => `${rule} ${allow}`).sort()).toEqual(expected.toSorted());
      for (const { message, service, key } of refusals) {
        expect(message).toMatch(/^\S.*\.$/);
        expect(message).toContain(service ?? key.split(".")[1] ?? "");
      }
      const allow = refusals.flatMap((refusal) => refusal.allow ?? []);
      expect(transform(web, rest, { ...asked, allow }).refusals.filter((refusal) => refusal.allow !== null)).toEqual([]);
    });
  }

  test("a path may be allowed as it is written for all, or in full", () => {
    const web = { volumes: [bind("/home/ann/.cache")] };
    for (const allow of ["web.volumes:~/.cache", "web.volumes:/home/ann/.cache"])
      expect(transform(web, {}, { allow: [allow] }).refusals).toEqual([]);
    expect(transform(web, {}, { allow: ["web.volumes", "api.volumes:~/.cache", "web.volumes:~"] }).refusals).toHaveLength(1);
  });

  test("every rule has a case", () => {
    expect(new Set(refused.flatMap(([, , expected]) => expected.map((line) => line.split(" ")[0])))).toEqual(
      new Set(Object.keys(refusalRules)),
    );
  });
});

describe("warnings", () => {
  for (const [what, web, expected, rest, asked] of told) {
    test(what, () => {
      const { warnings, refusals } = transform(web, rest, asked);
      expect(refusals).toEqual([]);
      expect(warnings.map(({ rule, service, key }) => `${rule} ${[service, key].filter(Boolean).join(".")}`).sort()).toEqual(
        expected.toSorted(),
      );
      for (const { message } of warnings) expect(message).toMatch(/^\S.*\.$/);
    });
  }

  test("every rule has a case", () => {
    expect(new Set(told.flatMap(([, , expected]) => expected.map((line) => line.split(" ")[0])))).toEqual(
      new Set(Object.keys(warningRules)),
    );
  });
});
