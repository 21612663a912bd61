import { describe, expect, test } from "bun:test";
import { type TestWorld, testWorld } from "../../test/support/daemon-world.ts";
import { WtError } from "../errors/wt-error.ts";
import { createCheckpoint, listCheckpoints, removeCheckpoint, restoreCheckpoint, settleCheckpoints } from "./checkpoint-operations.ts";
import { deleteEnvironment } from "./delete-environment.ts";
import { environmentDocument } from "./environment-views.ts";
import { listResources } from "./list-resources.ts";
import { environmentOverview } from "./overview.ts";
import { locate } from "./projects.ts";
import { resetOperation, startOperation, stopOperation } from "./resource-operations.ts";
import { resourceConnection, withoutPassword } from "./resource-views.ts";
import { leasedResources } from "./resources.ts";
import { upEnvironment } from "./up-environment.ts";
import { readVariables } from "./variables.ts";

const wtYaml = `
project: shop
resources:
  db: { type: sqlite, path: a.db }
  files: { type: directory, path: up }
services:
  worker: { run: work }
`;
const types = { sqlite: {}, directory: { variable: "FILES_PATH", features: { sleep: false } } };

async function raised(files: Record<string, string> = { "wt.yaml": wtYaml }, given: Parameters<typeof testWorld>[1] = types) {
  const made = await testWorld(files, given);
  await upEnvironment(made.world, { target: made.target, services: [], env: {}, anew: false }, made.call());
  const environment = made.world.ledger.environments()[0]!;
  const [db, uploads] = ["db", "files"].map((name) => leasedResources(made.world, environment.id).find(({ spec }) => spec.name === name));
  return { ...made, environment, dbLabel: db!.spec.label, filesLabel: uploads?.spec.label ?? "" };
}

