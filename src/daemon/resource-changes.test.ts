import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestWorld, testWorld } from "../../test/support/daemon-world.ts";
import { WtError } from "../errors/wt-error.ts";
import type { ResourceSpec } from "../resource/resource-driver.ts";
import { createEnvironment } from "./create-environment.ts";
import { deleteEnvironment } from "./delete-environment.ts";
import { environmentDocument } from "./environment-views.ts";
import { removeOperation } from "./remove-resource.ts";
import { resetOperation } from "./resource-operations.ts";
import { leasedResources } from "./resources.ts";
import { upEnvironment } from "./up-environment.ts";
import { readVariables } from "./variables.ts";

const types = { postgres: {}, sqlite: {}, redis: { variable: "REDIS_URL" } };
const yaml = (resources: string, rest = "") => `project: shop\nresources:\n${resources}services: { worker: { run: work } }\n${rest}`;
const own = "  db: { type: postgres }\n";

async function made(resources: string, rest?: string) {
  const world = await testWorld({ "wt.yaml": yaml(resources, rest) }, types);
  return Object.assign(world, {
    up: (call = world.call()) => upEnvironment(world.world, { target: world.target, services: [], env: {}, anew: false }, call),
    create: (branch: string) => createEnvironment(world.world, { cwd: world.repository.root, branch, up: true, env: {} }, world.call()),
    write: async (text: string) => {
      writeFileSync(join(world.repository.root, "wt.yaml"), text);
      await world.trust();
    },
  });
}

