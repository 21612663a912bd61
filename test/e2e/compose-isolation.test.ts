// `wt doctor --isolation` with the real Docker: nothing gets across, and holes that are made on purpose are found.
import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { ensureComposeImages } from "../../scripts/compose-images.ts";
import type { IsolationReport, IsolationTry, IsolationWay } from "../../src/api/isolation.ts";
import { isolationReport } from "../../src/api/schemas.ts";
import { composeApp, composeWorld, projectName } from "../support/compose-app.ts";
import { docker, dockerReason } from "../support/docker.ts";
import type { HermeticWorld } from "../support/hermetic-world.ts";

const reason = dockerReason();
const minute = 60_000;

async function isolation(world: HermeticWorld): Promise<{ code: number; report: IsolationReport }> {
  const { code, stdout } = await world.wt(["doctor", "--isolation", "--json"]);
  return { code, report: v.parse(isolationReport, JSON.parse(stdout)) };
}

function of(tries: readonly IsolationTry[], way: IsolationWay, outcome: IsolationTry["outcome"]): IsolationTry[] {
  return tries.filter((one) => one.way === way && one.outcome === outcome);
}

async function databaseApp(image: string): Promise<Record<string, string>> {
  const { POSTGRES_IMAGE } = await ensureComposeImages(console.error);
  return {
    ...composeApp(image),
    "wt.yaml": `project: ${projectName}
runtime: compose
compose: { shared: [db] }
resources:
  data: { type: postgres, service: db }
`,
    "compose.yaml": `services:
  tool:
    image: ${POSTGRES_IMAGE}
    init: true
    entrypoint: [sh, -c, "exec sleep 100000"]
    depends_on: { db: { condition: service_healthy } }
  db:
    image: ${POSTGRES_IMAGE}
    environment: { POSTGRES_USER: shop, POSTGRES_PASSWORD: secret }
    healthcheck: { test: [CMD, pg_isready, -h, 127.0.0.1, -U, shop], interval: 1s, retries: 60 }
    ports: ["5432"]
    volumes: ["data:/var/lib/postgresql/data"]
volumes: { data: {} }
`,
  };
}

describe.skipIf(reason !== null)(`the isolation of containers${reason === null ? "" : ` (left out: ${reason})`}`, () => {
  test(
    "nothing gets from one to the other, until a container is put into the other's network",
    async () => {
      await using compose = await composeWorld();
      const { world } = compose;
      await world.ok(["create", "a"]);
      const alone = await world.wt(["doctor", "--isolation"]);
      expect(alone.code).toBe(5);
      expect(alone.stderr).toContain("only a runs");
      expect(alone.stderr).toContain("wt create <branch>");
      await world.ok(["create", "b"]);
      const before = compose.things();

      const { code, report } = await isolation(world);
      expect(report.tries.filter(({ outcome }) => outcome === "reached")).toEqual([]);
      expect(code).toBe(0);
      expect(report.environments.toSorted()).toEqual(["a", "b"]);
      for (const from of ["a", "b"]) {
        const own = report.tries.filter((one) => one.from === from);
        const [web, target] = [`${projectName}-${from}-web-1`, `${projectName}-${from === "a" ? "b" : "a"}-web-1`];
        expect(
          of(own, "name", "separate")
            .filter((one) => one.at === web)
            .map((one) => one.target),
        ).toContain(target);
        expect(of(own, "network", "separate").some((one) => one.at === web && one.target.endsWith(":8000"))).toBe(true);
        expect(of(own, "port", "separate").some((one) => one.at === web)).toBe(true);
        expect(of(own, "gateway", "separate").some((one) => one.at === web)).toBe(true);
        expect(of(own, "gateway", "separate").some((one) => one.target === `Host: b.a.localhost`)).toBe(true);
        expect(of(own, "cookie", "separate").length).toBeGreaterThan(1);
      }
      expect(await world.ok(["doctor", "--isolation"])).toMatch(/a +b +network +separate/);

      const [network, guest] = [`${projectName}-b_default`, `${projectName}-a-web-1`];
      docker("network", "connect", network, guest);
      const holed = await isolation(world);
      expect(holed.code).toBe(7);
      const opened = of(holed.report.tries, "network", "reached");
      expect(opened.map(({ from, at }) => `${from} ${at}`)).toContain(`a ${guest}`);
      expect(of(holed.report.tries, "name", "reached").map(({ target }) => target)).toContain(`${projectName}-b-web-1`);
      const finding = holed.report.findings.find((one) => one.code === "isolation_network" && one.message.startsWith("a reaches b"));
      expect(finding?.fix).toBe(`docker network disconnect ${network} ${guest}`);
      docker("network", "disconnect", network, guest);
      expect((await isolation(world)).code).toBe(0);
      expect(compose.things()).toEqual(before);
    },
    4 * minute,
  );

  test(
    "credentials of one are refused by the other's database, until the server is told otherwise",
    async () => {
      const { POSTGRES_IMAGE } = await ensureComposeImages(console.error);
      expect(POSTGRES_IMAGE).not.toBe("");
      const files = await databaseApp("busybox");
      await using compose = await composeWorld(() => files);
      const { world } = compose;
      await world.ok(["create", "a"]);
      await world.ok(["create", "b"]);
      const { code, report } = await isolation(world);
      expect(report.tries.filter(({ outcome }) => outcome === "reached")).toEqual([]);
      expect(code).toBe(0);
      expect(
        of(report.tries, "database", "separate")
          .map(({ from, to }) => `${from} ${to}`)
          .sort(),
      ).toEqual(["a b", "b a"]);

      const urlOf = async (slug: string) => new URL((await world.ok(["db", "url", "data", "-e", slug])).trim());
      const [user, database] = [(await urlOf("a")).username, (await urlOf("b")).pathname.slice(1)];
      const server = `${projectName}-shared-db-1`;
      docker(
        "exec",
        server,
        "psql",
        "-h",
        "127.0.0.1",
        "postgres://shop:secret@127.0.0.1/shop",
        "-c",
        `GRANT CONNECT ON DATABASE "${database}" TO "${user}"`,
      );
      const holed = await isolation(world);
      expect(holed.code).toBe(7);
      expect(of(holed.report.tries, "database", "reached").map(({ from, to }) => `${from} ${to}`)).toEqual(["a b"]);
      expect(holed.report.findings.map(({ code: found }) => found)).toEqual(["isolation_database"]);
    },
    4 * minute,
  );
});
