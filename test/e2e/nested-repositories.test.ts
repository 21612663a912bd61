import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { hermeticWorld } from "../support/hermetic-world.ts";
import { smallApp } from "../support/small-app.ts";

test("a repository inside a worktree is not deleted, not even with --force", async () => {
  await using world = await hermeticWorld({ files: smallApp });
  await world.ok(["create", "a", "--no-up"]);
  const { path } = await world.status("a");
  const inner = `${path}/vendor/inner`;
  await world.write({ "only-here.txt": "work\n" }, inner);
  await world.git(["init", "--quiet", inner]);
  await world.commit("only here", inner);
  const refused = await world.wt(["delete", "a", "--force"]);
  expect(refused.code).toBe(5);
  expect(refused.stderr).toContain("vendor/inner");
  expect(existsSync(`${inner}/only-here.txt`)).toBe(true);
  expect((await world.status("a")).status).toBe("Stopped");
  await Bun.$`rm -rf ${inner}`.quiet();
  await world.ok(["delete", "a", "--force"]);
  expect(existsSync(path)).toBe(false);
}, 60_000);
