import type { JsonValue } from "../../../errors/wt-error.ts";

/** What one stack is to become: the containers of an environment, or those that all environments of a project use. */
export interface TransformRequest {
  /** `environment`: the services that each worktree has for itself. `shared`: those that run once, for all. */
  role: "environment" | "shared";
  /** Compose project name of the stack: `[a-z0-9][a-z0-9_-]*`, chosen once, unique on the machine. Networks, volumes and images get their names from it. */
  project: string;
  /** Name of wt's project. With the next three for the labels by which things are found again, and by which nothing else is touched. */
  wtProject: string;
  environmentId: string;
  nonce: string;
  slug: string;
  /** Absolute path whose compose files were read; a `shared` stack gives the main worktree. Mounts outside of it are looked at closely. */
  worktree: string;
  /** Absolute path of the main worktree. */
  repositoryRoot: string;
  /** Absolute path of the user's home, so that what is to be allowed can be written `~/.aws` and means the same on each machine; null: unknown. */
  home?: string | null;
  /** Directories in which wt keeps what is its own: the ledger, passwords of other environments, its socket. */
  own?: readonly string[];
  /** Services of this stack, without the shared ones for an environment, and only those for a shared stack. All others are left out. */
  services: readonly string[];
  /** Services that run once per project. */
  shared: readonly string[];
  /** Keys of top-level `volumes:` that all environments use together. */
  sharedVolumes: readonly string[];
  /** Unsafe things accepted, each exactly as `Refusal.allow` names it. */
  allow: readonly string[];
  /** Dockerfiles, relative to the worktree, whose text a person could approve. */
  dockerfiles: readonly string[];
  /** Every port to publish; no other one is. `protocol` is tcp when it is not said. */
  ports: readonly PublishedPort[];
  /** Variables for the containers, by service. Of one name a forced one wins, else the later. */
  variables: Readonly<Record<string, readonly ServiceVariable[]>>;
  /** CIDR for each network that the stack makes, by its key in the compose file; one that is not named gets what Docker chooses. */
  subnets: Readonly<Record<string, string>>;
  /** Compose project name of the shared stack. */
  sharedProject: string;
}

export interface PublishedPort {
  service: string;
  /** Port in the container. */
  target: number;
  /** Port on 127.0.0.1. */
  hostPort: number;
  protocol?: "tcp" | "udp";
}

export interface ServiceVariable {
  key: string;
  value: string;
  /** Where it came from, for people: `resource db`, `wt.yaml: env.DEBUG`. */
  origin: string;
  /** True: wins over what the compose file says. False: only fills in what it leaves open. */
  force: boolean;
}

/** Labels of one kind of thing: containers have a service, the rest has not. */
export type WtLabels = { [key: string]: JsonValue };