async function failureOf(promise: Promise<unknown>): Promise<WtError> {
  const thrown = await promise.then(
    () => "nothing was thrown",
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(WtError);
  return thrown as WtError;
}

const specs = ({ world }: TestWorld, slug: string): Record<string, ResourceSpec> => {
  const environment = world.ledger.environments().find((one) => one.slug === slug);
  return Object.fromEntries(leasedResources(world, environment?.id ?? "").map(({ spec }) => [spec.name, spec]));
};
const variable = async ({ world, repository }: TestWorld, name: string, key = "DATABASE_URL") => {
  const { variables } = await readVariables(world, { target: { cwd: repository.root, name } } as Parameters<typeof readVariables>[1]);
  return variables.find((one) => one.key === key)?.value;
};

describe("references in options", () => {
  test("are resolved before the driver sees them, in an order in which each value is there", async () => {
    await using one = await made(
      '  uploads: { type: sqlite, path: "of/${{ env.slug }}", from: "${{ resources.db.url }}" }\n' +
        '  db: { type: postgres, server: "postgres://app:x@localhost/${{ env.branch }}" }\n',
    );
    await one.create("a@b-c");
    const { db, uploads } = specs(one, "a-b-c");
    expect(db!.options).toEqual({ server: "postgres://app:x@localhost/a%40b-c" });
    expect(uploads!.options).toEqual({ path: "of/a-b-c", from: `memory://${db!.label}/${db!.nonce}` });
  });

  test("a value that makes an option wrong is refused with its key", async () => {
    await using one = await made('  db: { type: postgres, from: "${{ resources.cache.nothing }}" }\n  cache: { type: redis }\n');
    const failure = await failureOf(one.create("a"));
    expect([failure.kind, failure.code]).toEqual(["config", "reference_unresolved"]);
    expect(failure.message).toContain("resources.db.from");
  });
});

describe("another kind under the same name", () => {
  test("is refused with the commands, and keeps what is there", async () => {
    await using one = await made(own);
    await one.up();
    const { db } = specs(one, "main");
    one.databases.postgres!.write(db!.label, "precious");
    await one.write(yaml("  db: { type: sqlite, path: a.db }\n"));
    for (const attempt of [
      () => one.up(),
      () => resetOperation(one.world, { target: one.target, resource: "db", restart: false, env: {} }, one.call()),
    ]) {
      const failure = await failureOf(attempt());
      expect([failure.kind, failure.code]).toEqual(["refused", "resource_changed"]);
      expect(failure.message).toBe("db of main was made as postgres, and wt.yaml says sqlite now.");
      expect(failure.hints.join(" ")).toContain("wt db remove db -e main");
    }
    expect(one.databases.postgres!.read(db!.label)).toBe("precious");
    expect(one.world.ledger.operations()).toEqual([]);

    await removeOperation(one.world, { target: one.target, resource: "db" }, one.call());
    expect(one.databases.postgres!.find(db!.label)).toBeNull();
    await one.up();
    expect(leasedResources(one.world, one.world.ledger.environments()[0]!.id).map(({ type }) => type)).toEqual(["sqlite"]);
  });

  test("is refused for another place of the same type, too", async () => {
    await using one = await made("  db: { type: sqlite, path: a.db }\n");
    await one.up();
    await one.write(yaml("  db: { type: sqlite, path: b.db }\n"));
    expect((await failureOf(one.up())).message).toBe("db of main was made as what is at a.db, and wt.yaml says what is at b.db now.");
    await one.write(yaml("  db: { type: sqlite, path: a.db, migrate: again }\n"));
    await one.up();
  });

  test("takes the place of one that was never made, and of one that all share", async () => {
    await using one = await made("  db: { type: postgres, branch: shared, url: 'postgres://a/b' }\n");
    await one.up();
    await one.write(yaml("  db: { type: postgres, branch: shared, url: 'postgres://a/c' }\n"));
    await one.up();
    expect(await variable(one, "main")).toBe("postgres://a/c");

    one.databases.sqlite!.failNext("ensure", new WtError({ kind: "machine", code: "no", message: "No disk." }));
    await one.write(yaml("  db: { type: sqlite, path: a.db }\n"));
    expect((await failureOf(one.up())).message).toBe("No disk.");
    await one.write(yaml("  db: { type: redis }\n"));
    await one.up();
    expect(leasedResources(one.world, one.world.ledger.environments()[0]!.id).map(({ type }) => type)).toEqual(["redis"]);
    expect(one.databases.sqlite!.server.resources.size).toBe(0);
  });
});

test("one that wt.yaml does not name any more is said, given to nobody, and removed on demand", async () => {
  await using one = await made(`${own}  cache: { type: redis }\n`);
  await one.up();
  const { cache } = specs(one, "main");
  expect(await variable(one, "main", "REDIS_URL")).toContain("memory://");
  await one.write(yaml(own));
  const call = one.call();
  await one.up(call);
  const notes = call.events.flatMap((event) => (event.type === "note" ? [event.message] : []));
  expect(notes.join(" ")).toContain("cache (redis) of main is not in wt.yaml any more");
  expect(notes.join(" ")).toContain("wt db remove cache -e main");
  expect(await variable(one, "main", "REDIS_URL")).toBeUndefined();
  expect(one.databases.redis!.find(cache!.label)).not.toBeNull();

  const unknown = await failureOf(removeOperation(one.world, { target: one.target, resource: "nothing" }, one.call()));
  expect(unknown.code).toBe("resource_unknown");
  const removed = await removeOperation(one.world, { target: one.target, resource: "cache" }, one.call());
  expect(removed).toMatchObject({ resources: ["cache"], runningServices: ["worker"] });
  expect(one.databases.redis!.find(cache!.label)).toBeNull();
});

test("the-desk#1097, skillsmith#887: a removal that a crash cut off is carried on by the next one", async () => {
  await using one = await made(own);
  await one.up();
  const { db } = specs(one, "main");
  one.databases.postgres!.failNext("remove", new Error("killed"));
  await removeOperation(one.world, { target: one.target, resource: "db" }, one.call()).catch(() => undefined);
  const state = async () => (await environmentDocument(one.world, null, one.world.ledger.environments()[0]!.id)).environment.resources;
  expect((await state()).map(({ name }) => name)).toEqual(["db"]);
  await removeOperation(one.world, { target: one.target, resource: "db" }, one.call());
  expect(await state()).toEqual([]);
  expect(one.databases.postgres!.find(db!.label)).toBeNull();
});

describe("`branch: shared` without a url", () => {
  const shared = "  db: { type: postgres, branch: shared, locale: C, variable: DATABASE_URL }\n";

  test("rhesis#2384, #2431: is the main worktree's own, made when the first branch needs it, and never removed with a branch", async () => {
    await using one = await made(shared);
    const [a, b] = await Promise.all([one.create("a"), one.create("b")]);
    const main = specs(one, "main").db!;
    expect(main.options).toEqual({ locale: "C", variable: "DATABASE_URL" });
    const url = await variable(one, "main");
    expect(url).toBe(`memory://${main.label}/${main.nonce}`);
    expect(await variable(one, "a")).toBe(url);
    expect(specs(one, "b").db!.options).toEqual({ branch: "shared", url: String(url), variable: "DATABASE_URL" });
    for (const { environment } of [a, b]) expect(environment.resources.map(({ state }) => state)).toEqual(["Shared"]);

    const refused = await failureOf(removeOperation(one.world, { target: one.target, resource: "db" }, one.call()));
    expect(refused).toMatchObject({ kind: "refused", code: "resource_shared", details: { environments: ["a", "b"] } });
    const content = { target: { cwd: one.repository.root, name: "a" }, resource: "db", restart: false, env: {} };
    expect((await failureOf(resetOperation(one.world, content, one.call()))).code).toBe("resource_shared");

    one.databases.postgres!.write(main.label, "everybody's");
    await deleteEnvironment(one.world, { target: { cwd: one.repository.root, name: "a" }, force: true, branch: true }, one.call());
    expect(one.databases.postgres!.read(main.label)).toBe("everybody's");
    await one.up();
    expect(one.databases.postgres!.read(main.label)).toBe("everybody's");
  });

  test("follows the main worktree's when that is made anew", async () => {
    await using one = await made(shared);
    await one.create("a");
    const main = specs(one, "main").db!;
    one.databases.postgres!.server.resources.delete(main.label);
    await one.create("b");
    expect(one.databases.postgres!.find(main.label)).not.toBeNull();
    expect(await variable(one, "b")).toBe(await variable(one, "main"));
  });

  test("says whose could not be made and why; nothing of the branch's own is lost by it", async () => {
    await using one = await made(shared);
    one.databases.postgres!.failNext("ensure", new WtError({ kind: "machine", code: "no_server", message: "There is no server." }));
    const failure = await failureOf(one.create("a"));
    expect(failure.code).toBe("no_server");
    expect(failure.message).toBe("db is shared by everybody, and it could not be made in the main worktree: There is no server.");
    expect(failure.hints.join(" ")).toContain("wt up -e main");
    expect(failure.details).toMatchObject({ kept: true, step: "resource:db" });
    const resumed = await createEnvironment(
      one.world,
      { cwd: one.repository.root, branch: "a", up: true, env: {}, resume: true },
      one.call(),
    );
    expect(resumed.environment.status).toBe("Healthy");
  });

  test("needs the main worktree to have it", async () => {
    await using one = await made(shared);
    writeFileSync(join(one.repository.root, "wt.yaml"), yaml("  cache: { type: redis }\n"));
    const failure = await failureOf(one.create("a"));
    expect([failure.kind, failure.code]).toEqual(["config", "main_resource_unknown"]);
    expect(failure.message).toContain("Its wt.yaml has no resources.db.");
  });

  test("going from one's own to everybody's gives nothing up unasked", async () => {
    await using one = await made(own);
    const { environment } = await one.create("a");
    writeFileSync(join(environment.path, "wt.yaml"), yaml(shared));
    writeFileSync(join(one.repository.root, "wt.yaml"), yaml(shared));
    await one.trust();
    const target = { cwd: environment.path };
    const up = () => upEnvironment(one.world, { target, services: [], env: {}, anew: false }, one.call());
    expect((await failureOf(up())).code).toBe("resource_changed");
    await removeOperation(one.world, { target, resource: "db" }, one.call());
    await up();
    expect(await variable(one, "a")).toBe(await variable(one, "main"));
  });
});
