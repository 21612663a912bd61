// What we use of Neon's API (https://api-docs.neon.tech), with its answers as types.
import { WtError } from "../../../errors/wt-error.ts";
import { type Ask, askNeon, type Limits, type NeonPlace } from "./neon-link.ts";

export interface NeonBranch {
  id: string;
  name: string;
  parentId: string | null;
  /** `init`, `resetting`, `ready`, `archived`. */
  state: string;
  default: boolean;
  protected: boolean;
  logicalBytes: number | null;
  writtenBytes: number | null;
  annotation: Record<string, string>;
}

export interface NeonEndpoint {
  id: string;
  branchId: string;
  type: string;
  /** `init`, `active`, `idle`. */
  state: string;
}

export interface NeonOperation {
  id: string;
  action: string;
  status: string;
  error: string | null;
}

export interface NewBranch {
  name: string;
  parentId: string;
  annotation: Record<string, string>;
  /** With a compute endpoint, so that it can be connected to. */
  endpoint: boolean;
}

export interface RestoreBranch {
  sourceId: string;
  /** Keeps what was there, with all child branches, as a branch of this name. */
  preserveUnder: string;
}

export interface NeonApi {
  readonly at: NeonPlace;
  /** Throws `WtError` when the project cannot be used. */
  checkProject(limits: Limits): Promise<void>;
  /** Those whose name or id contains the text, from all pages. */
  branches(search: string | null, limits: Limits): Promise<NeonBranch[]>;
  branch(id: string, limits: Limits): Promise<NeonBranch | null>;
  createBranch(wanted: NewBranch, limits: Limits): Promise<NeonOperation[]>;
  renameBranch(id: string, name: string, limits: Limits): Promise<NeonOperation[]>;
  restoreBranch(id: string, how: RestoreBranch, limits: Limits): Promise<NeonOperation[]>;
  deleteBranch(id: string, limits: Limits): Promise<NeonOperation[]>;
  endpoints(branchId: string, limits: Limits): Promise<NeonEndpoint[]>;
  createEndpoint(branchId: string, limits: Limits): Promise<NeonOperation[]>;
  startEndpoint(id: string, limits: Limits): Promise<NeonOperation[]>;
  suspendEndpoint(id: string, limits: Limits): Promise<NeonOperation[]>;
  databases(branchId: string, limits: Limits): Promise<{ name: string; owner: string }[]>;
  resetPassword(branchId: string, role: string, limits: Limits): Promise<{ password: string; operations: NeonOperation[] }>;
  connectionUri(wanted: { branchId: string; database: string; role: string }, limits: Limits): Promise<string>;
  operation(id: string, limits: Limits): Promise<NeonOperation | null>;
}

const pageSize = 100;

export function createNeonApi(at: NeonPlace): NeonApi {
  const ask = (wanted: Ask, limits: Limits) => askNeon(at, wanted, limits);
  const change = async (wanted: Ask, limits: Limits) => listOf(await ask(wanted, limits), "operations").map(parseOperation);
  return {
    at,
    ...reads(ask, at.place),
    createBranch: (wanted, limits) =>
      change(
        {
          method: "POST",
          path: "/branches",
          body: {
            branch: { name: wanted.name, parent_id: wanted.parentId },
            endpoints: wanted.endpoint ? [{ type: "read_write" }] : [],
            annotation_value: wanted.annotation,
          },
          what: `make the branch ${wanted.name}`,
        },
        limits,
      ),
    renameBranch: (id, name, limits) =>
      change({ method: "PATCH", path: `/branches/${part(id)}`, body: { branch: { name } }, what: `rename a branch to ${name}` }, limits),
    restoreBranch: (id, { sourceId, preserveUnder }, limits) =>
      change(
        {
          method: "POST",
          path: `/branches/${part(id)}/restore`,
          body: { source_branch_id: sourceId, preserve_under_name: preserveUnder },
          what: "restore the branch",
        },
        limits,
      ),
    deleteBranch: (id, limits) =>
      change({ method: "DELETE", path: `/branches/${part(id)}`, what: `delete the branch ${id}`, repeatable: true }, limits),
    createEndpoint: (branchId, limits) =>
      change(
        {
          method: "POST",
          path: "/endpoints",
          body: { endpoint: { branch_id: branchId, type: "read_write" } },
          what: "make a compute endpoint",
        },
        limits,
      ),
    startEndpoint: (id, limits) =>
      change({ method: "POST", path: `/endpoints/${part(id)}/start`, what: "start the compute", repeatable: true }, limits),
    suspendEndpoint: (id, limits) =>
      change({ method: "POST", path: `/endpoints/${part(id)}/suspend`, what: "suspend the compute", repeatable: true }, limits),
    async resetPassword(branchId, role, limits) {
      const path = `/branches/${part(branchId)}/roles/${part(role)}/reset_password`;
      const answer = await ask({ method: "POST", path, what: `give the role ${role} a password`, repeatable: true }, limits);
      const password = textIn(fields(fields(answer).role), "password");
      return { password, operations: listOf(answer, "operations").map(parseOperation) };
    },
  };
}

