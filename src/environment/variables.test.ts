import { describe, expect, test } from "bun:test";
import type { Config } from "../config/config.ts";
import { parseConfig } from "../config/parse-config.ts";
import type { EnvironmentRecord, ProjectRecord } from "./ledger.ts";
import { environmentRoutes, hostSuffix } from "./routes.ts";
import { planService } from "./service-plan.ts";
import { type ContractInput, contractVariables, foreignNames, scrubCallerEnvironment } from "./variables.ts";

function parsed(text: string): Config {
  const { config, errors } = parseConfig(text, { path: "wt.yaml", projectFallback: "shop", resourceTypes: [] });
  if (!config) throw new Error(JSON.stringify(errors));
  return config;
}

const project: ProjectRecord = { id: "p", name: "shop", root: "/repo", gitCommonDir: "/repo/.git", createdAtMs: 0 };
const environment: EnvironmentRecord = {
  id: "e1",
  projectId: "p",
  slug: "feat-x",
  hostLabel: "feat-x",
  branch: "feat/x",
  path: "/repo.worktrees/feat-x",
  main: false,
  ownsWorktree: true,
  ownsBranch: true,
  slot: 3,
  nonce: "n",
  wanted: "up",
  createdAtMs: 0,
};
const config = parsed(`
env: { STAGE: "\${{ env.slug }}" }
services:
  frontend: { run: "vite --port $PORT", route: / }
  my-api: { run: "node api.mjs", route: /api, env: { FRONT: "\${{ services.frontend.public_url }}", STAGE: own } }
  worker: { run: "node worker.mjs" }
`);
const input: ContractInput = {
  project,
  environment,
  config,
  ports: { frontend: 20_001, "my-api": 20_002 },
  hostSuffix: ".localhost:7080",
  resources: {},
};
const named = (name: string) => config.services.find((one) => one.name === name) ?? null;
const values = (service: string | null) =>
  Object.fromEntries(contractVariables(input, service === null ? null : named(service)).map(({ key, value }) => [key, value]));

describe("contractVariables", () => {
  test("server-to-server URLs are loopback addresses, the pretty ones are variables of their own", () => {
    expect(values("worker")).toMatchObject({
      FRONTEND_URL: "http://127.0.0.1:20001",
      MY_API_URL: "http://127.0.0.1:20002",
      FRONTEND_PUBLIC_URL: "http://feat-x.localhost:7080",
      MY_API_PUBLIC_URL: "http://my-api.feat-x.localhost:7080",
      WT_ENVIRONMENT: "feat-x",
      WT_SLOT: "3",
      WT_URL: "http://feat-x.localhost:7080",
    });
  });

  test("PORT belongs to the service that listens; a worker and wt run have none", () => {
    expect(values("my-api")).toMatchObject({ PORT: "20002", HOST: "127.0.0.1", WT_SERVICE: "my-api" });
    expect(values("worker").PORT).toBeUndefined();
    expect(values(null).PORT).toBeUndefined();
  });

  test("a service's env wins over the project's, and both resolve references", () => {
    expect(values("frontend").STAGE).toBe("feat-x");
    expect(values("my-api")).toMatchObject({ STAGE: "own", FRONT: "http://feat-x.localhost:7080" });
  });

  test("of two resources that give the same variable the first in wt.yaml wins, whichever was made first", () => {
    const resource = (url: string) => ({ variables: { DATABASE_URL: url }, values: { url } });
    const resources = { second: resource("b"), first: resource("a") };
    const both = {
      ...input,
      config: { ...config, resources: { first: { type: "x", options: {} }, second: { type: "x", options: {} } } },
      resources,
    };
    expect(contractVariables(both, null)).toContainEqual({ key: "DATABASE_URL", value: "a", origin: "resource first" });
  });

  test("each value says where it came from", () => {
    const origin = Object.fromEntries(contractVariables(input, named("my-api")).map((one) => [one.key, one.origin]));
    expect(origin.PORT).toBe("ledger: port lease of my-api");
    expect(origin.STAGE).toBe("wt.yaml: services.my-api.env.STAGE");
  });
});

describe("scrubCallerEnvironment", () => {
  test("what another environment, git or a package runner set is dropped; the user's own stays", () => {
    const caller = {
      PATH: "/bin",
      SSH_AUTH_SOCK: "/s",
      GIT_DIR: "/other/.git",
      GIT_SSH_COMMAND: "ssh -v",
      npm_config_local_prefix: "/x",
      npm_lifecycle_event: "demo",
      npm_config_registry: "http://registry.example",
      INIT_CWD: "/x",
      PORT: "3000",
      WT_SLOT: "9",
      WT_VARIABLES: "BACKEND_URL,PORT",
      BACKEND_URL: "http://127.0.0.1:20009",
    };
    expect(scrubCallerEnvironment(caller)).toEqual({
      PATH: "/bin",
      SSH_AUTH_SOCK: "/s",
      GIT_SSH_COMMAND: "ssh -v",
      npm_config_registry: "http://registry.example",
    });
    expect(foreignNames(caller)).toContain("BACKEND_URL");
  });

  test("the names an environment sets are exactly those a nested one drops", () => {
    const inner = { ...values("my-api"), HOME: "/home/u" };
    expect(scrubCallerEnvironment(inner)).toEqual({ HOME: "/home/u" });
  });
});

describe("planService", () => {
  const plan = (callerEnv: Record<string, string>, service = "my-api") => {
    const found = named(service);
    if (!found) throw new Error(service);
    return planService({ ...input, callerEnv, logDirectory: "/logs" }, found);
  };

  test("the caller's shell is no reason to restart; a port is", () => {
    expect(plan({ SHLVL: "1" }).definition).toBe(plan({ SHLVL: "2" }).definition);
    const moved = planService(
      { ...input, ports: { ...input.ports, "my-api": 20_009 }, callerEnv: {}, logDirectory: "/logs" },
      config.services[1] as never,
    );
    expect(moved.definition).not.toBe(plan({}).definition);
  });

  test("the contract wins over the caller's shell", () => {
    expect(plan({ PORT: "1", MY_API_URL: "http://elsewhere" }).spec.env).toMatchObject({
      PORT: "20002",
      MY_API_URL: "http://127.0.0.1:20002",
    });
  });
});

test("routes: paths on the environment's host, and a host for each service that listens", () => {
  const routes = environmentRoutes({ project, environment, services: config.services, ports: input.ports });
  expect(routes.map((route) => `${route.host}${route.prefix} ${route.port}`)).toEqual([
    "feat-x.localhost/ 20001",
    "frontend.feat-x.localhost/ 20001",
    "feat-x.localhost/api 20002",
    "my-api.feat-x.localhost/ 20002",
  ]);
});

test("port 80 is left out of URLs", () => {
  expect([hostSuffix(80), hostSuffix(7080)]).toEqual([".localhost", ".localhost:7080"]);
});
