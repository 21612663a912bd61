import { describe, expect, test } from "bun:test";
import { parseConfig } from "../config/parse-config.ts";
import { connectionInside, containerInput, containerVariables } from "./container-variables.ts";
import type { EnvironmentRecord, ProjectRecord } from "./ledger.ts";
import { type ContractInput, contractVariables } from "./variables.ts";

const { config: parsed, errors } = parseConfig(
  `
runtime: compose
compose: { files: [compose.yaml, compose.dev.yaml], profiles: [dev, debug], shared: [db] }
env: { STAGE: "\${{ env.slug }}" }
services:
  web: { route: /, target: 8000, env: { BACK: "\${{ services.api.url }}" } }
  api: { route: /api, target: 9000 }
  worker: {}
  vite: { run: "vite --port $PORT" }
`,
  { path: "wt.yaml", projectFallback: "shop", resourceTypes: [] },
);
if (!parsed) throw new Error(JSON.stringify(errors));
const config = parsed;
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
const db = {
  variables: { DATABASE_URL: "postgres://me:pw@127.0.0.1:20017/mine" },
  values: { url: "postgres://me:pw@127.0.0.1:20017/mine", host: "127.0.0.1", port: "20017", name: "mine" },
};
const input: ContractInput = {
  project,
  environment,
  config,
  ports: { web: 20_001, api: 20_002, vite: 20_003 },
  hostSuffix: ".localhost:7080",
  resources: { db },
  composeProject: "shop-feat-x",
};
const doors = [
  { port: 20_170, service: "other", target: 1 },
  { port: 20_017, service: "db", target: 5432 },
];
const service = (name: string) => config.services.find((one) => one.name === name) ?? null;
const inside = containerInput(input, doors);
const variables = (name: string | null) => containerVariables(inside, name === null ? null : service(name));
const values = (name: string | null) => Object.fromEntries(variables(name).map(({ key, value }) => [key, value]));

describe("containerVariables", () => {
  test("a service is reached by its name and its container's port; its own port is the container's", () => {
    expect(values("web")).toMatchObject({
      PORT: "8000",
      WEB_URL: "http://web:8000",
      API_URL: "http://api:9000",
      API_PORT: "9000",
      WEB_PUBLIC_URL: "http://feat-x.localhost:7080",
      BACK: "http://api:9000",
      STAGE: "feat-x",
      WT_SERVICE: "web",
    });
  });

  test("neither HOST, nor what containers cannot reach, nor what is for the host's Compose", () => {
    const keys = Object.keys(values("web"));
    for (const key of ["HOST", "VITE_URL", "COMPOSE_PROJECT_NAME", "COMPOSE_FILE", "WT_VARIABLES"]) expect(keys).not.toContain(key);
    expect(Object.keys(values("worker"))).not.toContain("PORT");
  });

  test("a database in a shared service is reached by that one's name", () => {
    expect(values("web").DATABASE_URL).toBe("postgres://me:pw@db:5432/mine");
    expect(values(null).DATABASE_URL).toBe("postgres://me:pw@db:5432/mine");
  });

  test("resources and what wt.yaml says win over the compose file; the rest fills in", () => {
    const forced = variables("web").flatMap(({ key, force }) => (force ? [key] : []));
    expect(forced.sort()).toEqual(["BACK", "DATABASE_URL", "STAGE"]);
  });
});

describe("the host beside containers", () => {
  const onHost = (name: string | null) =>
    Object.fromEntries(contractVariables(input, name === null ? null : service(name)).map(({ key, value }) => [key, value]));

  test("reaches them through their published ports, and Compose by hand means the same project", () => {
    expect(onHost(null)).toMatchObject({
      WEB_URL: "http://127.0.0.1:20001",
      DATABASE_URL: "postgres://me:pw@127.0.0.1:20017/mine",
      COMPOSE_PROJECT_NAME: "shop-feat-x",
      COMPOSE_FILE: "/repo.worktrees/feat-x/compose.yaml:/repo.worktrees/feat-x/compose.dev.yaml",
      COMPOSE_PROFILES: "dev,debug",
    });
    expect(onHost("vite")).toMatchObject({ PORT: "20003", HOST: "127.0.0.1" });
  });
});

describe("connectionInside", () => {
  test("host and port alone follow the URL", () => {
    expect(connectionInside(db, doors).values).toEqual({ url: "postgres://me:pw@db:5432/mine", host: "db", port: "5432", name: "mine" });
  });

  test("what is not in a shared service stays: another port that begins alike, another host", () => {
    const elsewhere = { variables: { A: "redis://127.0.0.1:200170", B: "postgres://db.example.com:20017/x" }, values: { port: "5432" } };
    expect(connectionInside(elsewhere, doors)).toEqual(elsewhere);
  });
});
