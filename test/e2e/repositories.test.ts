// Repositories and worktrees in every state: bare, without commits, submodules, locked, gone; and what `delete` does with work that is not saved.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { hermeticWorld } from "../support/hermetic-world.ts";
import { expectRefusal, leavesNothing, ledgerRows } from "../support/refusal.ts";

const minute = 60_000;
const idle = "services: { idle: { run: exec sleep 1000, port: none } }\n";
const files = { "wt.yaml": idle, "file.txt": "1\n" };

describe("a repository", () => {
  test(
    "that is bare works: create, status from inside, delete",
    async () => {
      await using world = await hermeticWorld({ files, trust: false });
      const bare = `${world.directory}/bare.git`;
      await world.git(["clone", "--quiet", "--bare", world.repository, bare]);
      const at = { cwd: bare };
      await world.ok(["trust", "--yes", "main"], at);
      const { environment } = JSON.parse(await world.ok(["create", "topic", "--json"], at));
      expect(environment).toMatchObject({
        branch: "topic",
        path: `${world.directory}/bare.worktrees/topic`,
        status: "Healthy",
        main: false,
      });
      expect(JSON.parse(await world.ok(["here", "--json"], { cwd: environment.path })).environment.slug).toBe("topic");
      await expectRefusal(world, ["status"], { ...at, kind: "not_found", code: "no_environment_here", names: [bare] });
      await world.ok(["delete", "topic"], at);
      expect(existsSync(environment.path)).toBe(false);
      expect(JSON.parse(await world.ok(["list", "--json"], at)).environments).toEqual([]);
    },
    minute,
  );

  test(
    "without commits lists its main worktree and cannot have another",
    async () => {
      await using world = await hermeticWorld();
      await leavesNothing(world, () =>
        expectRefusal(world, ["create", "topic"], { kind: "refused", code: "no_commits", names: ["no commits"], hint: "git" }),
      );
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
    },
    minute,
  );

  test(
    "is needed: outside of one, in git's own directory and in a submodule the sentence says where we are",
    async () => {
      await using world = await hermeticWorld({ files });
      const outside = `${world.directory}/outside`;
      mkdirSync(outside);
      for (const args of [["list"], ["create", "x"], ["status"], ["up"], ["delete", "x"], ["here"], ["trust"]]) {
        await expectRefusal(world, args, { cwd: outside, kind: "not_found", code: "not_a_repository", names: [outside], hint: "wt" });
      }
      expect((await world.wt(["run", "--", "true"], { cwd: outside })).code).toBe(4);
      await expectRefusal(world, ["create", "x"], {
        cwd: `${world.repository}/.git`,
        kind: "refused",
        code: "inside_git_directory",
        names: [`${world.repository}/.git`],
      });
      await world.git(["init", "--quiet", outside]);
      await world.write({ "lib.txt": "lib\n" }, outside);
      await world.commit("lib", outside);
      await world.git(["-c", "protocol.file.allow=always", "submodule", "add", "--quiet", outside, "lib"]);
      await world.commit("submodule");
      await leavesNothing(world, () =>
        expectRefusal(world, ["create", "x"], {
          cwd: `${world.repository}/lib`,
          kind: "refused",
          code: "in_submodule",
          names: [`${world.repository}/lib`],
        }),
      );
      // The repository around it works, and its worktrees come and go.
      await world.ok(["create", "x"]);
      await world.ok(["delete", "x"]);
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
    },
    minute,
  );

  test(
    "that was deleted does not hide the others",
    async () => {
      await using world = await hermeticWorld({ files });
      const other = `${world.directory}/other`;
      mkdirSync(other);
      await world.git(["init", "--quiet", "--initial-branch=main"], other);
      await world.commit("first", other);
      await world.ok(["create", "gone", "--no-up"], { cwd: other });
      rmSync(other, { recursive: true });
      rmSync(`${other}.worktrees`, { recursive: true });
      const { environments } = JSON.parse(await world.ok(["list", "--all", "--json"]));
      expect(environments.map(({ project, slug, status }: Record<string, string>) => `${project}/${slug} ${status}`).sort()).toEqual([
        "other/gone Missing",
        "other/main Missing",
        "repo/main Stopped",
      ]);
      expect((await world.wt(["doctor"])).stdout).toContain(`${other}.worktrees/gone`);
    },
    minute,
  );
});

describe("a worktree", () => {
  test(
    "that is locked is not deleted until it is unlocked",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a"]);
      const { path } = await world.status("a");
      await world.git(["worktree", "lock", "--reason", "on a stick", path]);
      await leavesNothing(world, async () => {
        for (const force of [[], ["--force"]]) {
          await expectRefusal(world, ["delete", "a", ...force], {
            kind: "refused",
            code: "worktree_locked",
            names: ["a", "on a stick"],
            hint: `git worktree unlock ${path}`,
          });
        }
      });
      expect((await world.status("a")).status).toBe("Healthy");
      await world.git(["worktree", "unlock", path]);
      await world.ok(["delete", "a"]);
    },
    minute,
  );

  test(
    "taken away by rm -rf is Missing, and delete gives the rest back",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a"]);
      const { path } = await world.status("a");
      rmSync(path, { recursive: true });
      expect((await world.list()).environments.find(({ slug }) => slug === "a")?.status).toBe("Missing");
      for (const command of ["up", "restart"]) {
        await expectRefusal(world, [command, "a"], { kind: "machine", code: "worktree_missing", names: [path], hint: "wt delete a" });
      }
      await expectRefusal(world, ["create", "a"], { kind: "machine", code: "worktree_missing", names: [path], hint: "wt delete a" });
      expect((await world.wt(["run", "-e", "a", "--", "true"])).stderr).not.toMatch(/^ +at /m);
      await world.ok(["delete", "a"]);
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
      expect(ledgerRows(world)).toMatchObject({ environments: [{ slug: "main" }], leases: [], operations: [], processes: [] });
      expect(world.processes().length).toBe(1);
      await world.ok(["create", "a", "--no-up"]);
    },
    minute,
  );
});

