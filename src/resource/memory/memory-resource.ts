// A `ResourceDriver` whose server is a data structure: for tests of everything above the drivers. Its controls play the apps and the strangers.
import { WtError } from "../../errors/wt-error.ts";
import type { OptionProblem } from "../check-options.ts";
import type { ResourceCall, ResourceConnection, ResourceDriver, ResourceFeatures, ResourceSpec } from "../resource-driver.ts";

/** What exists on the server; outlives a driver as a real server outlives a daemon. */
export interface MemoryServer {
  resources: Map<string, MemoryResource>;
}

export interface MemoryResource {
  /** The mark: nonce of the environment; null: a stranger made it. */
  nonce: string | null;
  state: "ready" | "asleep" | "half";
  content: string | null;
  connection: ResourceConnection;
  checkpoints: Map<string, string | null>;
  /** While there are any, it is in use. */
  clients: number;
}

export interface MemoryResourceControls {
  readonly server: MemoryServer;
  /** Every call of a verb that changes something, in order: `ensure db`, `remove db`. */
  readonly calls: string[];
  failNext(verb: "ensure" | "reset" | "remove" | "retire" | "sleep" | "wake" | "adopt" | "observe", error: Error): void;
  /** The next `ensure` waits until `release` is called, or rejects with the abort's reason. */
  holdNextEnsure(): { release: () => void };
  /** Something that is not ours stands under the label. */
  makeForeign(label: string): void;
  /** As an app would: wakes it. */
  write(label: string, content: string): void;
  read(label: string): string | null;
  find(label: string): MemoryResource | null;
}

export interface MemoryResourceOptions {
  /** Default `memory`. */
  type?: string;
  /** A server that another driver worked on; default: a new one. */
  server?: MemoryServer;
  features?: Partial<ResourceFeatures>;
  /** Variable of the URL; default `DATABASE_URL`. */
  variable?: string;
}

export function createMemoryServer(): MemoryServer {
  return { resources: new Map() };
}

const optionKeys = ["migrate", "seed", "branch"];

export function createMemoryResource(options: MemoryResourceOptions = {}): ResourceDriver & MemoryResourceControls {
  const server = options.server ?? createMemoryServer();
  const controls = createControls(server);
  const features = { checkpoints: true, sleep: true, port: false, ...options.features };
  const variable = options.variable ?? "DATABASE_URL";
  const { begin, own } = controls;

  return {
    ...controls.public,
    ...createContentVerbs({ features, begin, own, find: controls.public.find }),
    type: options.type ?? "memory",
    features,
    identity: (written) => `what is at ${written.server ?? written.url ?? written.path ?? "no place"}`,
    variableNames: () => [variable],

    parseOptions(written) {
      const problems = Object.entries(written).flatMap(([key, value]): OptionProblem[] => {
        if (!optionKeys.includes(key))
          return [{ key, message: `There is no option ${key}.`, hint: `There are: ${optionKeys.join(", ")}.` }];
        return typeof value === "string" ? [] : [{ key, message: `${key} must be text.`, hint: null }];
      });
      return problems.length > 0 ? { problems } : { options: { ...written } };
    },

    async observe(spec) {
      begin("observe", null);
      const found = server.resources.get(spec.label);
      if (!found) return { state: "absent" };
      if (found.nonce !== spec.nonce) return { state: "foreign", reason: `${spec.label} does not carry the mark of this environment.` };
      if (found.state === "half") return { state: "broken", reason: `${spec.label} was not made to its end.` };
      if (spec.options.branch === "shared") return { state: "shared", detail: null };
      return { state: found.state, detail: null };
    },

    async ensure(spec, call) {
      begin("ensure", spec);
      await controls.held(call.abort);
      call.abort.throwIfAborted();
      const found = own(spec);
      if (found && found.state !== "half") found.state = "ready";
      else await make(spec, { server, call, variable });
      return structuredClone(server.resources.get(spec.label)?.connection ?? { variables: {}, values: {} });
    },

    async fork(spec, source, call) {
      begin("fork", spec);
      call.abort.throwIfAborted();
      const from = server.resources.get(source.label);
      if (from?.nonce !== source.nonce || from.state === "half") {
        throw new WtError({ kind: "not_found", code: "fork_source", message: `There is no ${source.label} to begin with.` });
      }
      const found = own(spec);
      if (!found || found.state === "half") await make({ ...spec, options: { ...spec.options, seed: null } }, { server, call, variable });
      const made = server.resources.get(spec.label);
      if (made) made.content = from.content;
      return structuredClone(made?.connection ?? { variables: {}, values: {} });
    },

    async remove(spec) {
      begin("remove", spec);
      if (own(spec)) server.resources.delete(spec.label);
    },

    async retire(spec) {
      begin("retire", spec);
      const found = own(spec);
      if (!found || found.state === "half") return false;
      Object.assign(found, { state: "asleep", clients: 0 });
      return true;
    },

    async connection(spec) {
      const found = server.resources.get(spec.label);
      return found && found.nonce === spec.nonce && found.state !== "half" ? structuredClone(found.connection) : null;
    },

    usage: async (spec) => ({
      exclusiveBytes: server.resources.get(spec.label)?.content?.length ?? 0,
      sharedBytes: 0,
      how: "counted in memory",
    }),

    async adopt() {
      begin("adopt", null);
    },

    close: async () => undefined,
  };
}

