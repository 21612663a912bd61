// The environment contract: which variables a command of an environment gets, and where each came from. Pure.
import type { Config, ServiceConfig } from "../config/config.ts";
import { type EnvironmentKey, type ReferenceLookup, resolveReferences, type ServiceKey } from "../config/references.ts";
import type { ResourceConnection } from "../resource/resource-driver.ts";
import type { EnvironmentRecord, ProjectRecord } from "./ledger.ts";
import { environmentUrl, serviceUrl } from "./routes.ts";

export interface ContractInput {
  project: ProjectRecord;
  environment: EnvironmentRecord;
  config: Config;
  /** Leased port per service; services without one are absent. */
  ports: Readonly<Record<string, number>>;
  /** What every host name ends with: `.localhost` or `.localhost:7080`. */
  hostSuffix: string;
  resources: Readonly<Record<string, ResourceConnection>>;
  /** Name of the compose project; absent without containers. */
  composeProject?: string;
  /** The view of a container: where it reaches the environment's services. Absent: the view of the host. */
  inside?: Readonly<Record<string, ServiceAddress>>;
}

export interface ServiceAddress {
  host: string;
  port: number;
}

export interface ContractVariable {
  key: string;
  value: string;
  origin: string;
}

/**
 * The variables a service gets, or (without `service`) what `wt run` and setup steps get. Later sources win:
 * the contract, resources, `env:`, `services.<name>.env:`. Throws `WtError` (`config`) for a reference that cannot be resolved.
 */
export function contractVariables(input: ContractInput, service: ServiceConfig | null): ContractVariable[] {
  const found = new Map<string, ContractVariable>();
  const put = (key: string, value: string, origin: string) => found.set(key, { key, value, origin });
  for (const variable of identityVariables(input, service)) put(variable.key, variable.value, variable.origin);
  for (const variable of addressVariables(input, service)) put(variable.key, variable.value, variable.origin);
  for (const variable of composeVariables(input)) put(variable.key, variable.value, variable.origin);
  for (const variable of resourceVariables(input)) put(variable.key, variable.value, variable.origin);
  const lookup = referenceLookup(input);
  const file = input.config.origin.kind === "file" ? "wt.yaml" : "detected";
  for (const [key, text] of Object.entries(input.config.env)) {
    put(key, resolveReferences(text, lookup, `env.${key}`), `${file}: env.${key}`);
  }
  for (const [key, text] of Object.entries(service?.env ?? {})) {
    const place = `services.${service?.name}.env.${key}`;
    put(key, resolveReferences(text, lookup, place), `${file}: ${place}`);
  }
  put(
    "WT_VARIABLES",
    [...found.keys(), "WT_VARIABLES"].sort().join(","),
    "worldtree: names to drop when another environment's command starts",
  );
  return [...found.values()];
}

/** Where two resources give the same variable, the one that stands first in wt.yaml does. */
function resourceVariables(input: ContractInput): ContractVariable[] {
  const written = Object.keys(input.config.resources);
  const order = (name: string) => (written.includes(name) ? written.indexOf(name) : written.length);
  const names = Object.keys(input.resources).toSorted((a, b) => order(b) - order(a));
  return names.flatMap((name) =>
    Object.entries(input.resources[name]?.variables ?? {}).map(([key, value]) => ({ key, value, origin: `resource ${name}` })),
  );
}

/** What `${{ … }}` resolves to; null for what this environment has not. */
export function referenceLookup(input: ContractInput): ReferenceLookup {
  return (target) => {
    if (target.kind === "env") return environmentValue(input, target.key);
    if (target.kind === "service") return serviceValue(input, target.name, target.key);
    return input.resources[target.name]?.values[target.key] ?? null;
  };
}

/**
 * The caller's shell environment without what belongs to another environment, to git's own plumbing or to the package runner that
 * started us: a nested `wt create` must not hand the parent's port to the child.
 */
export function scrubCallerEnvironment(caller: Readonly<Record<string, string>>): Record<string, string> {
  const unset = new Set(foreignNames(caller));
  return Object.fromEntries(Object.entries(caller).filter(([key]) => !unset.has(key)));
}

/** What ties a git command to one repository, as `git rev-parse --local-env-vars` lists it, and what hooks add; identity and ssh settings stay. */
const repositoryNames = new Set(
  [
    "ALTERNATE_OBJECT_DIRECTORIES",
    "COMMON_DIR",
    "CONFIG",
    "CONFIG_COUNT",
    "CONFIG_PARAMETERS",
    "DIR",
    "GRAFT_FILE",
    "IMPLICIT_WORK_TREE",
    "INDEX_FILE",
    "INTERNAL_SUPER_PREFIX",
    "NAMESPACE",
    "NO_REPLACE_OBJECTS",
    "OBJECT_DIRECTORY",
    "PREFIX",
    "QUARANTINE_PATH",
    "REFLOG_ACTION",
    "REPLACE_REF_BASE",
    "SHALLOW_FILE",
    "WORK_TREE",
  ].map((name) => `GIT_${name}`),
);

/** What `npx` and `npm run` say about the package they run for; a registry or cache that the user chose is not among it. */
const packageRunnerName =
  /^npm_(lifecycle_|package_|command$|execpath$|node_execpath$|config_(local_prefix|user_agent|node_gyp|init_module|npm_version|noproxy)$)/;