type Reads = Pick<NeonApi, "checkProject" | "branches" | "branch" | "endpoints" | "databases" | "connectionUri" | "operation">;

function reads(ask: (wanted: Ask, limits: Limits) => Promise<unknown>, place: string): Reads {
  return {
    async checkProject(limits) {
      await ask({ method: "GET", path: "", what: "tell about the project" }, limits);
    },
    async branches(search, limits) {
      const found: NeonBranch[] = [];
      const seen = new Set<string>();
      for (let cursor: string | undefined; ; ) {
        const query = { search: search ?? undefined, limit: String(pageSize), sort_by: "created_at", sort_order: "asc", cursor };
        const page = await ask({ method: "GET", path: "/branches", query, what: "list branches" }, limits);
        const annotations = fields(fields(page).annotations);
        found.push(...listOf(page, "branches").map((each) => parseBranch(each, annotations[String(fields(each).id)])));
        const next = fields(fields(page).pagination).next;
        if (typeof next !== "string" || next === "" || seen.has(next)) return found;
        seen.add(next);
        cursor = next;
      }
    },
    async branch(id, limits) {
      const answer = await ask({ method: "GET", path: `/branches/${part(id)}`, what: "tell about a branch" }, limits);
      return answer === null ? null : parseBranch(fields(answer).branch, fields(answer).annotation);
    },
    async endpoints(branchId, limits) {
      const answer = await ask({ method: "GET", path: `/branches/${part(branchId)}/endpoints`, what: "list computes" }, limits);
      return answer === null ? [] : listOf(answer, "endpoints").map(parseEndpoint);
    },
    async databases(branchId, limits) {
      const answer = await ask({ method: "GET", path: `/branches/${part(branchId)}/databases`, what: "list databases" }, limits);
      return answer === null
        ? []
        : listOf(answer, "databases").map((each) => ({ name: textIn(fields(each), "name"), owner: textIn(fields(each), "owner_name") }));
    },
    async connectionUri({ branchId, database, role }, limits) {
      const query = { branch_id: branchId, database_name: database, role_name: role };
      const answer = await ask({ method: "GET", path: "/connection_uri", query, what: `tell how ${database} is reached` }, limits);
      if (answer === null) throw unknownRole(place, role);
      return textIn(fields(answer), "uri");
    },
    async operation(id, limits) {
      const answer = await ask({ method: "GET", path: `/operations/${part(id)}`, what: "tell about an operation" }, limits);
      return answer === null ? null : parseOperation(fields(answer).operation);
    },
  };
}

function unknownRole(place: string, role: string): WtError {
  return new WtError({
    kind: "config",
    code: "neon_role_missing",
    message: `${place}.role: the branch at Neon has no role ${role}.`,
    hints: ["Without this key it is the owner of the database."],
  });
}

function parseBranch(value: unknown, annotation: unknown): NeonBranch {
  const branch = fields(value);
  const values = Object.entries(fields(fields(annotation).value)).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return {
    id: textIn(branch, "id"),
    name: textIn(branch, "name"),
    parentId: typeof branch.parent_id === "string" && branch.parent_id !== "" ? branch.parent_id : null,
    state: textIn(branch, "current_state"),
    // Older answers say `primary`. What says neither counts as the one that must not be touched.
    default: (branch.default ?? branch.primary) !== false,
    protected: branch.protected === true,
    logicalBytes: typeof branch.logical_size === "number" ? branch.logical_size : null,
    writtenBytes: typeof branch.written_data_bytes === "number" ? branch.written_data_bytes : null,
    annotation: Object.fromEntries(values),
  };
}

function parseEndpoint(value: unknown): NeonEndpoint {
  const endpoint = fields(value);
  return {
    id: textIn(endpoint, "id"),
    branchId: textIn(endpoint, "branch_id"),
    type: textIn(endpoint, "type"),
    state: textIn(endpoint, "current_state"),
  };
}

function parseOperation(value: unknown): NeonOperation {
  const operation = fields(value);
  return {
    id: textIn(operation, "id"),
    action: textIn(operation, "action"),
    status: textIn(operation, "status"),
    error: typeof operation.error === "string" && operation.error !== "" ? operation.error : null,
  };
}

function part(id: string): string {
  return encodeURIComponent(id);
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** A list that is not there is empty: 204 has no body, and `operations` may be left out. */
function listOf(value: unknown, key: string): unknown[] {
  const list = fields(value)[key];
  return Array.isArray(list) ? list : [];
}

function textIn(of: Record<string, unknown>, key: string): string {
  const value = of[key];
  if (typeof value === "string" && value !== "") return value;
  throw new WtError({
    kind: "machine",
    code: "neon_answer",
    message: `Neon's answer has no ${key}, which its published API says it has.`,
    hints: ["Perhaps a newer version of worldtree knows what changed."],
  });
}
