// Branch names of every shape, and everything that can stand in a new worktree's way.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { hermeticWorld } from "../support/hermetic-world.ts";
import { expectRefusal, leavesNothing } from "../support/refusal.ts";

const minute = 60_000;
const files = { "wt.yaml": "project: names\n", "file.txt": "1\n" };

describe("branch names", () => {
  test(
    "every legal shape becomes an environment with a slug of its own and goes without a trace",
    async () => {
      await using world = await hermeticWorld({ files });
      const long = `feature/${"x".repeat(192)}`;
      const legal = [
        ["Größe/Straße", /^[a-z0-9-]+$/],
        ["日本語", /^b-[a-z0-9]{6}$/],
        ["🚀/fünf", /^[a-z0-9-]+$/],
        ["earl/fib-123-feature", /^earl-fib-123-feature$/],
        ["v1.2.3", /^v1-2-3$/],
        ["UPPER/Case", /^upper-case$/],
        ["a_b+c=d#e!f'g\"h&i(j)k;l$m`n|o<p>q,r%s", /^[a-z0-9-]{1,40}$/],
        ["-".padStart(2, "x"), /^x$/],
        ["main2", /^main2$/],
        [long, /^[a-z0-9-]{1,40}$/],
        // These four have the same plain slug.
        ["a/b", /^a-b$/],
        ["a.b", /^a-b-[a-z0-9]{6}$/],
        ["A-B", /^a-b-[a-z0-9]{6}$/],
        ["a_b", /^a-b-[a-z0-9]{6}$/],
        // A branch that exists, called like another environment.
        ["a-b", /^a-b-[a-z0-9]{6}$/],
      ] as const;
      await leavesNothing(world, async () => {
        await world.git(["branch", "a-b"]);
        for (const [branch, slug] of legal) {
          const { environment } = JSON.parse(await world.ok(["create", branch, "--no-up", "--json"]));
          expect(environment).toMatchObject({ branch, status: "Stopped" });
          expect(environment.slug).toMatch(slug);
          expect(existsSync(`${environment.path}/file.txt`)).toBe(true);
          // A slug goes before a branch name.
          expect((await world.status(branch)).slug).toBe(branch === "a-b" ? "a-b" : environment.slug);
        }
        const { environments } = await world.list();
        expect(JSON.parse(await world.ok(["create", "v1-2-3", "--no-up", "--json"]))).toMatchObject({ created: false });
        expect(new Set(environments.map(({ slug }) => slug)).size).toBe(legal.length + 1);
        for (const { slug, main } of environments) if (!main) await world.ok(["delete", slug]);
        rmSync(`${world.repository}.worktrees`, { recursive: true, force: true });
      });
    },
    2 * minute,
  );

  test(
    "what cannot be a branch is refused with the reason",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.git(["branch", "taken/below"]);
      await world.git(["branch", "leaf"]);
      const invalid = [
        "a b",
        "a..b",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[b",
        "a\\b",
        ".hidden",
        "a/.b",
        "a.lock",
        "a/",
        "/a",
        "a//b",
        "a.",
        "@",
        "HEAD",
        "a@{b",
        "refs/heads/x",
        "tab\tname",
        "x".repeat(260),
      ];
      await leavesNothing(world, async () => {
        for (const branch of invalid) {
          await expectRefusal(world, ["create", branch], {
            kind: "refused",
            code: "branch_name_invalid",
            names: [branch.slice(0, 60).replace("\t", "")[0] ?? "", /because|cannot be the name of a branch: /],
          });
        }
        for (const branch of ["taken", "leaf/child"]) {
          await expectRefusal(world, ["create", branch], { kind: "refused", code: "branch_name_conflict", names: [branch] });
        }
        for (const args of [["create"], ["create", ""], ["create", "--", "-x"]]) {
          const ran = await world.wt(args);
          expect({ args, code: [2, 5].includes(ran.code) }).toEqual({ args, code: true });
          expect(ran.stderr).not.toMatch(/^ +at /m);
        }
        await expectRefusal(world, ["create", "new", "--from", "no-such-ref"], {
          kind: "refused",
          code: "from_unknown",
          names: ["no-such-ref"],
        });
        await expectRefusal(world, ["create", "leaf", "--from", "main"], {
          kind: "refused",
          code: "from_with_existing_branch",
          names: ["leaf"],
        });
        for (const ref of ["--all", "main..leaf", "HEAD:file.txt"]) {
          await expectRefusal(world, ["create", "new", `--from=${ref}`], { kind: "refused", code: "from_unknown", names: [ref] });
        }
      });
    },
    2 * minute,
  );

  test(
    "a name that is a remote branch is tracked, also when the remote's name is written out",
    async () => {
      await using world = await hermeticWorld({ files });
      await world.git(["init", "--quiet", "--bare", "../upstream.git"]);
      await world.git(["remote", "add", "origin", "../upstream.git"]);
      await world.git(["push", "--quiet", "origin", "main", "main:topic", "main:other/topic"]);
      await world.git(["fetch", "--quiet"]);
      const { environment } = JSON.parse(await world.ok(["create", "origin/topic", "--no-up", "--json"]));
      expect(environment).toMatchObject({ branch: "topic", slug: "topic" });
      expect((await world.git(["rev-parse", "--abbrev-ref", "topic@{upstream}"])).trim()).toBe("origin/topic");
      const both = await Promise.all(["origin/other/topic", "other/topic"].map((name) => world.wt(["create", name, "--no-up", "--json"])));
      expect(both.map(({ code, stderr }) => ({ code, stderr }))).toEqual([
        { code: 0, stderr: "" },
        { code: 0, stderr: "" },
      ]);
      expect(both.map(({ stdout }) => JSON.parse(stdout).created).sort()).toEqual([false, true]);
      expect(new Set(both.map(({ stdout }) => JSON.parse(stdout).environment.slug))).toEqual(new Set(["other-topic"]));
    },
    minute,
  );
});

