// The contract for containers, networks, volumes and images of an environment: made by Docker Compose, found again and removed by label.
import type { ContainerHealth, ContainerRef } from "../runtime-driver.ts";
import type { ComposeModel } from "./transform/compose-model.ts";
import type { SharedVolumeOptions } from "./transform/transform-result.ts";

/** Whose something is. Both must match before anything is touched. */
export interface StackMark {
  environmentId: string;
  nonce: string;
}

/** Where a model is read from. */
export interface ComposeSource {
  /** The worktree, absolute. */
  directory: string;
  /** Absolute, in Compose's order, at least one. The first one's directory is the project directory: paths are seen from there, and its `.env` is read. */
  files: readonly string[];
  profiles: readonly string[];
  /** Compose project name. */
  project: string;
  /** What `${…}` may refer to besides the directory's `.env`; nothing is inherited from the daemon but what programs need to run (PATH, HOME). */
  env: Readonly<Record<string, string>>;
}

/** A transformed model and where it belongs. */
export interface StackModel {
  /** Compose project name. */
  project: string;
  /** That of the first compose file. */
  directory: string;
  model: ComposeModel;
  mark: StackMark;
  /** What `readVariables` gave. Only what the model's secrets and configs take from there (`environment: NAME`) reaches Compose. */
  env?: Readonly<Record<string, string>>;
}

export interface StackCall {
  abort: AbortSignal;
  /** A line of progress for people: what is built, pulled, created. Never holds the model. */
  report(line: string): void;
}

export interface EngineFacts {
  /** `unix:///var/run/docker.sock`. */
  endpoint: string;
  kind: "docker" | "podman";
  engineVersion: string;
  composeVersion: string;
  /** The words that Compose is called by: `docker compose`, or a program of its own. */
  composeCommand: string[];
}

export interface StackContainer {
  id: string;
  name: string;
  /** Compose project and service. */
  ref: ContainerRef;
  /** `dev.wt.role`. */
  role: string;
  mark: StackMark;
  state: "created" | "running" | "paused" | "restarting" | "exited" | "dead" | "removing";
  /** Null while it runs or has never run. */
  exitCode: number | null;
  health: ContainerHealth | null;
  image: string;
  /** As published on the host. */
  ports: { target: number; hostPort: number }[];
  /** Names of the networks it is attached to. */
  networks: string[];
  /** Their ids, as far as it was in them already. */
  networkIds: string[];
  /** Names of the volumes that it has. */
  volumes: string[];
  /** It has volumes without a name of their own: what they hold goes with the container. */
  unnamedVolumes: boolean;
}

export interface StackNetwork {
  id: string;
  name: string;
  mark: StackMark;
  /** In CIDR notation. */
  subnets: string[];
}

export interface StackVolume {
  name: string;
  mark: StackMark;
}

export interface StackImage {
  id: string;
  tags: string[];
  mark: StackMark;
}

export interface StackObservation {
  containers: StackContainer[];
  networks: StackNetwork[];
  volumes: StackVolume[];
  images: StackImage[];
}

export interface CreateOptions {
  /** Only their containers are made; the rest of the model is there for what they have of it. Default: all. */
  services?: readonly string[];
  /** Containers of these are made anew though nothing changed, with all that their volumes hold, those without a name too. */
  anew?: readonly string[];
}

export interface RemoveOptions {
  /** False: what they hold stays. So do, stopped, containers with a volume without a name that their image wants (`VOLUME`), which goes with them, and their images. */
  volumes: boolean;
  images: boolean;
  /** Remove only containers of this role (and no network, volume or image): one-off containers after setup, say. */
  role?: string;
  /** And only those of this service (of one-off containers: by their own name). */
  service?: string;
}

/** `key` is its name in the compose file, `project` the compose project it belongs to. */
export interface SharedVolume extends SharedVolumeOptions {
  project: string;
  mark: StackMark;
}

export interface OneOff extends StackModel {
  /** Service whose image, mounts, networks and variables it gets. */
  service: string;
  /** Its own name as a service, unique among those of the environment: `setup-1`. */
  name: string;
  /** Replaces entrypoint and command. */
  command: readonly string[];
}

/** A container in a network, each by id or name. */
export interface Attachment {
  container: string;
  network: string;
  aliases: readonly string[];
}

/** A subnet that is in use on this engine, whoever made it. */
export interface TakenSubnet {
  network: string;
  networkId: string;
  /** Empty: the network has none. */
  subnet: string;
}

/**
 * Every method throws `WtError` when the engine or Compose refuses: kind `machine` (`docker_missing`, `engine_down`, `engine_silent`, `engine_denied`, `compose_missing`, `compose_old`,
 * `image_missing`, `build_failed`, `port_taken`, `disk_full`, `address_pool_exhausted`, `container_failed`), `config` (`compose_invalid`, `compose_remote`, `variable_missing`) or `refused`; and the reason of `abort` when it fires.
 */
