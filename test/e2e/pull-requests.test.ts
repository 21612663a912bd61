// `wt pr` against real remotes (bare repositories behind the addresses of hosts) and programs that answer as gh and glab are documented to.
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type HermeticWorld, hermeticWorld, type Ran } from "../support/hermetic-world.ts";

const minute = 60_000;

interface Hosted {
  world: HermeticWorld;
  /** Runs `wt` with the fake programs on the PATH. */
  wt(args: string[], options?: { stdin?: string; cwd?: string }): Promise<Ran>;
  ok(args: string[]): Promise<string>;
  /** The branch of the environment, checked out where. */
  environment(args: string[]): Promise<{ branch: string; path: string; slug: string }>;
  /** A commit in a repository of the host, on a branch made from its main; gives the commit. */
  push(at: { repository: string; branch: string; file: string; content?: string; force?: boolean }): Promise<string>;
  /** What the host says about a pull request, and its ref; without an answer the program does not know it. */
  open(number: number, commit: string, answer?: Record<string, unknown>): Promise<void>;
  config(key: string): Promise<string>;
}

interface Host {
  name: "github.com" | "gitlab.com" | "git.example.org";
  program: "gh" | "glab" | null;
  /** Committed to the repository that everybody has. */
  files?: Record<string, string>;
}

const programs = { gh: fakeGh, glab: fakeGlab };

async function hosted(host: Host, work: (hosted: Hosted) => Promise<void>): Promise<void> {
  await using world = await hermeticWorld({ files: { "file.txt": "one\n", ...host.files }, trust: false });
  const { directory } = world;
  const forge = join(directory, "forge");
  const bin = join(directory, "bin");
  const bare = (repository: string) => join(forge, `${repository}.git`);
  mkdirSync(bin);
  for (const repository of ["acme/shop", "eve/shop"]) {
    mkdirSync(join(forge, repository, ".."), { recursive: true });
    await world.git(["clone", "--quiet", "--bare", world.repository, bare(repository)]);
  }
  await world.git(["remote", "add", "origin", `https://${host.name}/acme/shop.git`]);
  await world.git(["config", `url.${forge}/.insteadOf`, `https://${host.name}/`]);
  await world.git(["fetch", "--quiet", "origin"]);
  if (host.program) {
    writeFileSync(join(bin, host.program), `#!${process.execPath}\n${programs[host.program](join(directory, "answers"))}`);
    chmodSync(join(bin, host.program), 0o755);
  }
  mkdirSync(join(directory, "answers"));
  const env = { PATH: `${bin}:${world.env.PATH}` };
  const wt: Hosted["wt"] = (args, options) => world.wt(args, { ...options, env });
  const ok = async (args: string[]) => {
    const ran = await wt(args);
    if (ran.code !== 0) throw new Error(`wt ${args.join(" ")}: ${ran.code}\n${ran.stderr}`);
    return ran.stdout;
  };
  const clone = join(directory, "clone");
  await world.git(["clone", "--quiet", bare("acme/shop"), clone]);
  await work({
    world,
    wt,
    ok,
    environment: async (args) => JSON.parse(await ok([...args, "--json"])).environment,
    async push({ repository, branch, file, content = "x\n", force = false }) {
      const there = await world.git(["rev-parse", "--verify", "--quiet", `refs/heads/${branch}`], bare(repository)).catch(() => "");
      await world.git(["fetch", "--quiet", bare(repository), `+refs/heads/*:refs/there/*`], clone);
      await world.git(["checkout", "--quiet", "--detach", there && !force ? `refs/there/${branch}` : "origin/main"], clone);
      writeFileSync(join(clone, file), content);
      await world.commit(`${branch}: ${file}`, clone);
      await world.git(["push", "--quiet", "--force", bare(repository), `HEAD:refs/heads/${branch}`], clone);
      const commit = (await world.git(["rev-parse", "HEAD"], clone)).trim();
      return commit;
    },
    async open(number, commit, answer) {
      const ref = host.name === "gitlab.com" ? `refs/merge-requests/${number}/head` : `refs/pull/${number}/head`;
      // As on a host: the repository that is asked has the commits of its forks.
      await world.git(["fetch", "--quiet", bare("eve/shop"), "+refs/heads/*:refs/forks/eve/*"], bare("acme/shop"));
      await world.git(["update-ref", ref, commit], bare("acme/shop"));
      if (answer) writeFileSync(join(directory, "answers", `${number}.json`), JSON.stringify(answer));
    },
    config: async (key) => (await world.git(["config", "--get", key]).catch(() => "")).trim(),
  });
}

