// One project of the fake: its branches, computes and operations, and the rules between them. See `fake-neon.conformance.ts`.
import { postgresUrl } from "../connection.ts";
import { type FakeDoor, type FakeStorage, fakeDatabase, fakeRole } from "./fake-neon-storage.conformance.ts";

/** Answered as the API's errors are. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface FakeBranch {
  id: string;
  name: string;
  parentId: string | null;
  state: "init" | "resetting" | "ready";
  default: boolean;
  protected: boolean;
  annotation: Record<string, string>;
  /** What the control plane believes; null: not known to it. */
  password: string | null;
  bytes: number;
}

interface FakeEndpoint {
  id: string;
  branchId: string;
  state: "init" | "active" | "idle";
  door: FakeDoor;
}

interface FakeOperation {
  id: string;
  branchId: string;
  action: string;
  status: string;
  error: string | null;
  /** Looks until it is finished. */
  left: number;
  finish: () => void | Promise<void>;
}

export interface FakeProjectOptions {
  id: string;
  storage: FakeStorage;
}

export type FakeProject = Awaited<ReturnType<typeof createFakeProject>>;

const idPattern = /^[a-z0-9-]{1,60}$/;

export async function createFakeProject({ id, storage }: FakeProjectOptions) {
  const branches = new Map<string, FakeBranch>();
  const endpoints = new Map<string, FakeEndpoint>();
  const operations: FakeOperation[] = [];
  let made = 0;
  const knobs = {
    /** Looks at an operation until it is finished. */
    looks: 2,
    /** Branches that fit the plan. */
    limit: 50,
    /** At most so many in one page, whatever is asked for. */
    pageSize: 3,
    /** The next operation with this action fails. */
    failing: null as string | null,
  };
  const branch = (wanted: string): FakeBranch => {
    const found = branches.get(wanted);
    if (!found) throw new Refusal(404, "", "branch not found");
    return found;
  };
  const addBranch = (over: Partial<FakeBranch> & { name: string; parentId: string | null }): FakeBranch => {
    const one: FakeBranch = {
      id: `br-quiet-fog-${String(++made).padStart(8, "0")}`,
      state: "init",
      default: false,
      protected: false,
      annotation: {},
      password: null,
      bytes: 0,
      ...over,
    };
    branches.set(one.id, one);
    return one;
  };
  const operate = (branchId: string, action: string, finish: FakeOperation["finish"] = () => undefined): FakeOperation => {
    const failing = knobs.failing === action;
    if (failing) knobs.failing = null;
    const operation: FakeOperation = {
      id: crypto.randomUUID(),
      branchId,
      action,
      status: "scheduling",
      error: failing ? "internal failure" : null,
      left: knobs.looks,
      finish,
    };
    operations.push(operation);
    return operation;
  };
  const addEndpoint = async (branchId: string): Promise<FakeEndpoint> => {
    const entered = () => {
      endpoint.state = "active";
    };
    const door = await storage.openDoor(branchId.replaceAll("-", ""), { entered });
    const endpoint: FakeEndpoint = { id: `ep-still-sun-${String(++made).padStart(8, "0")}`, branchId, state: "init", door };
    endpoints.set(endpoint.id, endpoint);
    return endpoint;
  };
  const place = (branchId: string) => branchId.replaceAll("-", "");
  const endpointsOf = (of: FakeBranch) => [...endpoints.values()].filter((endpoint) => endpoint.branchId === of.id).map(endpointJson);
  const checkName = (name: unknown): string => {
    if (typeof name !== "string" || name.length < 1 || name.length > 256) throw new Refusal(400, "", "a name has 1 to 256 characters");
    if ([...branches.values()].some((other) => other.name === name)) {
      throw new Refusal(409, "BRANCH_ALREADY_EXISTS", `branch with the provided name already exists: ${name}`);
    }
    return name;
  };
  const json = (list: FakeOperation[]) => list.map((operation) => operationJson(id, operation));
  const root = addBranch({ name: "main", parentId: null, state: "ready", default: true, password: "parent-Secret-1" });
  await storage.create(place(root.id), null);
  await storage.setPassword(place(root.id), "parent-Secret-1");
  (await addEndpoint(root.id)).state = "active";

  return {
    id,
    knobs,
    root,
    branch,
    endpointsOf,
    has: (wanted: string) => branches.has(wanted),
    all: () => [...branches.values()],
    unfinished: () => operations.filter((operation) => ["scheduling", "running"].includes(operation.status)).length,
    /** As a person with the console would. */
    async makeBranch(name: string, parentId: string | null = root.id): Promise<FakeBranch> {
      const one = addBranch({ name, parentId, state: "ready" });
      await storage.create(place(one.id), parentId === null ? null : place(parentId));
      return one;
    },
    refuseLocked() {
      const running = operations.find((operation) => ["scheduling", "running"].includes(operation.status));
      if (!running) return;
      // Time goes by for who tries again, also where nobody looks after the operation.
      void step(running);
      throw new Refusal(423, "", "project already has running conflicting operations, scheduling of new ones is prohibited");
    },
    listBranches(query: URLSearchParams) {
      checkKeys(Object.fromEntries(query), ["search", "sort_by", "sort_order", "cursor", "limit", "include_deleted"]);
      const search = query.get("search") ?? "";
      const limit = Math.min(knobs.pageSize, Number(query.get("limit") ?? 100));
      if (!Number.isInteger(limit) || limit < 1) throw new Refusal(400, "", "limit must be from 1 to 10000");
      const found = [...branches.values()].filter((one) => one.name.includes(search) || one.id.includes(search));
      const from = Number(Buffer.from(query.get("cursor") ?? "", "base64url").toString() || 0);
      const next = from + limit < found.length ? Buffer.from(String(from + limit)).toString("base64url") : undefined;
      const page = found.slice(from, from + limit);
      const annotations = Object.fromEntries(
        page.filter((one) => Object.keys(one.annotation).length > 0).map((one) => [one.id, annotationJson(one)]),
      );
      return {
        branches: page.map((one) => branchJson(id, one)),
        annotations,
        pagination: { next, sort_by: "created_at", sort_order: "ASC" },
      };
    },
    async lookAtBranch(wanted: string) {
      // Time goes by for who waits for the branch.
      for (const operation of operations) if (operation.branchId === wanted) await step(operation);
      const one = branch(wanted);
      return { branch: branchJson(id, one), annotation: annotationJson(one) };
    },
    async createBranch(body: unknown) {
      const wanted = checkKeys(body, ["branch", "endpoints", "annotation_value"]);
      const about = checkKeys(wanted.branch ?? {}, [
        "parent_id",
        "name",
        "parent_lsn",
        "parent_timestamp",
        "protected",
        "archived",
        "init_source",
        "expires_at",
      ]);
      const parent = typeof about.parent_id === "string" ? branch(checkId(about.parent_id)) : root;
      if (branches.size >= knobs.limit) throw new Refusal(422, "BRANCHES_LIMIT_EXCEEDED", "branches limit exceeded");
      const list = (wanted.endpoints ?? []) as unknown[];
      for (const each of list) {
        if (
          checkKeys(each, ["type", "settings", "autoscaling_limit_min_cu", "autoscaling_limit_max_cu", "suspend_timeout_seconds"]).type !==
          "read_write"
        ) {
          throw new Refusal(400, "", "type of an endpoint must be read_write");
        }
      }
      const annotation = checkKeys(wanted.annotation_value ?? {}, null) as Record<string, string>;
      const one = addBranch({ name: checkName(about.name), parentId: parent.id, annotation, password: parent.password });
      await storage.create(place(one.id), place(parent.id));
      one.bytes = await storage.bytes(place(one.id));
      const started = [operate(one.id, "create_branch", () => become(one, "ready"))];
      for (const _ of list) {
        const endpoint = await addEndpoint(one.id);
        started.push(operate(one.id, "start_compute", () => become(endpoint, "active")));
      }
      return {
        branch: branchJson(id, one),
        endpoints: endpointsOf(one),
        operations: json(started),
        roles: [{ branch_id: one.id, name: fakeRole }],
        databases: [databaseJson(one.id)],
      };
    },
    renameBranch(wanted: string, body: unknown) {
      const one = branch(wanted);
      const about = checkKeys(checkKeys(body, ["branch"]).branch, ["name", "protected", "expires_at"]);
      if (about.name !== undefined) one.name = checkName(about.name);
      return { branch: branchJson(id, one), operations: [] };
    },
    async deleteBranch(wanted: string) {
      const one = branch(wanted);
      if (one.default || one.parentId === null) throw new Refusal(422, "", "cannot delete the root or default branch");
      if (one.protected) throw new Refusal(422, "", "cannot delete a protected branch");
      if ([...branches.values()].some((other) => other.parentId === one.id))
        throw new Refusal(422, "", "cannot delete branch that has children");
      for (const endpoint of endpoints.values()) if (endpoint.branchId === one.id) endpoint.door.disconnect();
      const gone = async () => {
        branches.delete(one.id);
        for (const endpoint of [...endpoints.values()].filter(({ branchId }) => branchId === one.id)) {
          endpoint.door.close();
          endpoints.delete(endpoint.id);
        }
        await storage.drop(place(one.id));
      };
      const last = operate(one.id, "delete_timeline", gone);
      return { branch: branchJson(id, one), operations: json([last]) };
    },
    async restoreBranch(wanted: string, body: unknown) {
      const one = branch(wanted);
      const how = checkKeys(body, ["source_branch_id", "source_lsn", "source_timestamp", "preserve_under_name"]);
      const source = branch(checkId(how.source_branch_id));
      const children = [...branches.values()].filter((other) => other.parentId === one.id);
      if (source.id === one.id) throw new Refusal(422, "", "source_timestamp or source_lsn is required to restore a branch to itself");
      if (children.length > 0 && !how.preserve_under_name)
        throw new Refusal(422, "", "preserve_under_name is required: the branch has children");
      const keptName = how.preserve_under_name ? checkName(how.preserve_under_name) : null;
      if (keptName !== null && branches.size >= knobs.limit) throw new Refusal(422, "BRANCHES_LIMIT_EXCEEDED", "branches limit exceeded");
      const kept = addBranch({ name: keptName ?? `dropped-${made}`, parentId: one.parentId, state: "ready", password: one.password });
      for (const child of children) child.parentId = kept.id;
      for (const endpoint of endpoints.values()) if (endpoint.branchId === one.id) endpoint.door.disconnect();
      await storage.exchange(place(one.id), place(source.id), place(kept.id));
      Object.assign(one, { state: "resetting", parentId: source.id, password: source.password });
      if (keptName === null) {
        branches.delete(kept.id);
        await storage.drop(place(kept.id));
      }
      const ready = operate(one.id, "create_branch", () => become(one, "ready"));
      return { branch: branchJson(id, one), operations: json([ready, operate(one.id, "apply_config")]) };
    },
    resetPassword(wanted: string, role: string) {
      const one = branch(wanted);
      if (role !== fakeRole) throw new Refusal(404, "", "role not found");
      const password = `npg_${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
      // The old one is good until the operation is finished.
      const applied = operate(one.id, "apply_config", async () => {
        one.password = password;
        await storage.setPassword(place(one.id), password);
        for (const endpoint of endpoints.values()) if (endpoint.branchId === one.id) endpoint.door.disconnect();
      });
      return { role: { branch_id: one.id, name: role, password, protected: false }, operations: json([applied]) };
    },
    connectionUri(query: URLSearchParams) {
      const wanted = checkKeys(Object.fromEntries(query), ["branch_id", "endpoint_id", "database_name", "role_name", "pooled"]);
      if (!wanted.database_name || !wanted.role_name) throw new Refusal(400, "", "database_name and role_name are required");
      const one = branch(typeof wanted.branch_id === "string" ? wanted.branch_id : root.id);
      if (wanted.database_name !== fakeDatabase) throw new Refusal(404, "", "database not found");
      if (wanted.role_name !== fakeRole) throw new Refusal(404, "", "role not found");
      const endpoint = [...endpoints.values()].find(({ branchId }) => branchId === one.id);
      if (!endpoint) throw new Refusal(404, "", "endpoint not found");
      const parts = { user: fakeRole, password: one.password ?? "", host: "127.0.0.1", port: endpoint.door.port, database: fakeDatabase };
      // At Neon it says `sslmode=require&channel_binding=require`; behind this fake there is no TLS.
      return { uri: `${postgresUrl(parts).replace(/^postgres:/, "postgresql:")}?sslmode=disable` };
    },
    databaseOf: databaseJson,
    async pollOperation(wanted: string) {
      const operation = operations.find((each) => each.id === wanted);
      if (!operation) throw new Refusal(404, "", "operation not found");
      await step(operation);
      return operationJson(id, operation);
    },
    async createEndpoint(body: unknown) {
      const wanted = checkKeys(checkKeys(body, ["endpoint"]).endpoint, ["branch_id", "type"]);
      const one = branch(checkId(wanted.branch_id));
      if (endpointsOf(one).length > 0) throw new Refusal(422, "", "read-write endpoint already exists");
      const endpoint = await addEndpoint(one.id);
      return {
        endpoint: endpointJson(endpoint),
        operations: json([operate(one.id, "start_compute", () => become(endpoint, "active"))]),
      };
    },
    startEndpoint(wanted: string) {
      const endpoint = endpoints.get(wanted);
      if (!endpoint) throw new Refusal(404, "", "endpoint not found");
      const started = endpoint.state === "active" ? [] : [operate(endpoint.branchId, "start_compute", () => become(endpoint, "active"))];
      return { endpoint: endpointJson(endpoint), operations: json(started) };
    },
    suspendEndpoint(wanted: string) {
      const endpoint = endpoints.get(wanted);
      if (!endpoint) throw new Refusal(404, "", "endpoint not found");
      const suspended = operate(endpoint.branchId, "suspend_compute", () => {
        endpoint.state = "idle";
        endpoint.door.disconnect();
      });
      return { endpoint: endpointJson(endpoint), operations: json([suspended]) };
    },
    /** As a person with the console would. */
    dropEndpoints(of: FakeBranch) {
      for (const endpoint of [...endpoints.values()].filter(({ branchId }) => branchId === of.id)) {
        endpoint.door.close();
        endpoints.delete(endpoint.id);
      }
    },
  };
}

/** What an operation does at its end. */
function become<State extends string>(thing: { state: State }, state: State): void {
  thing.state = state;
}

async function step(operation: FakeOperation): Promise<void> {
  if (!["scheduling", "running"].includes(operation.status)) return;
  if (operation.left-- > 0) operation.status = "running";
  else if (operation.error) operation.status = "failed";
  else {
    operation.status = "finished";
    await operation.finish();
  }
}

function checkKeys(value: unknown, known: string[] | null): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Refusal(400, "", "an object is needed");
  for (const [key, each] of Object.entries(value)) {
    if (known ? !known.includes(key) : typeof each !== "string") throw new Refusal(400, "", `the field ${key} is not known`);
  }
  return value as Record<string, unknown>;
}

function checkId(value: unknown): string {
  if (typeof value === "string" && idPattern.test(value)) return value;
  throw new Refusal(400, "", "that is no id");
}

const moment = "2026-01-02T03:04:05Z";

function branchJson(projectId: string, { id, name, parentId, state, default: standard, protected: guarded, bytes }: FakeBranch) {
  return {
    id,
    project_id: projectId,
    ...(parentId === null ? {} : { parent_id: parentId }),
    name,
    current_state: state,
    state_changed_at: moment,
    logical_size: bytes,
    creation_source: "console",
    default: standard,
    protected: guarded,
    cpu_used_sec: 0,
    active_time_seconds: 0,
    compute_time_seconds: 0,
    written_data_bytes: Math.round(bytes / 10),
    data_transfer_bytes: 0,
    created_at: moment,
    updated_at: moment,
  };
}

function annotationJson({ id, annotation }: FakeBranch) {
  return { object: { type: "console/branch", id }, value: annotation, created_at: moment, updated_at: moment };
}

function endpointJson({ id, branchId, state, door }: FakeEndpoint) {
  return { id, host: `127.0.0.1:${door.port}`, branch_id: branchId, type: "read_write", current_state: state, disabled: false };
}

function databaseJson(branchId: string) {
  return { id: 1, branch_id: branchId, name: fakeDatabase, owner_name: fakeRole, created_at: moment, updated_at: moment };
}

function operationJson(projectId: string, { id, branchId, action, status, error }: FakeOperation) {
  return {
    id,
    project_id: projectId,
    branch_id: branchId,
    action,
    status,
    ...(status === "failed" && error ? { error } : {}),
    failures_count: status === "failed" ? 1 : 0,
    created_at: moment,
    updated_at: moment,
    total_duration_ms: 0,
  };
}