/** Names that `scrubCallerEnvironment` drops. */
export function foreignNames(caller: Readonly<Record<string, string>>): string[] {
  const listed = new Set((caller.WT_VARIABLES ?? "").split(",").filter(Boolean));
  return Object.keys(caller).filter(
    (key) =>
      listed.has(key) ||
      key.startsWith("WT_") ||
      repositoryNames.has(key) ||
      packageRunnerName.test(key) ||
      key === "INIT_CWD" ||
      key === "PORT" ||
      key === "OLDPWD" ||
      key === "_",
  );
}

/** `my-api` → `MY_API`. */
export function variableName(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

function identityVariables(input: ContractInput, service: ServiceConfig | null): ContractVariable[] {
  const { environment, project } = input;
  const own = (key: string, value: string, what: string) => ({ key, value, origin: `worldtree: ${what}` });
  const variables = [
    own("WT_PROJECT", project.name, "the project's name"),
    own("WT_ENVIRONMENT", environment.slug, "the environment's slug"),
    own("WT_ENVIRONMENT_ID", environment.id, "the environment's id"),
    own("WT_BRANCH", environment.branch ?? "", "the worktree's branch"),
    own("WT_PATH", environment.path, "the worktree"),
    own("WT_MAIN_PATH", project.root, "the main worktree"),
    own("WT_SLOT", String(environment.slot), "the environment's slot"),
    own("WT_URL", environmentUrl(environment, input.hostSuffix), "the environment's URL"),
  ];
  if (service) variables.push(own("WT_SERVICE", service.name, "the service's name"));
  return variables;
}

/** Server-to-server values use 127.0.0.1, because `*.localhost` does not resolve everywhere; the pretty URL is a variable of its own. */
function addressVariables(input: ContractInput, service: ServiceConfig | null): ContractVariable[] {
  const variables: ContractVariable[] = [];
  const source = (name: string) => (input.inside ? `compose: where containers reach ${name}` : `ledger: port lease of ${name}`);
  for (const other of input.config.services) {
    const address = addressOf(input, other.name);
    if (address === null) continue;
    const name = variableName(other.name);
    const origin = source(other.name);
    variables.push({ key: `${name}_URL`, value: `http://${address.host}:${address.port}`, origin });
    variables.push({ key: `${name}_PORT`, value: String(address.port), origin });
    const publicUrl = publicServiceUrl(input, other);
    variables.push({ key: `${name}_PUBLIC_URL`, value: publicUrl, origin: `gateway: host name of ${other.name}` });
  }
  const own = service ? addressOf(input, service.name) : null;
  // A container listens on all of its own interfaces: only its published port is on the host, and that on loopback.
  const containerOnHost = service?.container !== undefined && !input.inside;
  if (service && own && !containerOnHost) {
    variables.push({ key: "PORT", value: String(own.port), origin: source(service.name) });
    if (!input.inside) variables.push({ key: "HOST", value: own.host, origin: "worldtree: loopback only" });
  }
  return variables;
}

function addressOf(input: ContractInput, name: string): ServiceAddress | null {
  if (input.inside) return input.inside[name] ?? null;
  const port = input.ports[name];
  return port === undefined ? null : { host: "127.0.0.1", port };
}

/** So that Compose, called by hand in the worktree, means the environment's own project. */
function composeVariables({ composeProject, config, environment, inside }: ContractInput): ContractVariable[] {
  if (composeProject === undefined || inside || !config.compose) return [];
  const own = (key: string, value: string, what: string) => ({ key, value, origin: `worldtree: ${what}` });
  const { files, profiles } = config.compose;
  return [
    own("COMPOSE_PROJECT_NAME", composeProject, "the environment's compose project"),
    ...(files.length > 0 ? [own("COMPOSE_FILE", files.map((file) => `${environment.path}/${file}`).join(":"), "its compose files")] : []),
    own("COMPOSE_PROFILES", profiles.join(","), "its active profiles"),
  ];
}

function publicServiceUrl(input: ContractInput, service: ServiceConfig): string {
  return service.routes.includes("/")
    ? environmentUrl(input.environment, input.hostSuffix)
    : serviceUrl(input.environment, service.name, input.hostSuffix);
}

function environmentValue(input: ContractInput, key: EnvironmentKey): string | null {
  const { environment } = input;
  const values: Record<EnvironmentKey, string | null> = {
    slug: environment.slug,
    branch: environment.branch,
    path: environment.path,
    url: environmentUrl(environment, input.hostSuffix),
    slot: String(environment.slot),
    id: environment.id,
    host: `${environment.hostLabel}.localhost`,
  };
  return values[key];
}

function serviceValue(input: ContractInput, name: string, key: ServiceKey): string | null {
  const service = input.config.services.find((candidate) => candidate.name === name);
  const address = addressOf(input, name);
  if (!service || address === null) return null;
  const publicUrl = publicServiceUrl(input, service);
  const values: Record<ServiceKey, string> = {
    port: String(address.port),
    host: new URL(publicUrl).hostname,
    url: `http://${address.host}:${address.port}`,
    public_url: publicUrl,
  };
  return values[key];
}