/** `gh pr view <number> --repo <repository> --json <fields>`: only the fields that were asked for, in the shape of its manual; errors in its words. */
function fakeGh(answers: string): string {
  return `
const args = process.argv.slice(2);
const [noun, verb, number] = args;
const fields = args[args.indexOf("--json") + 1].split(",");
const file = Bun.file(${JSON.stringify(answers)} + "/" + number + ".json");
if (noun !== "pr" || verb !== "view" || args[args.indexOf("--repo") + 1] !== "github.com/acme/shop") {
  console.error("unknown command");
  process.exit(1);
}
if (await Bun.file(${JSON.stringify(answers)} + "/logged-out").exists()) {
  console.error("To get started with GitHub CLI, please run:  gh auth login\\nAlternatively, populate the GH_TOKEN environment variable with a GitHub API authentication token.");
  process.exit(4);
}
if (!(await file.exists())) {
  console.error("GraphQL: Could not resolve to a PullRequest with the number of " + number + ". (repository.pullRequest)");
  process.exit(1);
}
const all = await file.json();
const known = ["headRefName", "headRepository", "headRepositoryOwner", "isCrossRepository", "maintainerCanModify", "number", "state", "title", "url"];
const unknown = fields.find((field) => !known.includes(field));
if (unknown) {
  console.error('Unknown JSON field: "' + unknown + '"');
  process.exit(1);
}
console.log(JSON.stringify(Object.fromEntries(fields.map((field) => [field, all[field] ?? null]))));
`;
}

/** `glab mr view <number> --repo <url> --output json` and `glab api --hostname <host> projects/<id>`. */
function fakeGlab(answers: string): string {
  return `
const args = process.argv.slice(2);
const value = (name) => args[args.indexOf(name) + 1];
const name = args[0] === "api" ? args.at(-1).replace("/", "-") : args[2];
if (args[0] === "api" ? value("--hostname") !== "gitlab.com" : value("--repo") !== "https://gitlab.com/acme/shop" || value("--output") !== "json") {
  console.error("unknown flag");
  process.exit(1);
}
const file = Bun.file(${JSON.stringify(answers)} + "/" + name + ".json");
if (!(await file.exists())) {
  console.error("ERROR\\n\\n  failed to get merge request " + name + ": GET https://gitlab.com/api/v4/projects/acme%2Fshop/merge_requests/" + name + ": 404 {message: 404 Not found}.");
  process.exit(1);
}
console.log(await file.text());
`;
}

const gitHub: Host = { name: "github.com", program: "gh" };
const own = { number: 7, title: "Fix the header", state: "OPEN", headRefName: "fix", isCrossRepository: false, maintainerCanModify: false };
const ofFork = {
  ...own,
  headRepository: { id: "R_1", name: "shop" },
  headRepositoryOwner: { id: "U_1", login: "eve" },
  isCrossRepository: true,
  maintainerCanModify: true,
};

