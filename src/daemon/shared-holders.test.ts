import { describe, expect, test } from "bun:test";
import { type TestWorld, testWorld } from "../../test/support/daemon-world.ts";
import type { ProjectRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { createEnvironment } from "./create-environment.ts";
import { deleteEnvironment } from "./delete-environment.ts";
import { keptOf, putKept } from "./kept-environment.ts";
import { purgeDeleted } from "./kept-upkeep.ts";
import { heldServices } from "./shared-doors.ts";
import { refuseHolders } from "./shared-holders.ts";
import { undeleteEnvironment } from "./undelete-environment.ts";

const files = (server: string) => ({
  "wt.yaml": `project: shop\nresources:\n  db: { type: postgres, server: "${server}" }\nservices: {}\n`,
});
const inShared = "postgres://shop:secret@127.0.0.1:23456/shop";

/** With a shared service that the host reaches at 23456, and that the main worktree's compose file has no more. */
async function sharing(server: string): Promise<{ test: TestWorld; project: ProjectRecord } & AsyncDisposable> {
  const test = await testWorld(files(server), { postgres: {} });
  const { world } = test;
  world.env.WT_UNDELETE_DAYS = "7";
  for (const branch of ["one", "two"]) {
    const request = { cwd: test.repository.root, branch, up: false, env: test.repository.env, git: "skip" as const };
    await createEnvironment(world, request, test.call());
  }
  const [main] = world.ledger.environments();
  const project = main && world.ledger.project(main.projectId);
  if (!main || !project) throw new Error("there is no main environment");
  world.ledger.claim({ environmentId: main.id, kind: "compose_project", key: "shop-shared", data: { role: "shared", doors: [] } });
  world.ledger.claim({ environmentId: main.id, kind: "port", key: "23456", data: { service: "shared:db:5432" } });
  return { test, project, [Symbol.asyncDispose]: () => test[Symbol.asyncDispose]() };
}

const remove = ({ world, target, call }: TestWorld, name: string) =>
  deleteEnvironment(world, { target: { ...target, name }, force: true, branch: false, purge: false }, call());

function refusal({ world }: TestWorld, project: ProjectRecord): WtError | null {
  try {
    refuseHolders(world, project);
    return null;
  } catch (error) {
    if (error instanceof WtError) return error;
    throw error;
  }
}

describe("refuseHolders", () => {
  test("databases of living environments, then of those that can be brought back, are named with the way on", async () => {
    await using shared = await sharing(inShared);
    const { test, project } = shared;
    const { ledger } = test.world;
    expect(refusal(test, project)).toMatchObject({ kind: "refused", code: "shared_in_use", details: { environments: ["one", "two"] } });
    await remove(test, "one");
    expect(refusal(test, project)).toMatchObject({ code: "shared_in_use", details: { environments: ["two"] } });
    await remove(test, "two");
    expect(heldServices(test.world, project)).toEqual(["db"]);
    const [one, two] = ledger.deleted();
    const kept = refusal(test, project);
    expect(kept?.message).toBe("The shared services hold databases of deleted environments that can be brought back: one, two.");
    expect(kept?.hints).toEqual([
      `Give them up first: wt undelete ${one?.id} --purge; wt undelete ${two?.id} --purge`,
      "Or only stop the services: wt shared down",
    ]);

    await undeleteEnvironment(test.world, { cwd: test.repository.root, name: "one", up: false, env: test.repository.env }, test.call());
    expect(refusal(test, project)).toMatchObject({ code: "shared_in_use", details: { environments: ["one"] } });
    await remove(test, "one");
    await purgeDeleted(test.world, one?.id ?? "");
    // A purge that was cut off has its database yet, and is no longer to be named.
    if (two) putKept(test.world, two, { ...keptOf(two), state: "purging" });
    expect(refusal(test, project)).toMatchObject({
      code: "shared_kept",
      hints: ["Give them up first: wt gc", "Or only stop the services: wt shared down"],
    });
    await purgeDeleted(test.world, two?.id ?? "");
    expect(refusal(test, project)).toBeNull();
    expect(heldServices(test.world, project)).toEqual([]);
  });

  test("what lies elsewhere is nobody's reason", async () => {
    await using shared = await sharing("postgres://shop:secret@db.example:5432/shop");
    const { test, project } = shared;
    expect(refusal(test, project)).toBeNull();
    await remove(test, "one");
    expect(test.world.ledger.deleted()).toHaveLength(1);
    expect(refusal(test, project)).toBeNull();
  });
});
