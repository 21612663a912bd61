// Every rule of the transform, with its sentence. `wt explain` prints them, `docs/compose.md` lists them; a test holds the page against these tables.

/** What is changed in the compose project, and why. */
export const rewriteRules = {
  "left-out": "Not part of this stack: shared with all environments, of a profile that is not active, or used by nothing here.",
  "project-name": "Each stack has a Compose project of its own, so that environments are kept apart.",
  profiles: "What is active was chosen already, by `compose.profiles`; here it would only hide services.",
  "container-name": "A fixed name exists once per machine; the old one still resolves in the networks of this stack.",
  link: "What it links to has a name in the networks of this stack instead.",
  "network-name": "Each stack has its own networks; what is in one cannot be reached from another.",
  "own-network": "Docker's default bridge is one for the whole machine; the stack's own network takes its place.",
  subnet: "A fixed range exists once per machine, and Docker's own pool ends after some 30 networks; ranges are leased.",
  "fixed-address": "A fixed address exists once per machine; services find each other by name.",
  "network-option": "This option ties the network to something that the machine has once, or opens it to other machines.",
  ports: "Only leased ports are published, and only on 127.0.0.1, so that environments never meet on a port.",
  "internal-port": "Docker publishes no port of a container that has only internal networks.",
  "volume-name": "Each environment has its own data.",
  "shared-volume": "Listed in `compose.shared_volumes`: all environments use it together.",
  "host-clock": "Containers read the machine's clock and time zone; none may set them.",
  image: "Each environment has its own build result; all use one build cache.",
  "build-output": "A fixed tag or exported cache would be overwritten by whichever environment builds last.",
  "pull-policy": "This image is built here and is in no registry.",
  platforms: "Images are built for this machine only; Docker's image store takes no others.",
  restart: "Docker would bring a sleeping environment back at the next boot; wt starts and restarts services itself.",
  "one-replica": "wt keeps one container per service: one port, one log, one state.",
  logging: "`wt logs` reads what Docker keeps, and Docker keeps no more than 30 MB of it.",
  develop: "Files are mounted or built from the worktree; nothing runs `docker compose watch`.",
  variable: "Variables of the environment: its own databases, addresses and what wt.yaml says.",
  "foreign-label": "Labels under `dev.wt.` and `com.docker.compose.` say whose something is; a file cannot say it.",
  labels: "By these labels wt finds what is its own, and touches nothing else.",
} as const;

export type RewriteRule = keyof typeof rewriteRules;

/** What is refused, most of it only as long as `compose.allow` does not name it. */
export const refusalRules = {
  "unknown-service": "The request names a service that the compose file does not have.",
  "missing-part":
    "A service needs a part of one that is not in its stack: its network, its process or IPC namespace, its volumes or its build.",
  "host-namespace":
    "`network_mode`, `pid`, `ipc` or `uts` of the host, or of a container that is not of this project; and the network of a build.",
  privileged: "`privileged` containers, builds and hooks, `use_api_socket`, and entitlements of builds are as good as root on the host.",
  capability:
    "Capabilities that lead out of a container: `ALL`, `SYS_ADMIN`, `SYS_MODULE`, `SYS_RAWIO`, `SYS_BOOT`, `SYS_TIME`, `DAC_READ_SEARCH`, `BPF`, `PERFMON`, `CHECKPOINT_RESTORE`, `MAC_ADMIN`, `MAC_OVERRIDE`, `AUDIT_CONTROL`.",
  device:
    "Disks, memory, keyboards and screens of the host as devices, `device_cgroup_rules`, and volumes that mount a file system by their options.",
  unconfined: "`systempaths=unconfined` and `unmask`: the kernel's settings become writable.",
  "engine-socket": "A mount, secret, config or build that reaches the container engine: who has its socket has the machine.",
  credentials:
    "Places where keys, passwords or sockets lie, to be read as well: a home, `~/.ssh`, `~/.aws`, `~/.config`, `/etc/shadow`, `/proc`, `/run` …, and `credential_spec`.",
  "unread-build":
    "A Dockerfile that nobody was asked about: outside of the worktree, behind a link, missing when the files were read, or chosen by a variable of your shell.",
  "build-ssh": "`build.ssh`: what a Dockerfile runs could log in with your SSH keys.",
  "outside-mount": "A writable mount outside of the worktree: environments would write to the same files.",
  "remote-volume": "A volume whose data lies at one place, such as NFS or a plugin's: environments would write to the same data.",
  "external-volume": "`external` volumes that `compose.shared_volumes` does not list.",
  "external-network": "`external` networks: environments would meet there, under the same names.",
  "network-driver": "Networks of a driver other than `bridge`: they reach beyond this machine or exist once.",
  "external-link": "`external_links` to containers that are not of this project.",
  model: "Models run on the host by a plugin of Compose, the same for every environment.",
  provider: "Services that a plugin of Compose provides have no container.",
} as const;

export type RefusalRule = keyof typeof refusalRules;

/** What is told and done all the same. */
export const warningRules = {
  "dependency-left-out": "A service waits for, or links to, one that is not in its stack.",
  "shared-unreachable": "A shared service has no network in common with those that need it.",
  "volume-split": "A volume is mounted by shared services and by cloned ones: each side has its own.",
  "outside-mount-read-only": "A read-only mount outside of the worktree: all environments see the same files.",
  "outside-file":
    "A secret, config, build context or cache outside of the worktree, or a build context from elsewhere: all environments use the same.",
  "build-secret": "A build gets a secret: what its Dockerfile runs can read it.",
  replicas: "Several replicas were asked for, or none.",
  "port-not-published": "A port was leased for a service that can publish none.",
  "address-in-variable": "A variable holds a fixed address that is gone, or a port of this machine that is another one here.",
  "image-not-built": "An image is built by a service that is not in the stack.",
  "slow-healthcheck": "A health check that first runs after ten seconds or more: the service is ready that late.",
  "lifecycle-hook": "`post_start` and `pre_stop` run only when Compose itself starts and stops containers.",
  weakened:
    "Settings that weaken the wall between container and host: `security_opt`, host user or cgroup namespaces, devices, GPUs, another `runtime`.",
} as const;

export type WarningRule = keyof typeof warningRules;
