// What we read of a compose file, held against what Compose itself makes of it.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { directoryFiles } from "../../../test/support/repository-files.ts";
import type { ComposeServiceOutline } from "./compose-outline.ts";
import { readComposeOutline } from "./read-compose-outline.ts";

const fixtures = join(import.meta.dir, "../../../test/fixtures/compose");
const version = Bun.which("docker") ? Bun.spawnSync(["docker", "compose", "version", "--short"]) : null;
const missing = version?.exitCode === 0 ? null : "Docker Compose is not installed here";
if (missing && process.env.CI) throw new Error(missing);

interface RealService {
  image?: string;
  profiles?: string[];
  ports?: { target: number; protocol: string }[];
  expose?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { disable?: boolean; test?: string[] };
  build?: { context: string; dockerfile: string; target?: string };
  restart?: string;
  deploy?: { restart_policy?: { condition?: string } };
  volumes?: { type: string; source?: string; target: string }[];
}

async function realServices(root: string, profiles: string[]): Promise<Record<string, RealService>> {
  const asked = profiles.flatMap((profile) => ["--profile", profile]);
  const run = Bun.spawn(["docker", "compose", ...asked, "config", "--format", "json"], { cwd: root, stdout: "pipe", stderr: "ignore" });
  const model = (await new Response(run.stdout).json()) as { services: Record<string, RealService> };
  expect(await run.exited).toBe(0);
  return model.services;
}

const restarts: Record<string, string> = { always: "always", "unless-stopped": "always", "on-failure": "on-failure" };

const sorted = <T>(values: T[]): T[] => values.toSorted();

function ofReal(service: RealService, root: string) {
  const inside = (path: string) => path.slice(root.length + 1) || ".";
  return {
    image: service.image ?? null,
    published: sorted((service.ports ?? []).filter((port) => port.protocol === "tcp").map((port) => port.target)),
    exposed: sorted((service.expose ?? []).map(Number)),
    needs: sorted(Object.entries(service.depends_on ?? {}).map(([name, { condition }]) => `${name} ${condition}`)),
    healthcheck: service.healthcheck?.test !== undefined && !service.healthcheck.disable,
    build: service.build ? { ...service.build, context: inside(service.build.context), dockerfile: service.build.dockerfile } : null,
    restart: restarts[(service.restart ?? service.deploy?.restart_policy?.condition ?? "no").replace(/:.*/, "")] ?? "never",
    mounts: sorted(
      (service.volumes ?? []).flatMap(({ type, source = "", target }) =>
        type === "bind" && source.startsWith(root) ? [`${inside(source)}:${target}`] : [],
      ),
    ),
  };
}

const conditions = { started: "service_started", healthy: "service_healthy", completed: "service_completed_successfully" };

function ofOutline(service: ComposeServiceOutline, real: RealService) {
  const { build } = service;
  const dockerfile = build?.context === "." ? build.dockerfile : build?.dockerfile?.slice((build.context?.length ?? 0) + 1);
  return {
    image: service.image,
    published: sorted(service.published),
    exposed: sorted(service.exposed),
    needs: sorted(service.dependsOn.map((one) => `${one.service} ${conditions[one.condition]}`)),
    healthcheck: service.healthcheck,
    build: build ? { ...real.build, context: build.context, dockerfile, ...(build.target === null ? {} : { target: build.target }) } : null,
    restart: service.restart,
    mounts: sorted(service.mounts.map(({ source, target }) => `${source}:${target}`)),
  };
}

const cases = ["helpdesk", "storefront", "board"].flatMap((name) => [[], ["*"], ["tools"]].map((profiles) => [name, profiles] as const));

test.skipIf(missing !== null).each(cases)(
  `%s with profiles %j is what Compose says${missing ? ` (skipped: ${missing})` : ""}`,
  async (name, profiles) => {
    const root = join(fixtures, name);
    const real = await realServices(root, [...profiles]);
    const found = await readComposeOutline(directoryFiles(root), { files: [], profiles });
    const active = found.services.filter((service) => service.active);
    const scaledToNothing = name === "storefront" ? ["console"] : [];
    expect(sorted([...active.map((service) => service.name), ...scaledToNothing])).toEqual(sorted(Object.keys(real)));
    for (const service of active) {
      const its = real[service.name]!;
      expect<unknown>([service.name, ofOutline(service, its)]).toEqual([service.name, ofReal(its, root)]);
    }
  },
);
