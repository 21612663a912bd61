import { expect, test } from "bun:test";
import { memoryFiles } from "../../../test/support/repository-files.ts";
import { detectConfig } from "../detect.ts";

const envOf = async (services: string) => {
  const found = await detectConfig(memoryFiles({ "compose.yaml": `services:\n${services}` }), { projectFallback: "x" });
  return Object.fromEntries(found?.config.services.map(({ name, env }) => [name, env]) ?? []);
};

test("a page that loads its scripts from a port of this machine finds them in its own environment", async () => {
  const environments = await envOf(`  web:
    build: .
    ports: ["8000:8000"]
    environment:
      ASSETS: \${ASSETS:-http://localhost:5173}/static
      ORIGIN: \${ORIGIN-http://localhost:5173}
      HOSTS: http://127.0.0.1:5173,https://localhost:8000,http://localhost:1
      INSIDE: http://vite:5173
      DATABASE_URL: postgres://localhost:5432/shop
      PORT: 5173
  vite:
    build: ./frontend
    ports: [{ target: 3000, published: "5173" }]
  db: { image: "postgres:16", ports: ["5432:5432"] }
`);
  expect(environments.web).toEqual({
    ASSETS: "${{ services.vite.public_url }}/static",
    ORIGIN: "${{ services.vite.public_url }}",
    HOSTS: "${{ services.vite.public_url }},${{ services.web.public_url }},http://localhost:1",
  });
  expect(environments.vite).toEqual({});
});

test("lists of variables and ports with an address count too; ports of jobs, of UDP and of nobody do not", async () => {
  const environments = await envOf(`  web:
    build: .
    ports: ["127.0.0.1:8000:80", "5353:53/udp"]
    environment: [SELF=http://localhost:8000/a=b, DNS=http://localhost:5353, JOB=http://localhost:9000, EMPTY]
  worker: { build: ., command: work }
`);
  expect(environments.web).toEqual({ SELF: "${{ services.web.public_url }}/a=b" });
});