describe("the worktree's path", () => {
  test(
    "that exists is refused; an empty directory is used",
    async () => {
      await using world = await hermeticWorld({ files });
      const parent = `${world.repository}.worktrees`;
      await world.write({ file: "a file\n", "full/kept.txt": "kept\n" }, parent);
      mkdirSync(`${parent}/empty`);
      await leavesNothing(world, async () => {
        for (const name of ["file", "full"]) {
          await expectRefusal(world, ["create", name], { kind: "refused", code: "path_exists", names: [`${parent}/${name}`] });
        }
      });
      expect(await Bun.file(`${parent}/full/kept.txt`).text()).toBe("kept\n");
      await world.ok(["create", "empty", "--no-up"]);
      expect(existsSync(`${parent}/empty/file.txt`)).toBe(true);
    },
    minute,
  );

  test(
    "that was made by hand is adopted: create says so and brings it up",
    async () => {
      await using world = await hermeticWorld({
        files: { ...files, "wt.yaml": "services: { idle: { run: exec sleep 1000, port: none } }\n" },
      });
      const elsewhere = `${world.directory}/by hand`;
      await world.git(["worktree", "add", "--quiet", "-b", "mine", elsewhere]);
      const ran = await world.wt(["create", "mine"]);
      expect(ran.code).toBe(0);
      expect(ran.stdout + ran.stderr).toContain("mine exists already");
      expect(await world.status("mine")).toMatchObject({ path: elsewhere, status: "Healthy", branch: "mine" });
      // A worktree with the main worktree's branch is that environment.
      const main = await world.wt(["create", "main", "--json"]);
      expect(JSON.parse(main.stdout)).toMatchObject({ created: false, environment: { slug: "main", status: "Healthy" } });
      await world.ok(["delete", "mine"]);
      expect(existsSync(elsewhere)).toBe(false);
    },
    minute,
  );
});