describe("with gh", () => {
  test(
    "a branch of the repository is tracked, brought up to date, found again, and goes with its environment",
    () =>
      hosted(gitHub, async ({ world, ok, environment, push, open, config }) => {
        const first = await push({ repository: "acme/shop", branch: "fix", file: "a.txt" });
        await open(7, first, own);
        const { branch, path, slug } = await environment(["pr", "7"]);
        expect(branch).toBe("fix");
        expect((await world.git(["rev-parse", "HEAD", "@{upstream}"], path)).trim().split("\n")).toEqual([first, first]);
        expect(await config("branch.fix.merge")).toBe("refs/heads/fix");
        const second = await push({ repository: "acme/shop", branch: "fix", file: "b.txt" });
        await open(7, second, own);
        expect(JSON.parse(await ok(["pr", "https://github.com/acme/shop/pull/7/files", "--json"]))).toMatchObject({ created: false });
        expect(await world.git(["rev-parse", "HEAD"], path)).toBe(`${second}\n`);
        expect(existsSync(join(path, "b.txt"))).toBe(true);
        await ok(["delete", slug]);
        expect((await world.list()).environments).toHaveLength(1);
      }),
    minute,
  );

  test(
    "a fork's gets its name, pushes to the fork and pulls from it; deleting it loses nothing",
    () =>
      hosted(gitHub, async ({ world, wt, ok, environment, push, open, config }) => {
        const commit = await push({ repository: "eve/shop", branch: "fix", file: "a.txt" });
        await open(7, commit, ofFork);
        const { branch, path } = await environment(["pr", "#7"]);
        expect(branch).toBe("fix");
        expect(await config("branch.fix.pushRemote")).toBe("https://github.com/eve/shop.git");
        writeFileSync(join(path, "mine.txt"), "mine\n");
        await world.commit("mine", path);
        await world.git(["push", "--quiet"], path);
        const there = join(world.directory, "forge/eve/shop.git");
        expect(await world.git(["rev-parse", "fix"], there)).toBe(await world.git(["rev-parse", "HEAD"], path));
        await world.git(["pull", "--quiet"], path);
        // It has a commit that the pull request's ref has not, so it is left alone.
        const again = await wt(["pr", "7"]);
        expect(again.stderr).toContain("fix has 1 commit of its own, so it stays as it is");
        await open(7, (await world.git(["rev-parse", "fix"], there)).trim(), ofFork);
        expect((await wt(["pr", "7"])).stderr).not.toContain("of its own");
        expect(await ok(["delete", "fix"])).toBe("Deleted fix; the branch fix stays, it is not merged (--branch deletes it).\n");
        await ok(["pr", "7"]);
        expect(await ok(["delete", "fix", "--branch"])).toContain("Deleted fix and its branch fix.");
        expect(await config("branch.fix.wtPullRequest")).toBe("");
        // The next one tidies up what no branch stands for.
        await wt(["pr", "999"]);
        expect(await world.git(["for-each-ref", "refs/remotes/pull-requests"])).toBe("");
      }),
    minute,
  );

  test(
    "rewritten at the other end, it follows, unless somebody works on it here",
    () =>
      hosted(gitHub, async ({ world, wt, environment, push, open }) => {
        await open(7, await push({ repository: "eve/shop", branch: "fix", file: "a.txt" }), ofFork);
        const { path } = await environment(["pr", "7"]);
        const rewritten = await push({ repository: "eve/shop", branch: "fix", file: "b.txt", force: true });
        await open(7, rewritten, ofFork);
        writeFileSync(join(path, "notes.txt"), "untracked\n");
        expect((await wt(["pr", "7"])).stderr).toContain("Brought fix up to date.");
        expect(await world.git(["rev-parse", "HEAD"], path)).toBe(`${rewritten}\n`);
        expect(readFileSync(join(path, "notes.txt"), "utf8")).toBe("untracked\n");
        // A change in the very file: git would lose it, so nothing moves.
        writeFileSync(join(path, "b.txt"), "being written\n");
        await open(7, await push({ repository: "eve/shop", branch: "fix", file: "b.txt", content: "theirs\n" }), ofFork);
        const kept = await wt(["pr", "7"]);
        expect(kept.code).toBe(0);
        expect(kept.stderr).toContain("fix stays as it is: Entry 'b.txt' not uptodate. Cannot merge.");
        expect(readFileSync(join(path, "b.txt"), "utf8")).toBe("being written\n");
      }),
    minute,
  );

  test(
    "a name that other work has is never touched; a fork's main gets the owner's name before it",
    () =>
      hosted(gitHub, async ({ world, wt, environment, push, open, config }) => {
        await world.git(["branch", "fix"]);
        await open(7, await push({ repository: "eve/shop", branch: "fix", file: "a.txt" }), ofFork);
        const before = await world.git(["rev-parse", "fix"]);
        const refused = await wt(["pr", "7"]);
        expect(refused.code).toBe(5);
        expect(refused.stderr).toContain("The branch fix, as this one is called, exists already and has other work.");
        expect(refused.stderr).toContain("wt pr 7 --branch eve/fix");
        expect(await world.git(["rev-parse", "fix"])).toBe(before);
        expect((await environment(["pr", "7", "--branch", "eve/fix"])).branch).toBe("eve/fix");
        // Not by a new branch of that name: git says how.
        expect(await config("branch.eve/fix.merge")).toBe("refs/heads/fix");
        await open(8, await push({ repository: "eve/shop", branch: "main", file: "m.txt" }), { ...ofFork, headRefName: "main" });
        const second = await wt(["pr", "8"]);
        expect(second.stderr).toContain("It is called main there: push with git push https://github.com/eve/shop.git HEAD:main");
        expect((await world.list()).environments.map(({ branch }) => branch)).toContain("eve/main");
      }),
    minute,
  );

  test(
    "merged or closed ones only when asked for, also when the branch is gone",
    () =>
      hosted(gitHub, async ({ wt, environment, push, open }) => {
        const commit = await push({ repository: "eve/shop", branch: "other", file: "a.txt" });
        await open(7, commit, { ...own, state: "MERGED" });
        const refused = await wt(["pr", "7", "--json"]);
        expect(refused.code).toBe(5);
        expect(JSON.parse(refused.stdout).error).toMatchObject({
          code: "pull_request_not_open",
          message: "Pull request 7 (Fix the header) is merged.",
          hints: ["Check it out all the same: wt pr 7 --closed"],
        });
        expect((await environment(["pr", "7", "--closed"])).branch).toBe("fix");
      }),
    minute,
  );

  test(
    "none of that number; no network; not logged in; no name at all",
    () =>
      hosted(gitHub, async ({ world, wt, push, open }) => {
        const none = await wt(["pr", "999"]);
        expect(none.code).toBe(4);
        expect(none.stderr).toContain("There is no pull request 999 on github.com/acme/shop.");
        expect((await wt(["pr", "fix"])).code).toBe(2);
        await open(7, await push({ repository: "acme/shop", branch: "fix", file: "a.txt" }), own);
        writeFileSync(join(world.directory, "answers/logged-out"), "");
        const loggedOut = await wt(["pr", "7", "--yes"]);
        expect(loggedOut.stderr).toContain(
          "Going by refs/pull/7/head, because gh failed: To get started with GitHub CLI, please run:  gh auth login.",
        );
        expect((await world.list()).environments.map(({ branch }) => branch)).toContain("pr/7");
        await world.git(["config", "--remove-section", `url.${join(world.directory, "forge")}/`]);
        await world.git(["config", "url.https://127.0.0.1:1/.insteadOf", "https://github.com/"]);
        const offline = await wt(["pr", "7"]);
        expect(offline.code).toBe(7);
        expect(offline.stderr).toContain("The remote origin cannot be reached: unable to access 'https://127.0.0.1:1/acme/shop.git/'");
      }),
    minute,
  );

  test(
    "a fork's code does not run before a person says so",
    () =>
      hosted(
        { ...gitHub, files: { "wt.yaml": "project: shop\nsetup: [./prepare.sh]\n", "prepare.sh": "#!/bin/sh\ntouch ran\n" } },
        async (host) => {
          const { world, wt, ok, push, open } = host;
          chmodSync(join(world.repository, "prepare.sh"), 0o755);
          await world.commit("executable");
          await ok(["trust", "--yes"]);
          await world.git(["push", "--quiet", join(world.directory, "forge/acme/shop.git"), "main"]);
          await world.git(["fetch", "--quiet", "origin"]);
          await world.git(["pull", "--quiet", "origin", "main"], join(world.directory, "clone"));
          await open(7, await push({ repository: "eve/shop", branch: "fix", file: "a.txt" }), ofFork);
          const refused = await wt(["pr", "7"]);
          expect(refused.code).toBe(6);
          expect(refused.stderr).toContain(
            "The code of pull request 7 (Fix the header) comes from the fork eve/shop, and its setup and services would run here; a person has to allow that.",
          );
          expect(await world.git(["for-each-ref", "refs/heads/fix"])).toBe("");
          expect(await world.git(["config", "--get-regexp", "^branch\\.fix\\."]).catch(() => "")).toBe("");
          const agent = await world.wt(["pr", "7", "--yes"], {
            env: { PATH: `${world.directory}/bin:${world.env.PATH}`, CLAUDECODE: "1" },
          });
          expect(agent.code).toBe(6);
          await ok(["pr", "7", "--yes"]);
          expect(existsSync(join(`${world.repository}.worktrees`, "fix/ran"))).toBe(true);
          // A branch of the repository itself needs the usual trust alone.
          await open(8, await push({ repository: "acme/shop", branch: "inside", file: "b.txt" }), { ...own, headRefName: "inside" });
          await ok(["pr", "8"]);
        },
      ),
    minute,
  );
});

