import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestWorld, testWorld } from "../../test/support/daemon-world.ts";
import { WtError } from "../errors/wt-error.ts";
import { systemClock } from "../os/clock.ts";
import type { Inspection, ResourceContent, ResourceSpec } from "../resource/resource-driver.ts";
import { createEnvironment } from "./create-environment.ts";
import { diffDatabases } from "./diff-databases.ts";
import { driftFindings, driftOf } from "./drift.ts";
import { createDriftMemory } from "./drift-memory.ts";
import { dumpOperation, loadOperation } from "./dump-operations.ts";
import { leasedResources } from "./resources.ts";
import { upEnvironment } from "./up-environment.ts";

const wtYaml = "project: shop\nresources:\n  db: { type: sqlite, path: a.db }\n";

/** Main and `feature`, with databases whose schemas are what a test says. */
async function raised() {
  const made = await testWorld({ "wt.yaml": wtYaml }, { sqlite: {} });
  const driver = made.databases.sqlite!;
  const schemas = { main: ["a"], feature: ["a", "b"] };
  const state = { asleep: false, mark: "1", looks: 0, inputsChanged: null as boolean | null, stuck: false };
  const tablesOf = (spec: ResourceSpec) => (spec.main ? schemas.main : schemas.feature);
  Object.assign(driver, {
    async inspect(spec: ResourceSpec, how: Inspection): Promise<ResourceContent | null> {
      if (state.asleep && !how.wake) return null;
      state.looks++;
      if (state.stuck) return new Promise(() => undefined);
      const objects = tablesOf(spec).map((name) => ({ kind: "table", name, definition: name }));
      return { version: "SQLite 3", objects, rows: how.rows ? [{ table: "a", rows: tablesOf(spec).length, exact: true }] : [] };
    },
    contentMark: async () => (state.asleep ? null : state.mark),
    inputsChanged: async () => state.inputsChanged,
    async dump(_: ResourceSpec, wish: { path: string; format: string | null }) {
      writeFileSync(wish.path, "dump", { mode: 0o600 });
      if (state.stuck) throw new WtError({ kind: "machine", code: "dump_failed", message: "It failed." });
      return wish.format ?? "plain";
    },
    async load(spec: ResourceSpec, path: string) {
      schemas[spec.main ? "main" : "feature"] = [path];
    },
  });
  await upEnvironment(made.world, { target: made.target, services: [], env: {}, anew: false }, made.call());
  await createEnvironment(made.world, { cwd: made.target.cwd, branch: "feature", up: true, env: {} }, made.call());
  // Deadlines are real ones from here on.
  made.world.clock = systemClock;
  const [main, feature] = ["main", "feature"].map((slug) => made.world.ledger.environments().find((one) => one.slug === slug)!);
  const db = (id: string) => leasedResources(made.world, id)[0]!;
  const drift = (deadlineMs = 10_000) => driftOf(made.world, db(feature!.id), deadlineMs);
  return { ...made, schemas, state, main: main!, feature: feature!, db, drift, target: { cwd: made.target.cwd, name: "feature" } };
}

describe("drift", () => {
  test("is looked at only when the content may have changed", async () => {
    await using made = await raised();
    const { state, schemas } = made;
    expect(await made.drift()).toEqual({ changes: "1 table added", asOf: null, inputsChanged: null });
    const looks = state.looks;
    await made.drift();
    expect(state.looks).toBe(looks);
    schemas.feature.push("c");
    state.mark = "2";
    expect((await made.drift())?.changes).toBe("2 tables added");
    schemas.feature.splice(0, 3, "a");
    state.mark = "3";
    expect((await made.drift())?.changes).toBe("");
    expect(await driftOf(made.world, made.db(made.main.id), 10_000)).toBeNull();
  });

  test("of what sleeps is what was seen last, with its time, also by the next daemon", async () => {
    await using made = await raised();
    await made.drift();
    made.state.asleep = true;
    const seen = await made.drift();
    expect(seen).toEqual({ changes: "1 table added", asOf: expect.stringMatching(/^\d{4}-/), inputsChanged: null });
    made.world.drift = createDriftMemory(made.world.paths.environments);
    expect(await made.drift()).toEqual(seen);
  });

  test("a look that takes too long holds nobody up, and is not begun twice", async () => {
    await using made = await raised();
    await made.drift();
    Object.assign(made.state, { stuck: true, mark: "2" });
    const before = made.state.looks;
    for (let round = 0; round < 3; round++) expect((await made.drift(1))?.asOf).not.toBeNull();
    expect(made.state.looks).toBe(before + 2);
  });

  test("doctor names drift calmly and pending migrations as a warning", async () => {
    await using made = await raised();
    made.state.inputsChanged = true;
    const findings = await driftFindings(made.world, made.feature);
    expect(findings.map(({ code, level, fix }) => [code, level, fix])).toEqual([
      ["schema_drift", "ok", "wt db diff feature"],
      ["migrations_pending", "warning", "wt db reset db -e feature"],
    ]);
    expect(findings[0]?.message).toBe("The schema of db in feature differs from main's: 1 table added.");
  });
});

