// What of a compose file must be known before Compose itself is asked: names, ports, order and health. The rest is Compose's own to read.
import type { ConfigProblem } from "../config.ts";

export interface ComposeOutline {
  /** Compose files in the order they are merged: those asked for, else what Compose itself finds. */
  composeFiles: string[];
  /** Asked for, and no regular file of the repository. */
  absent: string[];
  /** Every file that was read, `include` and `extends` followed; each once. */
  files: ComposeFileText[];
  /** Names of variables that the files take in, from the shell or from files, in order. */
  variables: string[];
  /** Files whose variables decide what the compose files say, or what containers get: `.env` files, `env_file`, `label_file`; there or not. */
  variableFiles: string[];
  /** Dockerfiles that were found, those too that only other values of a variable choose. */
  dockerfiles: string[];
  /** In the order written, also those whose profile is not active. */
  services: ComposeServiceOutline[];
  /** Names under `volumes:`. */
  volumes: string[];
  /** Names under `networks:`. */
  networks: string[];
  /** Each with its `file`. */
  problems: ConfigProblem[];
}

export interface ComposeFileText {
  path: string;
  text: string;
}

export interface ComposeServiceOutline {
  name: string;
  /** It runs with the profiles asked for. */
  active: boolean;
  profiles: string[];
  image: string | null;
  build: ComposeBuild | null;
  /** It publishes ports, known or not. */
  publishes: boolean;
  /** Container ports (TCP) that it publishes, in order. */
  published: number[];
  /** Ports of this machine (TCP) that it publishes them on, as far as the file says which. */
  hostPorts: number[];
  /** Variables that the file itself gives it, with their defaults. */
  environment: Record<string, string>;
  /** Container ports (TCP) that it exposes to other containers. */
  exposed: number[];
  /** Ports (TCP) that its Dockerfile exposes; workers made of the same image listen on none of them. */
  imagePorts: number[];
  healthcheck: boolean;
  dependsOn: ComposeDependency[];
  restart: "always" | "on-failure" | "never";
  /** As written; null where the image decides. */
  stopSignal: string | null;
  stopGraceMs: number | null;
  /** Entrypoint and command as a shell would read them. */
  commands: string[];
  /** Of its health check, in the same way. */
  probes: string[];
  /** Bind mounts of the repository, with configs and secrets; the source is relative to its top. */
  mounts: { source: string; target: string }[];
  /** Dockerfiles that were found, from the top: the one of `build` first, then those that only other values of a variable choose. */
  dockerfiles: string[];
  /** Additional contexts of its build that lie in the repository, by name. */
  contexts: Record<string, string>;
  /** Files that give it variables or labels, from the top; `*` stands for what a variable may hold. */
  variableFiles: string[];
  /** Of those files, as written, the ones that lie elsewhere or where nobody knows. */
  unknownFiles: { key: "env_file" | "label_file"; text: string }[];
}

export interface ComposeBuild {
  /** Relative to the top of the repository; null: it is elsewhere. */
  context: string | null;
  /** Path of the Dockerfile from the top of the repository; null: it is elsewhere or stands in the compose file. */
  dockerfile: string | null;
  target: string | null;
}

export interface ComposeDependency {
  service: string;
  /** `completed`: it is a job that must have ended with success. */
  condition: "started" | "healthy" | "completed";
}

/** What to read it for. */
export interface ComposeOutlineOptions {
  /** Empty: what Compose itself finds at the top. */
  files: readonly string[];
  profiles: readonly string[];
}