describe("with glab", () => {
  const mine = { iid: 3, title: "Faster", state: "opened", source_branch: "fast", source_project_id: 1, target_project_id: 1 };

  test(
    "a merge request, of the project and of a fork",
    () =>
      hosted({ name: "gitlab.com", program: "glab" }, async ({ world, wt, environment, push, open, config }) => {
        const commit = await push({ repository: "acme/shop", branch: "fast", file: "a.txt" });
        await open(3, commit, mine);
        expect((await environment(["pr", "!3"])).branch).toBe("fast");
        await open(4, await push({ repository: "eve/shop", branch: "faster", file: "b.txt" }), {
          ...mine,
          source_branch: "faster",
          source_project_id: 2,
          allow_collaboration: true,
        });
        writeFileSync(join(world.directory, "answers/projects-2.json"), JSON.stringify({ id: 2, path_with_namespace: "eve/shop" }));
        expect((await environment(["pr", "https://gitlab.com/acme/shop/-/merge_requests/4"])).branch).toBe("faster");
        expect(await config("branch.faster.pushRemote")).toBe("https://gitlab.com/eve/shop.git");
        const none = await wt(["pr", "5"]);
        expect(none.stderr).toContain("There is no merge request 5 on gitlab.com/acme/shop.");
        // Its project cannot be seen: it is checked out, but there is nowhere to push to.
        await open(6, commit, { ...mine, source_branch: "gone", source_project_id: null });
        expect((await wt(["pr", "6"])).stderr).toContain("The fork it comes from is gone or cannot be seen");
      }),
    minute,
  );
});