describe("delete", () => {
  test(
    "refuses every kind of work that is saved nowhere else, and names it",
    async () => {
      await using world = await hermeticWorld({ files });
      const unsaved: [string, string | RegExp, (path: string) => Promise<unknown>][] = [
        ["dirty", "1 uncommitted change", (path) => world.write({ "file.txt": "2\n" }, path)],
        [
          "staged",
          "1 uncommitted change",
          async (path) => {
            await world.write({ "file.txt": "2\n" }, path);
            await world.git(["add", "file.txt"], path);
          },
        ],
        ["untracked", "1 untracked file", (path) => world.write({ "new.txt": "new\n" }, path)],
        [
          "detached",
          "1 commit that no branch has",
          async (path) => {
            await world.git(["checkout", "--quiet", "--detach"], path);
            await world.write({ "file.txt": "4\n" }, path);
            await world.commit("work on no branch", path);
          },
        ],
        [
          "rebasing",
          "a rebase in progress",
          async (path) => {
            await world.write({ "file.txt": "5\n" }, path);
            await world.commit("work to be rebased", path);
            await world.git(["-c", "sequence.editor=sed -i s/^pick/edit/", "rebase", "--interactive", "HEAD~1"], path);
          },
        ],
      ];
      for (const [name, reason, make] of unsaved) {
        await world.ok(["create", name]);
        const { path } = await world.status(name);
        await make(path);
        await leavesNothing(world, () =>
          expectRefusal(world, ["delete", name], {
            kind: "refused",
            code: "unsaved_work",
            names: [name, reason],
            hint: `wt delete ${name} --force`,
          }),
        );
        expect((await world.status(name)).status).toBe("Healthy");
        const { deleted } = JSON.parse(await world.ok(["delete", name, "--force", "--json"]));
        expect(deleted[0].rescueRefs.length).toBeGreaterThan(0);
        for (const ref of deleted[0].rescueRefs) await world.git(["rev-parse", "--verify", "--quiet", ref]);
        expect(existsSync(path)).toBe(false);
      }
      expect(ledgerRows(world)).toMatchObject({ environments: [{ slug: "main" }], leases: [], operations: [], processes: [] });
    },
    2 * minute,
  );

  test(
    "commits that are nowhere else stay with their branch; taking the branch too is a consent of its own",
    async () => {
      await using world = await hermeticWorld({ files });
      for (const name of ["stays", "goes"]) {
        await world.ok(["create", name, "--no-up"]);
        const { path } = await world.status(name);
        await world.write({ "file.txt": `${name}\n` }, path);
        await world.commit(name, path);
      }
      const [stays] = JSON.parse(await world.ok(["delete", "stays", "--json"])).deleted;
      expect(stays).toMatchObject({ branchOutcome: "kept_unmerged", rescueRefs: [] });
      expect(await world.git(["show", "stays:file.txt"])).toBe("stays\n");
      const [goes] = JSON.parse(await world.ok(["delete", "goes", "--branch", "--json"])).deleted;
      expect(goes.branchOutcome).toBe("deleted");
      expect(await world.git(["show", `${goes.rescueRefs[0]}:file.txt`])).toBe("goes\n");
    },
    minute,
  );

  test(
    "of names that nobody has suggests near ones and deletes nothing; the main worktree stays",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "feature-one"]);
      await leavesNothing(world, async () => {
        await expectRefusal(world, ["delete", "feature-on"], {
          kind: "not_found",
          code: "environment_unknown",
          names: ["feature-on"],
          hint: "feature-one",
        });
        await expectRefusal(world, ["status", "fetaure-one"], {
          kind: "not_found",
          code: "environment_unknown",
          names: ["fetaure-one"],
          hint: "feature-one",
        });
        await expectRefusal(world, ["logs", "idel", "-e", "feature-one"], {
          kind: "not_found",
          code: "service_unknown",
          names: ["idel"],
          hint: "idle",
        });
        for (const command of ["up", "down", "restart"]) {
          await expectRefusal(world, [command, "idel", "-e", "feature-one"], {
            kind: "not_found",
            code: "service_unknown",
            names: ["idel"],
            hint: "idle",
          });
        }
        await expectRefusal(world, ["delete", "main", "--force"], { kind: "refused", code: "main_environment", names: ["main"] });
        await expectRefusal(world, ["delte", "feature-one"], { kind: "usage", code: "command_unknown", names: ["delte"], hint: "delete" });
        await expectRefusal(world, ["delete", "feature-one", "--forse"], {
          kind: "usage",
          code: "option_unknown",
          names: ["--forse"],
          hint: "--force",
        });
      });
    },
    minute,
  );

  test(
    "twice at once gives the environment back once, and both succeed",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.ok(["create", "a"]);
      const ran = await Promise.all([world.wt(["delete", "a"]), world.wt(["delete", "a"]), world.wt(["rm", "a", "--force"])]);
      for (const { code, stderr } of ran) expect({ fine: code === 0 || code === 4, stderr }).toEqual({ fine: true, stderr });
      expect(ran.some(({ code }) => code === 0)).toBe(true);
      expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
      expect(ledgerRows(world)).toMatchObject({ leases: [], operations: [], processes: [] });
    },
    minute,
  );
});
