import type { ComposeModel } from "./compose-model.ts";
import type { RefusalRule, RewriteRule, WarningRule } from "./rules.ts";

/** What came of a model. Made without I/O: the same model and request give the same result, and neither is changed. */
export interface TransformResult {
  /**
   * For `composeModelText`, then `docker compose -p <project> -f -`. With a refusal it must not be used: what was refused is still in it.
   */
  model: ComposeModel;
  /** Every difference between the model that came in and the one that goes out, in the order of services and keys. */
  rewrites: Rewrite[];
  /** Empty: the model may be used. */
  refusals: Refusal[];
  warnings: TransformWarning[];
  names: StackNames;
  /** `role: environment` only: how the volumes are to be made that all environments use together, should they not be there. */
  sharedVolumes: SharedVolumeOptions[];
  /** `role: environment` only: which shared service must be connected to which network of this stack, and the names it answers to there. */
  aliases: SharedAlias[];
  /** Paths of the host that containers get to see. What is missing of them, Docker makes as root; make it before, as the user. */
  binds: BindMount[];
  /**
   * Variables that Compose reads from its own environment when the model goes back: secrets and configs with `environment:`, and what is
   * passed on without a value. It must run with the values that the model was read with.
   */
  shellVariables: string[];
}

export interface Rewrite {
  rule: RewriteRule;
  /** Null: not of a service but of the stack. */
  service: string | null;
  /** Place in the service, or in the file: `ports`, `networks.front.ipv4_address`, `volumes.media.name`. Empty: the whole service. */
  key: string;
  /** As people write it; null: was not there. Values of variables are never among it. */
  from: string | null;
  /** Null: is gone. */
  to: string | null;
  /** The rule's sentence. */
  why: string;
}

export interface Refusal {
  rule: RefusalRule;
  service: string | null;
  key: string;
  /** One sentence that names service and key, and what could happen. */
  message: string;
  /** What `compose.allow` in wt.yaml must hold for it to be accepted; null: it cannot work, the compose file or `compose.shared` must change. */
  allow: string | null;
}

export interface TransformWarning {
  rule: WarningRule;
  service: string | null;
  key: string;
  /** One sentence that names service and key. */
  message: string;
}

/** Docker's names of what the stack consists of. They depend on model, project and services, not on ports, variables and subnets: those may come later. */
export interface StackNames {
  /** In the order of the compose file. */
  containers: { service: string; name: string }[];
  /** `made`: by this stack, with our labels; else it exists already and is not ours. */
  networks: { key: string; name: string; made: boolean }[];
  /**
   * `environment`: this stack's own. `shared`: used by all environments; Compose makes only those that a service of the shared stack mounts,
   * so who brings up an environment makes the others, with our labels. `foreign`: exists already, not ours.
   */
  volumes: { key: string; name: string; scope: "environment" | "shared" | "foreign" }[];
  /** Built by this stack, with our labels. */
  images: { service: string; name: string }[];
}

export interface SharedVolumeOptions {
  key: string;
  /** Docker's name of it. */
  name: string;
  /** Docker's own one is `local`. */
  driver: string;
  /** May hold a password. */
  options: Readonly<Record<string, string>>;
}

export interface SharedAlias {
  service: string;
  /** Key of the network in the compose file. */
  network: string;
  /** Docker's name of the network. */
  networkName: string;
  /** Service name first, then container name, host name, network aliases and names by which others linked to it. */
  aliases: string[];
}

export interface BindMount {
  service: string;
  source: string;
  target: string;
  readOnly: boolean;
}
