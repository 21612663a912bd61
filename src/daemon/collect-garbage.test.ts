import { expect, test } from "bun:test";
import { testWorld } from "../../test/support/daemon-world.ts";
import type { StraySearch } from "../resource/resource-driver.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { createEnvironment } from "./create-environment.ts";
import { deleteEnvironment } from "./delete-environment.ts";
import { purgeDeleted } from "./kept-upkeep.ts";

test("a database that is kept for `wt undelete` is no stray, and its server is looked at", async () => {
  await using test = await testWorld(
    { "wt.yaml": "project: shop\nresources:\n  db: { type: postgres, branch: own }\nservices: {}\n" },
    { postgres: {} },
  );
  const { world, repository, target } = test;
  world.env.WT_UNDELETE_DAYS = "7";
  const searches: StraySearch[] = [];
  const driver = world.resources.get("postgres");
  if (!driver) throw new Error("there is no driver");
  driver.findStrays = async (search) => {
    searches.push(search);
    return { strays: [], problems: [] };
  };
  const request = { cwd: repository.root, branch: "spike", up: false, env: repository.env, git: "skip" as const };
  await createEnvironment(world, request, test.call());
  const { id = "", nonce = "" } = world.ledger.environments().find(({ slug }) => slug === "spike") ?? {};
  await deleteEnvironment(world, { target: { ...target, name: "spike" }, force: true, branch: false, purge: false }, test.call());
  const look = async () => {
    await collectGarbage(world, { dryRun: true, days: null }, test.call());
    return searches.at(-1);
  };
  const kept = await look();
  expect(kept?.living.has(nonce)).toBe(true);
  expect(kept?.specs.map(({ label }) => label)).toEqual(["wt_shop_spike_db"]);
  await purgeDeleted(world, id);
  const gone = await look();
  expect(gone?.living.has(nonce)).toBe(false);
  expect(gone?.specs).toEqual([]);
});