type Begin = (verb: string, spec: ResourceSpec | null) => void;

function createControls(server: MemoryServer) {
  const calls: string[] = [];
  const failures = new Map<string, Error>();
  let gate: Promise<void> | null = null;

  const begin: Begin = (verb, spec) => {
    if (spec) calls.push(`${verb} ${spec.name}`);
    const failure = failures.get(verb);
    failures.delete(verb);
    if (failure) throw failure;
  };
  const held = async (abort: AbortSignal) => {
    const wait = gate;
    gate = null;
    if (!wait) return;
    const aborted = Promise.withResolvers<void>();
    abort.addEventListener("abort", () => aborted.resolve(), { once: true });
    await Promise.race([wait, aborted.promise]);
  };
  const own = (spec: ResourceSpec): MemoryResource | null => {
    const found = server.resources.get(spec.label);
    if (found && found.nonce !== spec.nonce) {
      const message = `${spec.label} exists and does not carry the mark of this environment.`;
      throw new WtError({ kind: "refused", code: "resource_foreign", message });
    }
    return found ?? null;
  };
  const used = (label: string): MemoryResource => {
    const found = server.resources.get(label);
    if (!found || found.state === "half") throw new Error(`${label} refuses connections`);
    found.state = "ready";
    return found;
  };
  const controls: MemoryResourceControls = {
    server,
    calls,
    failNext: (verb, error) => void failures.set(verb, error),
    holdNextEnsure() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return { release: resolve };
    },
    makeForeign: (label) => void server.resources.set(label, { ...emptyResource("half"), nonce: null }),
    write(label, content) {
      used(label).content = content;
    },
    read: (label) => used(label).content,
    find: (label) => server.resources.get(label) ?? null,
  };
  return { public: controls, begin, held, own };
}

function emptyResource(state: MemoryResource["state"]): MemoryResource {
  return { nonce: null, state, content: null, connection: { variables: {}, values: {} }, checkpoints: new Map(), clients: 0 };
}

/** Seeds by the commands of the options; what fails leaves nothing. */
async function make(spec: ResourceSpec, { server, call, variable }: { server: MemoryServer; call: ResourceCall; variable: string }) {
  const url = typeof spec.options.url === "string" ? spec.options.url : `memory://${spec.label}/${spec.nonce}`;
  const connection = { variables: { [variable]: url }, values: { url } };
  server.resources.set(spec.label, { ...emptyResource("half"), nonce: spec.nonce, connection });
  try {
    for (const command of [spec.options.migrate, spec.options.seed]) {
      if (typeof command === "string") await call.run(command, connection.variables);
    }
    call.abort.throwIfAborted();
  } catch (error) {
    server.resources.delete(spec.label);
    throw error;
  }
  const made = server.resources.get(spec.label);
  if (made) made.state = "ready";
}

interface ContentVerbs {
  features: ResourceFeatures;
  begin: Begin;
  own: (spec: ResourceSpec) => MemoryResource | null;
  find: (label: string) => MemoryResource | null;
}

function createContentVerbs({
  features,
  begin,
  own,
  find,
}: ContentVerbs): Pick<ResourceDriver, "reset" | "checkpoint" | "restore" | "removeCheckpoint" | "sleep" | "wake"> {
  return {
    async reset(spec, call) {
      begin("reset", spec);
      call.abort.throwIfAborted();
      const found = present(own(spec), spec);
      Object.assign(found, { content: null, state: "ready" });
      return structuredClone(found.connection);
    },

    async checkpoint(spec, id) {
      begin("checkpoint", spec);
      if (!features.checkpoints) throw refused("no_checkpoints", `Resources of this type have no checkpoints.`);
      const found = present(own(spec), spec);
      if (found.checkpoints.has(id)) throw refused("checkpoint_exists", `${spec.label} has a checkpoint ${id} already.`);
      found.checkpoints.set(id, found.content);
    },

    async restore(spec, id) {
      begin("restore", spec);
      const found = present(own(spec), spec);
      const content = found.checkpoints.get(id);
      if (content === undefined) {
        throw new WtError({ kind: "not_found", code: "checkpoint_unknown", message: `${spec.label} has no checkpoint ${id}.` });
      }
      found.content = content;
    },

    async removeCheckpoint(spec, id) {
      begin("removeCheckpoint", spec);
      find(spec.label)?.checkpoints.delete(id);
    },

    async sleep(spec) {
      begin("sleep", spec);
      const found = find(spec.label);
      if (!features.sleep || found?.state !== "ready" || found.clients > 0) return false;
      found.state = "asleep";
      return true;
    },

    async wake(spec) {
      begin("wake", spec);
      const found = find(spec.label);
      if (found?.state === "asleep") found.state = "ready";
    },
  };
}

function present(found: MemoryResource | null, spec: ResourceSpec): MemoryResource {
  if (found) return found;
  throw new WtError({ kind: "not_found", code: "resource_absent", message: `${spec.label} does not exist.` });
}

function refused(code: string, message: string): WtError {
  return new WtError({ kind: "refused", code, message });
}