async function failureOf(promise: Promise<unknown>): Promise<WtError> {
  const thrown = await promise.then(
    () => "nothing was thrown",
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(WtError);
  return thrown as WtError;
}

const consent = { restart: false, env: {} };
const inFlight = ({ world }: Pick<TestWorld, "world">) => world.ledger.operations();

describe("which resource is meant", () => {
  test("the only database without a name; the named one; an unknown name lists what there is", async () => {
    await using made = await raised();
    expect((await resourceConnection(made.world, { target: made.target, resource: null })).resource).toBe("db");
    expect((await resourceConnection(made.world, { target: made.target, resource: "files" })).type).toBe("directory");
    const unknown = await failureOf(resourceConnection(made.world, { target: made.target, resource: "cache" }));
    expect([unknown.kind, unknown.code, unknown.hints.join()]).toEqual([
      "not_found",
      "resource_unknown",
      "There is: db (sqlite), files (directory)",
    ]);
  });

  test("two databases are ambiguous, and so are several that are none", async () => {
    const two = wtYaml.replace("files: { type: directory, path: up }", "other: { type: sqlite, path: b.db }");
    await using made = await raised({ "wt.yaml": two });
    const error = await failureOf(resetOperation(made.world, { target: made.target, resource: null, ...consent }, made.call()));
    expect([error.kind, error.message]).toEqual(["usage", "main has several resources: db (sqlite), other (sqlite)."]);
    expect(inFlight(made)).toEqual([]);
  });

  test("without resources it says how they are made", async () => {
    await using made = await testWorld({ "wt.yaml": wtYaml }, types);
    const error = await failureOf(resourceConnection(made.world, { target: made.target, resource: null }));
    expect([error.code, error.hints[0]]).toEqual(["no_resources", "Those under resources: in wt.yaml are made by: wt up main"]);
  });
});

describe("reset", () => {
  test("brings the first content back and names the services that ran on", async () => {
    await using made = await raised();
    const { world, target, databases, dbLabel } = made;
    databases.sqlite!.write(dbLabel, "mine");
    const call = made.call();
    const result = await resetOperation(world, { target, resource: "db", ...consent }, call);
    expect(databases.sqlite!.read(dbLabel)).toBeNull();
    expect(result).toMatchObject({ resources: ["db"], runningServices: ["worker"], environment: { slug: "main" } });
    expect(call.events.filter((event) => event.type === "step" || event.type === "step_done")).toMatchObject([
      { type: "step", step: "resource:db", label: "Reset db" },
      { type: "step_done", step: "resource:db" },
    ]);
    expect(inFlight(made)).toEqual([]);
    expect(made.services.newest("worker")?.spec.generation).toBe(1);
  });

  test("--restart stops the services before and starts them after, also when it fails", async () => {
    await using made = await raised();
    const { world, target, databases, services } = made;
    const result = await resetOperation(world, { target, resource: "db", restart: true, env: {} }, made.call());
    expect(result).toMatchObject({ runningServices: [], environment: { services: [{ name: "worker", state: "Running" }] } });
    expect(services.newest("worker")?.spec.generation).toBe(2);
    databases.sqlite!.failNext("reset", new WtError({ kind: "machine", code: "disk_full", message: "The disk is full." }));
    const error = await failureOf(resetOperation(world, { target, resource: "db", restart: true, env: {} }, made.call()));
    expect(error.code).toBe("disk_full");
    await world.supervisor.whenSettled(made.environment.id, ["worker"], new AbortController().signal);
    expect(services.newest("worker")).toMatchObject({ spec: { generation: 3 }, end: null });
    expect(inFlight(made)).toEqual([]);
  });

  test("what nobody trusted is named by its environment, unless one stands in it", async () => {
    await using made = await raised();
    const { world, repository } = made;
    const path = `${repository.root}.worktrees/other`;
    await repository.git.run(repository.root, ["worktree", "add", "--quiet", "-b", "feature/other", path]);
    await locate(world, repository.git, path);
    repository.write("wt.yaml", wtYaml.replace("run: work", "run: main-work"));
    await Bun.write(`${path}/wt.yaml`, wtYaml.replace("run: work", "run: other-work"));
    const up = (cwd: string, services: string[], anew = false) =>
      failureOf(upEnvironment(world, { target: { cwd }, services, env: {}, anew }, made.call()));
    for (const error of [await up(repository.root, ["feature-other"]), await up(repository.root, ["feature/other"], true)]) {
      expect([error.kind, error.details?.environment, error.hints[0]]).toEqual([
        "untrusted",
        "feature-other",
        expect.stringContaining("`wt trust feature-other`"),
      ]);
    }
    expect((await up(path, [])).hints[0]).toContain("`wt trust`");
    expect((await up(path, ["main"])).hints[0]).toContain("`wt trust main`");
  });

  test("is refused for what everybody shares, what changed its type, and what nobody trusted", async () => {
    await using made = await raised();
    const { world, target, repository } = made;
    repository.write("wt.yaml", wtYaml.replace("run: work", "run: other"));
    const request = { target, resource: "db", ...consent };
    expect((await failureOf(resetOperation(world, request, made.call()))).kind).toBe("untrusted");
    repository.write("wt.yaml", wtYaml);
    const spec = leasedResources(world, made.environment.id).find((one) => one.spec.name === "db")!;
    world.ledger.updateLease(spec.lease.id, {
      data: { ...spec.lease.data, spec: { ...spec.spec, options: { branch: "shared" } } as never },
    });
    expect((await failureOf(resetOperation(world, request, made.call()))).code).toBe("resource_shared");
    world.ledger.updateLease(spec.lease.id, { data: spec.lease.data });
    world.ledger.updateLease(spec.lease.id, { data: { ...spec.lease.data, type: "directory" } });
    expect((await failureOf(resetOperation(world, request, made.call()))).code).toBe("resource_changed");
  });

  test("an abort before it begins changes nothing", async () => {
    await using made = await raised();
    made.databases.sqlite!.write(made.dbLabel, "mine");
    const reason = new WtError({ kind: "cancelled", code: "cancelled", message: "The caller went away." });
    const call = made.call(AbortSignal.abort(reason));
    expect(await failureOf(resetOperation(made.world, { target: made.target, resource: "db", ...consent }, call))).toBe(reason);
    expect(made.databases.sqlite!.read(made.dbLabel)).toBe("mine");
    expect(inFlight(made)).toEqual([]);
  });
});

describe("stop and start", () => {
  test("sleep and wake, with the same values", async () => {
    await using made = await raised();
    const { world, target, databases, dbLabel } = made;
    const before = await resourceConnection(world, { target, resource: "db" });
    const stopped = await stopOperation(world, { target, resource: "db" }, made.call());
    expect(stopped.environment.resources.map(({ name, state }) => [name, state])).toEqual([
      ["db", "Asleep"],
      ["files", "Ready"],
    ]);
    await stopOperation(world, { target, resource: "db" }, made.call());
    expect(await resourceConnection(world, { target, resource: "db" })).toEqual({ ...before, state: "Asleep" });
    await startOperation(world, { target, resource: "db" }, made.call());
    expect(databases.sqlite!.find(dbLabel)?.state).toBe("ready");
  });

  test("what is in use or never sleeps is refused", async () => {
    await using made = await raised();
    const { world, target, databases, dbLabel } = made;
    databases.sqlite!.find(dbLabel)!.clients = 1;
    expect((await failureOf(stopOperation(world, { target, resource: "db" }, made.call()))).code).toBe("resource_in_use");
    expect((await failureOf(stopOperation(world, { target, resource: "files" }, made.call()))).code).toBe("resource_never_sleeps");
    expect(inFlight(made)).toEqual([]);
  });
});

describe("checkpoints", () => {
  test("hold all resources, come back, are listed and go", async () => {
    await using made = await raised();
    const { world, target, databases, dbLabel, filesLabel } = made;
    databases.sqlite!.write(dbLabel, "rows");
    databases.directory!.write(filesLabel, "pictures");
    const kept = await createCheckpoint(world, { target, id: "one" }, made.call());
    expect(kept).toMatchObject({ environment: "main", checkpoint: { id: "one", resources: ["db", "files"] }, leftOut: [] });
    databases.sqlite!.write(dbLabel, "other rows");
    databases.directory!.write(filesLabel, "other pictures");
    const restored = await restoreCheckpoint(world, { target, id: "one", ...consent }, made.call());
    expect([restored.resources, restored.runningServices]).toEqual([["db", "files"], ["worker"]]);
    expect([databases.sqlite!.read(dbLabel), databases.directory!.read(filesLabel)]).toEqual(["rows", "pictures"]);
    await resetOperation(world, { target, resource: "db", ...consent }, made.call());
    expect((await listCheckpoints(world, { target })).checkpoints).toMatchObject([{ id: "one", resources: ["db", "files"] }]);
    const [project, environment] = [world.ledger.projects()[0]!, world.ledger.environments()[0]!];
    expect(environmentOverview(world, project, environment)).toMatchObject({ resources: ["db", "files"], checkpoints: ["one"] });
    expect((await removeCheckpoint(world, { target, id: "one" }, made.call())).checkpoints).toEqual([]);
    expect(databases.sqlite!.find(dbLabel)?.checkpoints.size).toBe(0);
  });

  test("are named after the time, with a number when two fall into one second", async () => {
    await using made = await raised();
    const { world, target } = made;
    made.world.clock = { ...world.clock, now: () => Date.parse("2026-03-01T12:34:56.789Z") };
    const ids = [];
    for (let count = 0; count < 2; count++) ids.push((await createCheckpoint(world, { target, id: null }, made.call())).checkpoint.id);
    expect(ids).toEqual(["20260301-123456", "20260301-123456-2"]);
  });

  test("a name that is taken, wrong or unknown", async () => {
    await using made = await raised();
    const { world, target } = made;
    await createCheckpoint(world, { target, id: "one" }, made.call());
    expect((await failureOf(createCheckpoint(world, { target, id: "one" }, made.call()))).code).toBe("checkpoint_exists");
    for (const id of ["", "A", "../x", "-a", "a".repeat(41)]) {
      expect((await failureOf(createCheckpoint(world, { target, id }, made.call()))).code).toBe("checkpoint_name_invalid");
    }
    const unknown = await failureOf(restoreCheckpoint(world, { target, id: "two", ...consent }, made.call()));
    expect([unknown.code, unknown.hints[0]]).toEqual(["checkpoint_unknown", "It has one."]);
    expect((await failureOf(removeCheckpoint(world, { target, id: "two" }, made.call()))).code).toBe("checkpoint_unknown");
  });

  test("resources that cannot be kept are left out and named; with nothing to keep it is refused", async () => {
    const given = { sqlite: {}, directory: { variable: "FILES_PATH", features: { checkpoints: false, sleep: false } } };
    await using made = await raised({ "wt.yaml": wtYaml }, given);
    const { world, target } = made;
    const call = made.call();
    const kept = await createCheckpoint(world, { target, id: "one" }, call);
    expect(kept.leftOut).toEqual([{ resource: "files", reason: "resources of type directory have no checkpoints." }]);
    expect(call.events.some((event) => event.type === "note" && event.message.startsWith("files is not in the checkpoint"))).toBe(true);
    made.databases.sqlite!.failNext(
      "checkpoint" as never,
      new WtError({ kind: "refused", code: "main_resource", message: "It is the main one." }),
    );
    const refused = await failureOf(createCheckpoint(world, { target, id: "two" }, made.call()));
    expect(refused.code).toBe("main_resource");
    expect((await listCheckpoints(world, { target })).checkpoints.map((one) => one.id)).toEqual(["one"]);
  });

  test("one that fails in the middle leaves nothing", async () => {
    await using made = await raised();
    const { world, target, databases, dbLabel, filesLabel } = made;
    databases.directory!.failNext("checkpoint" as never, new WtError({ kind: "machine", code: "disk_full", message: "The disk is full." }));
    expect((await failureOf(createCheckpoint(world, { target, id: "one" }, made.call()))).code).toBe("disk_full");
    expect([databases.sqlite!.find(dbLabel)?.checkpoints.size, databases.directory!.find(filesLabel)?.checkpoints.size]).toEqual([0, 0]);
    expect(leasedResources(world, made.environment.id).map((one) => one.lease.data.checkpoints)).toEqual([[], []]);
  });

  test("what a crash left half made goes at the next start, whole ones stay", async () => {
    await using made = await raised();
    const { world, target, databases, dbLabel } = made;
    await createCheckpoint(world, { target, id: "whole" }, made.call());
    const [db] = leasedResources(world, made.environment.id);
    await databases.sqlite!.checkpoint(db!.spec, "half");
    const entries = [...(db!.lease.data.checkpoints as never[]), { id: "half", createdAtMs: 1, state: "intended" }];
    world.ledger.updateLease(db!.lease.id, { data: { ...db!.lease.data, checkpoints: entries } });
    await settleCheckpoints(world, made.environment);
    expect([...(databases.sqlite!.find(dbLabel)?.checkpoints.keys() ?? [])]).toEqual(["whole"]);
    expect((await listCheckpoints(world, { target })).checkpoints.map((one) => one.id)).toEqual(["whole"]);
  });

  test("a restore that fails in one resource says what belongs together no more", async () => {
    await using made = await raised();
    const { world, target, databases } = made;
    await createCheckpoint(world, { target, id: "one" }, made.call());
    databases.directory!.failNext("restore" as never, new WtError({ kind: "machine", code: "disk_full", message: "The disk is full." }));
    const error = await failureOf(restoreCheckpoint(world, { target, id: "one", ...consent }, made.call()));
    expect(error.message).toBe("files was not brought back to one: The disk is full. db was, so they do not belong together now.");
    expect(error.details).toEqual({ restored: ["db"], failed: ["files"] });
  });
});

describe("what is shown", () => {
  test("lists with and without usage, of one environment or resource", async () => {
    await using made = await raised();
    const { world, target, databases, dbLabel } = made;
    databases.sqlite!.write(dbLabel, "12345");
    const request = { cwd: target.cwd, all: false, environment: null, resource: null, usage: false };
    const { resources } = await listResources(world, request);
    expect(resources.map(({ project, environment, name, type, state }) => [project, environment, name, type, state])).toEqual([
      ["shop", "main", "db", "sqlite", "Ready"],
      ["shop", "main", "files", "directory", "Ready"],
    ]);
    expect(resources[0]).not.toHaveProperty("usage");
    const [usage] = (await listResources(world, { ...request, resource: "db", environment: "main", usage: true })).resources;
    expect(usage?.usage).toEqual({ exclusiveBytes: 5, sharedBytes: 0, how: "counted in memory" });
    expect((await failureOf(listResources(world, { ...request, resource: "nothing" }))).code).toBe("resource_unknown");
    expect((await failureOf(listResources(world, { ...request, environment: "nothing" }))).code).toBe("environment_unknown");
  });

  test("status survives a driver that cannot observe or measure", async () => {
    await using made = await raised();
    made.databases.sqlite!.failNext("observe", new Error("no answer"));
    const { environment } = await environmentDocument(made.world, null, made.environment.id);
    expect(environment.resources[0]).toMatchObject({ name: "db", state: "Unknown", detail: "no answer" });
  });

  test.each([
    ["postgres://app:s%40cret@127.0.0.1:5432/app", "postgres://app@127.0.0.1:5432/app"],
    ["postgres://app:a@b@host/app?sslmode=require", "postgres://app@host/app?sslmode=require"],
    ["redis://:secret@127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"],
    ["postgres:///app?host=/run/x&password=secret&user=a", "postgres:///app?host=/run/x&user=a"],
    ["https://x/y?token=abc", "https://x/y"],
    ["file:/a/b.db", "file:/a/b.db"],
    ["not a url", "not a url"],
  ])("%s without its password", (url, shown) => {
    expect(withoutPassword(url)).toBe(shown);
  });
});

describe("variables", () => {
  test("have the resources' values; what is overridden is refused, and can still be explained", async () => {
    await using made = await raised();
    const { world, target, repository } = made;
    const { variables } = await readVariables(world, { target });
    const own = variables.find(({ key }) => key === "DATABASE_URL");
    expect(own).toMatchObject({ origin: "resource db" });
    repository.write("wt.yaml", `${wtYaml}env: { DATABASE_URL: "postgres://prod/app" }\n`);
    await made.trust();
    const refused = await failureOf(readVariables(world, { target }));
    expect([refused.kind, refused.code]).toEqual(["refused", "foreign_resource"]);
    expect(refused.message).toStartWith("wt run would get a DATABASE_URL that is not this environment's db");
    const explained = await readVariables(world, { target, explain: true });
    expect(explained.variables.find(({ key }) => key === "DATABASE_URL")).toMatchObject({
      value: "postgres://prod/app",
      origin: "wt.yaml: env.DATABASE_URL",
    });
  });

  test("the caller's own DATABASE_URL is dropped while the environment's is not made yet", async () => {
    await using made = await testWorld({ "wt.yaml": wtYaml }, types);
    const { unset } = await readVariables(made.world, { target: made.target, callerNames: ["DATABASE_URL", "HOME"] });
    expect(unset).toContain("DATABASE_URL");
    expect(unset).not.toContain("HOME");
  });
});

test("deleting an environment removes its resources and their checkpoints", async () => {
  await using made = await raised();
  const { world, repository, databases } = made;
  repository.run(["worktree", "add", "-q", `${repository.base}/other`, "-b", "other"]);
  const target = { cwd: `${repository.base}/other` };
  await upEnvironment(world, { target, services: [], env: {}, anew: false }, made.call());
  await createCheckpoint(world, { target, id: "one" }, made.call());
  expect(databases.sqlite!.server.resources.size).toBe(2);
  await deleteEnvironment(world, { target: { cwd: repository.root, name: "other" }, force: false, branch: false }, made.call());
  expect(databases.sqlite!.server.resources.size).toBe(1);
  expect(world.ledger.leases({ kind: "resource" }).map((lease) => lease.data.type)).toEqual(["sqlite", "directory"]);
});
