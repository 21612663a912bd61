import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gitRepository } from "../../test/support/git-repository.ts";
import { worktreeFiles } from "./worktree-files.ts";

test("what git keeps, by its index: not what is ignored or new, and all of a repository below", async () => {
  await using inner = await gitRepository({ files: { "inner.env": "A=1\n" } });
  await using repo = await gitRepository({ files: { ".gitignore": "/.env\n", "deploy/.env": "A=1\n", "[a]*.env": "", "b.env": "" } });
  symlinkSync("b.env", join(repo.root, "link.env"));
  repo.run(["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.root, "module"]);
  repo.commit({});
  writeFileSync(join(repo.root, ".env"), "SECRET=1\n");
  writeFileSync(join(repo.root, "new.env"), "");
  mkdirSync(join(repo.root, "aside"));
  const files = worktreeFiles(repo.git, repo.root);
  const asked = [
    ".env",
    "new.env",
    "deploy/.env",
    "deploy/./.env",
    "[a]*.env",
    "b.env",
    "link.env",
    "deploy",
    "absent",
    "../x",
    "/etc/hosts",
  ];
  const answers = await Promise.all([...asked, "module/inner.env"].map(async (path) => [path, await files.tracked(path)]));
  expect(answers.filter(([, tracked]) => tracked).map(([path]) => path)).toEqual([
    "deploy/.env",
    "deploy/./.env",
    "[a]*.env",
    "b.env",
    "link.env",
    "module/inner.env",
  ]);
  expect(await files.read(".env")).toBe("SECRET=1\n");
  repo.run(["rm", "--quiet", "--cached", "b.env"]);
  expect(await files.tracked("b.env")).toBe(false);
});

test("a name in other letters is the same file only where the file system says so", async () => {
  await using repo = await gitRepository({ files: { ".ENV": "A=1\n" } });
  const files = worktreeFiles(repo.git, repo.root);
  expect(await files.tracked(".ENV")).toBe(true);
  expect(await files.tracked(".env")).toBe((await files.read(".env")) !== null);
});