describe("diff", () => {
  test("from main to here, the other way round, and not with itself", async () => {
    await using made = await raised();
    made.state.asleep = true;
    const diff = (over = {}) =>
      diffDatabases(made.world, { target: made.target, from: null, resource: null, rows: true, ...over }, made.call());
    const forth = await diff();
    expect([forth.from.environment, forth.to.environment, forth.same]).toEqual(["main", "feature", false]);
    expect(forth.objects).toEqual([{ change: "added", kind: "table", name: "b", lines: [{ sign: "+", text: "b" }] }]);
    expect(forth.rows).toEqual([{ table: "a", from: { rows: 1, exact: true }, to: { rows: 2, exact: true } }]);
    const back = await diff({ from: "feature", target: { cwd: made.repository.root }, rows: false });
    expect([back.objects[0]?.change, back.rows]).toEqual(["removed", null]);
    const error = (await diff({ from: "feature" }).catch((thrown) => thrown)) as WtError;
    expect([error.code, error.hints]).toEqual(["same_environment", ["Name another environment: wt db diff main"]]);
  });
});

describe("dump and load", () => {
  const placeIn = ({ repository }: TestWorld) => {
    const directory = join(repository.base, "dumps");
    mkdirSync(directory);
    return directory;
  };

  test("a dump appears whole or not at all, and replaces nothing unasked", async () => {
    await using made = await raised();
    const directory = placeIn(made);
    const path = join(directory, "a.sql");
    const dump = (over = {}) =>
      dumpOperation(
        made.world,
        { target: made.target, resource: null, path, format: null, schema: true, data: true, replace: false, ...over },
        made.call(),
      );
    expect(await dump()).toMatchObject({ environment: "feature", resource: "db", type: "sqlite", path, format: "plain", bytes: 4 });
    expect((await dump({ path: join(directory, "b.db") })).format).toBe("file");
    expect((await dump({ path: join(directory, "b.tar") })).format).toBe("plain");
    const failure = async (over: object) => ((await dump(over).catch((error) => error)) as WtError).code;
    expect(await failure({})).toBe("dump_exists");
    await dump({ replace: true });
    expect(await failure({ path: directory, replace: true })).toBe("dump_exists");
    expect(await failure({ path: join(directory, "no/where.sql") })).toBe("dump_place");
    made.state.stuck = true;
    expect(await failure({ path: join(directory, "c.sql") })).toBe("dump_failed");
    expect(readdirSync(directory).sort()).toEqual(["a.sql", "b.db", "b.tar"]);
  });

  test("a load is one operation of its environment; what is no file is refused", async () => {
    await using made = await raised();
    const directory = placeIn(made);
    const path = join(directory, "a.sql");
    const load = () => loadOperation(made.world, { target: made.target, resource: null, path, restart: false, env: {} }, made.call());
    const error = (await load().catch((thrown) => thrown)) as WtError;
    expect([error.code, error.kind, existsSync(path)]).toEqual(["dump_absent", "not_found", false]);
    writeFileSync(path, "");
    expect((await load()).resources).toEqual(["db"]);
    expect([made.schemas.feature, made.world.ledger.operations()]).toEqual([[path], []]);
  });
});
