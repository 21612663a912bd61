// A daemon for tests: answers the endpoints over a unix socket with what a test hands in, and remembers what it was asked.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { buildHeader, clientHeader } from "../../api/endpoints.ts";
import type { EnvironmentView, ServiceView } from "../../api/environment.ts";
import { worldPaths } from "../../os/paths.ts";

export interface FakeDaemon extends AsyncDisposable {
  /** Variables of a world of its own in which the CLI finds this daemon. */
  env: Record<string, string>;
  socket: string;
  requests: { path: string; body: unknown; client: string | null }[];
  /** Paths whose client went away before the answer was complete. */
  aborted: string[];
}

/** A value is answered as JSON; an array as newline-delimited JSON; a `Response` as it is; "hang" never. */
export type FakeAnswers = Record<string, unknown | ((body: never) => unknown)>;

export const fakeBuild = "test-build";

export async function startFakeDaemon(answers: FakeAnswers, build = fakeBuild): Promise<FakeDaemon> {
  const home = await mkdtemp("/tmp/wt-cli-");
  const env = hermeticEnvironment(home);
  const { socket } = worldPaths(env);
  await mkdir(dirname(socket), { recursive: true });
  const requests: FakeDaemon["requests"] = [];
  const aborted: string[] = [];
  const server = Bun.serve({
    unix: socket,
    async fetch(request) {
      const path = new URL(request.url).pathname;
      request.signal.addEventListener("abort", () => aborted.push(path));
      const body = await request.json();
      requests.push({ path, body, client: request.headers.get(clientHeader) });
      const given = path === "/v1/daemon" && !(path in answers) ? fakeDaemonView(build) : answers[path];
      const answer = typeof given === "function" ? await given(body) : given;
      const response = responseOf(answer);
      response.headers.set(buildHeader, build);
      return response;
    },
  });
  return {
    env,
    socket,
    requests,
    aborted,
    async [Symbol.asyncDispose]() {
      await server.stop(true);
      await rm(home, { recursive: true, force: true });
    },
  };
}

export function hermeticEnvironment(home: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "",
    HOME: home,
    XDG_STATE_HOME: join(home, "state"),
    XDG_RUNTIME_DIR: join(home, "run"),
    XDG_CONFIG_HOME: join(home, "config"),
    LANG: "C.UTF-8",
    WT_BUILD_ID: fakeBuild,
  };
}

function responseOf(answer: unknown): Response {
  if (answer instanceof Response) return answer;
  if (answer === undefined) {
    const error = { kind: "internal", code: "not_faked", message: "The fake daemon has no answer for this.", hints: [] };
    return Response.json({ error }, { status: 500 });
  }
  if (answer === "hang") return new Response(new ReadableStream({ start: (controller) => controller.enqueue("\n") }));
  if (Array.isArray(answer)) return new Response(answer.map((item) => `${JSON.stringify(item)}\n`).join(""));
  return Response.json(answer);
}

export function fakeDaemonView(build: string) {
  const counts = { projects: 1, environments: 2, services: 3, operationsInFlight: 0, memoryBytes: 40 << 20 };
  return { version: "0.0.1", build, pid: process.pid, startedAt: "2026-01-01T00:00:00Z", socket: "", stateDir: "", ...counts };
}

export function fakeService(given: Partial<ServiceView> = {}): ServiceView {
  return { name: "web", state: "Running", port: 20001, url: "http://web.one.localhost:7080", pid: 4242, restarts: 0, ...given };
}

export function fakeEnvironment(given: Partial<EnvironmentView> = {}): EnvironmentView {
  return {
    project: "demo",
    slug: "one",
    branch: "one",
    path: "/repo.worktrees/one",
    main: false,
    status: "Healthy",
    url: "http://one.localhost:7080",
    slot: 1,
    createdAt: "2026-01-01T00:00:00Z",
    git: { head: "a".repeat(40), dirty: 0, untracked: 0, ahead: 0, behind: 0 },
    services: [],
    resources: [],
    ...given,
  };
}
