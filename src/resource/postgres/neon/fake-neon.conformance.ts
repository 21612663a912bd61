// A FAKE of Neon's HTTP API for tests, written after the published description of the API (v2). Nothing here was compared with the service itself.
// It is stricter than the service may be: unknown fields, wrong types and wrong paths are refused, and while an operation runs, everything that
// changes something is answered with 423. Operations go on only when they are asked after, so that no test depends on time.
import type { TestServer } from "../test-server.conformance.ts";
import { createFakeProject, type FakeProject, Refusal } from "./fake-neon-project.conformance.ts";
import { createFakeStorage, fakeDatabase, fakeRole } from "./fake-neon-storage.conformance.ts";

export interface SeenRequest {
  method: string;
  path: string;
  body: unknown;
}

/**
 * Gives an answer in the place of the real one; null: no fault. "drop": the work is done and the answer lost; "cut": neither. "freeze": no answer
 * ever comes, as for a client that was killed; "freeze after": the same, with the work done.
 */
export type Fault = (request: SeenRequest) => Response | "drop" | "cut" | "freeze" | "freeze after" | null;

export interface FakeNeon {
  apiUrl: string;
  key: string;
  project: FakeProject;
  requests: SeenRequest[];
  /** Asked for each request, in turn. */
  faults: Fault[];
  dispose(): Promise<void>;
}

export const projectId = "quiet-river-12345678";

export async function startFakeNeon(server: TestServer): Promise<FakeNeon> {
  const storage = createFakeStorage(server);
  const project = await createFakeProject({ id: projectId, storage });
  const requests: SeenRequest[] = [];
  const faults: Fault[] = [];
  const key = `napi_${crypto.randomUUID().replaceAll("-", "")}`;
  let queue: Promise<unknown> = Promise.resolve();
  const answer = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const text = await request.text();
    const body = text === "" ? undefined : (JSON.parse(text) as unknown);
    const seen = { method: request.method, path: url.pathname.replace(/^\/api\/v2/, ""), body };
    requests.push(seen);
    const fault = faults.map((each) => each(seen)).find((each) => each !== null) ?? null;
    if (fault instanceof Response) return fault;
    if (fault === "cut") return lost();
    if (fault === "freeze") return never();
    const turn = queue.then(() => respond({ request, url, body, key, project }));
    queue = turn.catch(() => undefined);
    const real = await turn;
    return fault === "drop" ? lost() : fault === "freeze after" ? never() : real;
  };
  const http = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer });
  return {
    apiUrl: `http://127.0.0.1:${http.port}/api/v2`,
    key,
    project,
    requests,
    faults,
    async dispose() {
      await http.stop(true);
      await storage.disposeAll();
    },
  };
}

/** A body that is cut off: the client cannot know what happened. */
function lost(): Response {
  return new Response('{"bran', { headers: { "content-type": "application/json" } });
}

function never(): Promise<Response> {
  return new Promise(() => undefined);
}

interface Incoming {
  request: Request;
  url: URL;
  body: unknown;
  key: string;
  project: FakeProject;
}

async function respond({ request, url, body, key, project }: Incoming): Promise<Response> {
  try {
    if (request.headers.get("authorization") !== `Bearer ${key}`) {
      throw new Refusal(401, "", "supplied credentials do not pass authentication");
    }
    if (body !== undefined && !request.headers.get("content-type")?.startsWith("application/json")) {
      throw new Refusal(400, "", "the body must be JSON");
    }
    const [, projects, id, ...rest] = url.pathname
      .replace(/^\/api\/v2/, "")
      .split("/")
      .map(decodeURIComponent);
    if (projects !== "projects" || id !== project.id) throw new Refusal(404, "", "project not found");
    const { status, json } = await route(project, { method: request.method, parts: rest, query: url.searchParams, body });
    return status === 204 ? new Response(null, { status }) : Response.json(json, { status });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return Response.json({ request_id: crypto.randomUUID(), code: error.code, message: error.message }, { status: error.status });
  }
}

interface Routed {
  method: string;
  parts: string[];
  query: URLSearchParams;
  body: unknown;
}

interface Answer {
  status: number;
  json?: unknown;
}

async function route(project: FakeProject, { method, parts, query, body }: Routed): Promise<Answer> {
  const [kind = "", id = "", verb = "", name = "", action = ""] = parts;
  if (method !== "GET") project.refuseLocked();
  switch (`${method} ${kind}${id ? "/:id" : ""}${verb ? `/${verb}` : ""}${name ? "/:name" : ""}${action ? `/${action}` : ""}`) {
    case "GET ":
      return { status: 200, json: { project: { id: project.id, name: "shop", pg_version: 17 } } };
    case "GET branches":
      return { status: 200, json: project.listBranches(query) };
    case "POST branches":
      return { status: 201, json: await project.createBranch(body) };
    case "GET branches/:id":
      return { status: 200, json: await project.lookAtBranch(id) };
    case "PATCH branches/:id":
      return { status: 200, json: project.renameBranch(id, body) };
    case "DELETE branches/:id":
      return project.has(id) ? { status: 200, json: await project.deleteBranch(id) } : { status: 204 };
    case "POST branches/:id/restore":
      return { status: 200, json: await project.restoreBranch(id, body) };
    case "GET branches/:id/endpoints":
      return { status: 200, json: { endpoints: project.endpointsOf(project.branch(id)) } };
    case "GET branches/:id/databases":
      return { status: 200, json: { databases: project.branch(id) && [project.databaseOf(id)] } };
    case "POST branches/:id/roles/:name/reset_password":
      return { status: 200, json: project.resetPassword(id, name) };
    case "GET connection_uri":
      return { status: 200, json: project.connectionUri(query) };
    case "GET operations/:id":
      return { status: 200, json: { operation: await project.pollOperation(id) } };
    case "POST endpoints":
      return { status: 201, json: await project.createEndpoint(body) };
    case "POST endpoints/:id/start":
      return { status: 200, json: project.startEndpoint(id) };
    case "POST endpoints/:id/suspend":
      return { status: 200, json: project.suspendEndpoint(id) };
    default:
      throw new Refusal(404, "", `there is no ${method} /${parts.join("/")}`);
  }
}

export { fakeDatabase, fakeRole };