export interface ComposeStack {
  /** That an engine answers and Compose is new enough (2.20). Asked again each time. */
  checkEngine(abort: AbortSignal): Promise<EngineFacts>;

  /**
   * The model of the repository's files as Compose understands them: interpolated, merged, with absolute paths; a path of the repository that links lead out of is given as
   * the place it leads to. Remote includes are refused. Needs no engine.
   */
  readModel(source: ComposeSource, abort: AbortSignal): Promise<ComposeModel>;

  /**
   * What secrets and configs of that model (`environment: NAME`) take from variables, for `StackModel.env`: `env` of the source, over the `.env` beside its first file, as Compose reads it.
   * A variable that is nowhere is left out. Needs no engine.
   */
  readVariables(source: ComposeSource, model: ComposeModel, abort: AbortSignal): Promise<Record<string, string>>;

  /** Builds the image of every service of the model that has `build`, and fetches those that are not on the machine. Idempotent; what is up to date costs a look. */
  ensureImages(stack: StackModel, call: StackCall): Promise<void>;

  /**
   * Creates networks, volumes and containers of the model without starting any. Images must be there. A container whose configuration changed is made anew (one that runs
   * is stopped for it); others stay. Puts `dev.wt.state` on everything, and secrets and configs that are no files of the host into the
   * containers. After a throw, what was made carries the labels and `remove` removes it. Throws (`refused`, `stack_foreign`) where something that bears the stack's names
   * is somebody else's: Compose would take it over.
   * Containers of the shared stack are attached (`connect`) after it and before the first start.
   */
  create(stack: StackModel, call: StackCall, options?: CreateOptions): Promise<StackContainer[]>;

  /**
   * Creates a container with a command of its own beside the service's: no ports, no health check, no restart, no name or label by which requests could reach it, role `one-off`.
   * What the service has of others by `network_mode` and `volumes_from` is given to it directly, for which they must be in the model. It is started, followed and stopped through
   * the runtime driver like any other; `remove` with the role removes it.
   */
  createOneOff(request: OneOff, call: StackCall): Promise<ContainerRef>;

  /** All that carries the mark; with null, all that this world ever made and is still there (for orphans). */
  observe(mark: StackMark | null, abort: AbortSignal): Promise<StackObservation>;

  /**
   * Removes containers (killed if they run) and networks, and volumes and images if asked to; gives back what is left, in sentences (empty: verified gone).
   * What carries another mark, or none, stays; and so do containers that were run from our images by hand and images that were built upon them, which have their labels too. Our own containers of other environments (the shared stack's) are detached from the networks first. Idempotent.
   */
  remove(mark: StackMark, options: RemoveOptions, abort: AbortSignal): Promise<string[]>;

  /**
   * Services that carry the mark and hold in a volume what nobody makes again: their image wants one where they have it (`VOLUME`), as those of databases do.
   * With them volumes that no container has. Running or not.
   */
  dataHolders(mark: StackMark, abort: AbortSignal): Promise<string[]>;

  /** Makes a named volume with our labels that no service of the stack mounts, for environments that share it. Idempotent: one that is there keeps the options it was made with. */
  ensureVolume(volume: SharedVolume, abort: AbortSignal): Promise<void>;

  /** Attaches a container to a network, known there under `aliases`. Idempotent: other aliases than before are set anew. */
  connect(attachment: Attachment, abort: AbortSignal): Promise<void>;

  /** Idempotent; a container or network that is gone succeeds. */
  disconnect(attachment: Omit<Attachment, "aliases">, abort: AbortSignal): Promise<void>;

  /** Starts the containers of a role that carry the mark (the shared stack's; services of an environment are started by the runtime driver). Idempotent. */
  start(mark: StackMark, role: string, abort: AbortSignal): Promise<void>;

  /** Stops them, each with its own signal and time; verified. Idempotent. */
  stop(mark: StackMark, role: string, abort: AbortSignal): Promise<void>;

  /**
   * Removes entries of a directory of this machine with all that is in them, also what containers wrote as root: their user may not. Resolves also
   * when something is left; throws where no engine answers.
   */
  removeFiles(place: { directory: string; names: readonly string[] }, abort: AbortSignal): Promise<void>;

  /**
   * Compose projects that anything on this engine belongs to (containers, networks, volumes, images, running or not), whoever made it. A name for a new
   * environment is chosen outside of these: Compose would take over what is there.
   */
  takenProjects(abort: AbortSignal): Promise<string[]>;

  /** Subnets of every network of the engine, ours and others'. */
  takenSubnets(abort: AbortSignal): Promise<TakenSubnet[]>;
}
