import { expect, test } from "bun:test";
import { hermeticWorld } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

test("a branch that wants to run something else is approved before it has an environment", async () => {
  await using world = await hermeticWorld({ files: smallApp });
  const other = (smallApp["wt.yaml"] ?? "").replace("exec node worker.mjs", "exec node worker.mjs --other");
  await world.git(["switch", "--quiet", "--create", "other"]);
  await world.write({ "wt.yaml": other });
  await world.commit("other commands");
  await world.git(["switch", "--quiet", "main"]);

  const refused = await world.wt(["create", "other", "--no-up"]);
  expect(refused.code).toBe(6);
  expect(refused.stderr).toContain("`wt trust other`");
  const shown = JSON.parse(await world.ok(["trust", "other", "--show", "--json"]));
  expect(shown.state ?? shown.trust?.state).toBe("changed");
  await world.ok(["trust", "other", "--yes"]);
  await world.ok(["create", "other", "--no-up"]);

  // A new branch that starts there runs the same, so nothing more is asked; a name that means nothing stays an error.
  await world.ok(["create", "more", "--from", "other", "--no-up"]);
  const unknown = await world.wt(["trust", "nowhere", "--show"]);
  expect([unknown.code, unknown.stderr.split("\n")[0]]).toEqual([4, "wt: There is no environment called nowhere in small."]);
}, 60_000);

test("the commit that a new branch starts from can be approved where the main worktree has moved on", async () => {
  await using world = await hermeticWorld({ files: smallApp, trust: false });
  await world.write({ "wt.yaml": (smallApp["wt.yaml"] ?? "").replace("echo prepared", "echo edited") });
  await world.ok(["trust", "--yes"]);
  const refused = await world.wt(["create", "new", "--no-up"]);
  expect(refused.code).toBe(6);
  const command = /`wt (trust [0-9a-f]+)`/.exec(refused.stderr)?.[1] ?? "no command in the hint";
  await world.ok([...command.split(" "), "--yes"]);
  await world.ok(["create", "new", "--no-up"]);
}, 60_000);