describe("without either", () => {
  test.each(["refs/pull/7/head", "refs/merge-requests/7/head"])(
    "the remote's %s is enough",
    (ref) =>
      hosted({ name: "git.example.org", program: null }, async ({ world, wt, ok, push }) => {
        const commit = await push({ repository: "eve/shop", branch: "fix", file: "a.txt" });
        const bare = join(world.directory, "forge/acme/shop.git");
        await world.git(["fetch", "--quiet", join(world.directory, "forge/eve/shop.git"), "+refs/heads/*:refs/forks/eve/*"], bare);
        await world.git(["update-ref", ref, commit], bare);
        const branch = ref.includes("merge") ? "mr/7" : "pr/7";
        const { code, stderr } = await wt(["pr", "7"]);
        expect({ code, stderr }).toMatchObject({ code: 0 });
        expect(stderr).toContain(`Going by ${ref}, because the remote is no host that gh or glab know.`);
        expect(await world.git(["rev-parse", branch])).toBe(`${commit}\n`);
        expect(await world.git(["config", `branch.${branch}.merge`])).toBe(`${ref}\n`);
        await ok(["pr", "7"]);
        expect((await wt(["pr", "8"])).stderr).toContain("There is no pull request 8 on git.example.org/acme/shop.");
      }),
    minute,
  );
});
