import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { gitRepository } from "../../test/support/git-repository.ts";
import { withTemporaryIndex } from "./hidden-changes.ts";

test("a copy of the index lies beside it and goes; what crashes left goes with the next one, once nobody can be at work on it", async () => {
  await using repository = await gitRepository({ files: { "a.txt": "one\n" } });
  const git = join(repository.root, ".git");
  for (const name of ["wt-index-old", "wt-index-new", "wt"]) mkdirSync(join(git, name));
  for (const name of ["wt-index-old", "wt"]) utimesSync(join(git, name), 1, 1);
  const seen = await withTemporaryIndex(repository.root, async (env) => {
    const place = env.GIT_INDEX_FILE ?? "";
    return { place, same: readFileSync(place).equals(readFileSync(join(git, "index"))) };
  });
  expect(seen.same).toBe(true);
  expect(dirname(dirname(seen.place))).toBe(git);
  expect(existsSync(dirname(seen.place))).toBe(false);
  expect(readdirSync(git).filter((name) => name.startsWith("wt"))).toEqual(["wt", "wt-index-new"]);
});
