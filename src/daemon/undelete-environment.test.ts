import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestWorld, testWorld } from "../../test/support/daemon-world.ts";
import { WtError } from "../errors/wt-error.ts";
import { createEnvironment } from "./create-environment.ts";
import { deleteEnvironment } from "./delete-environment.ts";
import { keptOf } from "./kept-environment.ts";
import { overdue, purgeDeleted, settleKept, tidyKept } from "./kept-upkeep.ts";
import { listDeleted, purgeNamed, undeleteEnvironment } from "./undelete-environment.ts";

const files = {
  "wt.yaml": "project: shop\nresources:\n  db: { type: postgres, branch: own }\nservices: {}\n",
  "a.txt": "one\n",
  ".gitignore": ".env\nnode_modules\n",
};

async function keeping(): Promise<TestWorld> {
  const test = await testWorld(files, { postgres: {} });
  test.world.env.WT_UNDELETE_DAYS = "7";
  return test;
}

interface Consents {
  force?: boolean;
  branch?: boolean;
  purge?: boolean;
  abandon?: boolean;
}

/** As a database whose server is gone. */
function breakRemoval({ world }: TestWorld): { mend(): void } {
  const driver = world.resources.get("postgres")!;
  const { remove, retire } = driver;
  const gone = () => Promise.reject(new WtError({ kind: "machine", code: "database_unreachable", message: "The server is gone." }));
  Object.assign(driver, { remove: gone, retire: gone });
  return { mend: () => void Object.assign(driver, { remove, retire }) };
}

const create = (test: TestWorld, branch: string) =>
  createEnvironment(test.world, { cwd: test.repository.root, branch, up: false, env: test.repository.env, git: "skip" }, test.call());
const remove = (test: TestWorld, name: string, more: Consents = {}) =>
  deleteEnvironment(
    test.world,
    { target: { ...test.target, name }, ...more, force: more.force === true, branch: more.branch === true },
    test.call(),
  );
const undelete = (test: TestWorld, name: string, call = test.call()) =>
  undeleteEnvironment(test.world, { cwd: test.repository.root, name, up: false, env: test.repository.env }, call);

/** Everything that git and the file system say of a worktree. */
function portrait(test: TestWorld, path: string): unknown {
  const git = (...args: string[]) => test.repository.run(args, path);
  return {
    branch: git("branch", "--show-current"),
    head: git("rev-parse", "HEAD"),
    status: git("status", "--porcelain=v2", "-uall", "--ignored"),
    staged: git("diff", "--cached"),
    unstaged: git("diff"),
    env: readFileSync(join(path, ".env"), "utf8"),
    mode: statSync(join(path, "run.sh")).mode,
  };
}

async function messy(test: TestWorld, slug: string): Promise<string> {
  const { environment } = await create(test, slug);
  const { path } = environment;
  test.repository.commit({ "b.txt": "committed\n" }, { directory: path });
  test.repository.write("a.txt", "staged\n", path);
  test.repository.run(["add", "a.txt"], path);
  test.repository.write("a.txt", "unstaged\n", path);
  test.repository.write("new dir/日本語", "untracked\n", path);
  test.repository.write(".env", "SECRET=1\n", path);
  test.repository.write("run.sh", "#!/bin/sh\n", path);
  chmodSync(join(path, "run.sh"), 0o750);
  symlinkSync("a.txt", join(path, "link"));
  test.databases.postgres?.write("wt_shop_messy_db", "rows of messy");
  return path;
}

describe("undelete", () => {
  test("brings back branch, commits, staged, unstaged, untracked and ignored files, and the database", async () => {
    await using test = await keeping();
    const path = await messy(test, "messy");
    const before = portrait(test, path);
    const record = test.world.ledger.environments().find(({ slug }) => slug === "messy");
    const result = await remove(test, "messy", { force: true, branch: true });
    expect(result).toMatchObject({ branchOutcome: "deleted", rescueRefs: [] });
    expect(existsSync(path)).toBe(false);
    expect(test.repository.run(["branch", "--list", "messy"])).toBe("");
    expect(test.repository.run(["worktree", "list"]).split("\n")).toHaveLength(1);
    expect(test.world.ledger.leases()).toEqual([]);
    // What git would collect is held.
    test.repository.run(["reflog", "expire", "--expire=now", "--all"]);
    test.repository.run(["gc", "-q", "--prune=now"]);
    const back = await undelete(test, "messy");
    expect(back.environment).toMatchObject({ slug: "messy", branch: "messy", path, slot: record?.slot });
    expect(portrait(test, path)).toEqual(before);
    expect(test.databases.postgres?.read("wt_shop_messy_db")).toBe("rows of messy");
    expect(test.world.ledger.deleted()).toEqual([]);
    expect(test.repository.run(["for-each-ref", "refs/wt"])).toBe("");
    expect(existsSync(join(test.repository.root, ".git/wt"))).toBe(false);
    expect(test.world.ledger.environment(record?.id ?? "")).toMatchObject({ nonce: record?.nonce, hostLabel: record?.hostLabel });
    expect(test.reported).toEqual([]);
  });

  test("a branch that moved on, or is checked out elsewhere, is left alone; the work is on another one", async () => {
    await using test = await keeping();
    const { environment } = await create(test, "feature");
    const head = test.repository.commit({ "b.txt": "mine\n" }, { directory: environment.path });
    await remove(test, "feature");
    test.repository.run(["checkout", "-q", "feature"]);
    const moved = test.repository.commit({ "c.txt": "since\n" });
    const back = await undelete(test, "feature");
    expect(back.branch).toBe("feature-undeleted");
    expect(test.repository.run(["rev-parse", "feature"])).toBe(moved);
    expect(test.repository.run(["rev-parse", "HEAD"], environment.path)).toBe(head);
    expect(test.repository.run(["branch", "--show-current"], environment.path)).toBe("feature-undeleted");
    expect(test.repository.run(["status", "--porcelain"], environment.path)).toBe("");
  });

  test("a rebase in progress, a conflict, a detached HEAD whose commits nothing else has, a repository inside", async () => {
    await using test = await keeping();
    const { environment } = await create(test, "torn");
    const { path } = environment;
    test.repository.commit({ "a.txt": "mine\n" }, { directory: path });
    test.repository.commit({ "a.txt": "theirs\n" });
    expect(() => test.repository.run(["rebase", "main"], path)).toThrow();
    mkdirSync(join(path, "vendor"));
    test.repository.run(["init", "-q"], join(path, "vendor"));
    test.repository.commit({ "v.txt": "v\n" }, { directory: join(path, "vendor") });
    const before = test.repository.run(["status"], path);
    await remove(test, "torn", { force: true, branch: true });
    test.repository.run(["gc", "-q", "--prune=now"]);
    await undelete(test, "torn");
    expect(test.repository.run(["status"], path)).toBe(before);
    expect(test.repository.run(["log", "-1", "--format=%s"], join(path, "vendor"))).toBe("a commit");
    test.repository.write("a.txt", "solved\n", path);
    test.repository.run(["add", "a.txt"], path);
    test.repository.run(["-c", "core.editor=true", "rebase", "--continue"], path);
    expect(test.repository.run(["branch", "--show-current"], path)).toBe("torn");
  });

  test("the same name twice: the last one first, the other by its id; what is in the way is refused and left alone", async () => {
    await using test = await keeping();
    await create(test, "twice");
    await remove(test, "twice");
    const { environment } = await create(test, "twice");
    test.repository.write("second.txt", "2", environment.path);
    await remove(test, "twice", { force: true });
    const { deleted } = await listDeleted(test.world, { cwd: test.repository.root, all: false });
    expect(deleted.map(({ slug, unsavedFiles }) => [slug, unsavedFiles])).toEqual([
      ["twice", 1],
      ["twice", 0],
    ]);
    mkdirSync(environment.path, { recursive: true });
    writeFileSync(join(environment.path, "precious"), "p");
    await expect(undelete(test, "twice")).rejects.toMatchObject({ code: "path_exists" });
    expect(readFileSync(join(environment.path, "precious"), "utf8")).toBe("p");
    rmSync(environment.path, { recursive: true });
    await undelete(test, "twice");
    expect(existsSync(join(environment.path, "second.txt"))).toBe(true);
    await expect(undelete(test, deleted[1]?.id ?? "")).rejects.toMatchObject({ code: "environment_exists" });
    await remove(test, "twice", { force: true, purge: true });
    await undelete(test, deleted[1]?.id ?? "");
    expect(existsSync(join(environment.path, "second.txt"))).toBe(false);
    await expect(undelete(test, "nobody")).rejects.toMatchObject({ code: "deleted_unknown" });
  });

  test("worktrunk#3820: when its files cannot come back, nothing is gone of what was kept: everything is as it was, and the next attempt succeeds", async () => {
    await using test = await keeping();
    const path = await messy(test, "messy");
    await remove(test, "messy", { force: true, branch: true });
    const kept = join(test.repository.root, ".git/wt/deleted");
    const [id = ""] = readdirSync(kept);
    renameSync(join(kept, id, "registration"), join(kept, "aside"));
    await expect(undelete(test, "messy")).rejects.toBeInstanceOf(Error);
    expect(test.world.ledger.environments().map(({ slug }) => slug)).toEqual(["main"]);
    expect(test.world.ledger.leases()).toEqual([]);
    expect(test.world.ledger.operations()).toEqual([]);
    expect(test.repository.run(["branch", "--list", "messy"])).toBe("");
    expect(existsSync(path)).toBe(false);
    renameSync(join(kept, "aside"), join(kept, id, "registration"));
    await undelete(test, "messy");
    expect(readFileSync(join(path, ".env"), "utf8")).toBe("SECRET=1\n");
  });

  test("what cannot be kept is named, and removed", async () => {
    await using test = await keeping();
    await create(test, "spike");
    test.databases.postgres?.failNext("retire", new Error("no"));
    await expect(remove(test, "spike")).rejects.toThrow("no");
    // Called off: it is there, and whole again.
    expect(test.world.ledger.environments().map(({ slug }) => slug)).toEqual(["main", "spike"]);
    const result = await remove(test, "spike");
    expect(result.undeleteUntil).not.toBeNull();
    expect(test.databases.postgres?.find("wt_shop_spike_db")).toMatchObject({ state: "asleep" });
  });
});

describe("what is kept", () => {
  test("gascity#1326: is thrown away by --purge, after its days, and when all together are too large: the oldest first", async () => {
    await using test = await keeping();
    for (const name of ["one", "two", "three"]) {
      await create(test, name);
      await remove(test, name, { branch: true });
    }
    const ids = test.world.ledger.deleted().map(({ id }) => id);
    for (const id of ids) await settleKept(test.world, id);
    const sizes = test.world.ledger.deleted().map((record) => keptOf(record).bytes ?? 0);
    expect(sizes.every((bytes) => bytes > 0)).toBe(true);
    const [first = "", second = "", third = ""] = ids;
    expect(overdue(test.world.ledger.deleted(), 0, (sizes[1] ?? 0) + (sizes[2] ?? 0))).toEqual([first]);
    await purgeDeleted(test.world, second);
    expect(test.databases.postgres?.find("wt_shop_two_db")).toBeNull();
    expect(test.repository.run(["for-each-ref", `refs/wt/deleted/${second}`])).toBe("");
    const record = test.world.ledger.deletedRecord(first);
    if (record) test.world.ledger.putDeleted({ ...record, expiresAtMs: 1 });
    expect(await tidyKept(test.world)).toEqual([first]);
    expect(test.world.ledger.deleted().map(({ id }) => id)).toEqual([third]);
    await purgeDeleted(test.world, third);
    expect(test.repository.run(["for-each-ref", "refs/wt"])).toBe("");
    expect(test.reported).toEqual([]);
  });

  test("is given up where it cannot be removed only with that consent; all else of it goes then", async () => {
    await using test = await keeping();
    await create(test, "one");
    await remove(test, "one", { branch: true });
    const { id } = test.world.ledger.deleted()[0]!;
    await settleKept(test.world, id);
    const broken = breakRemoval(test);
    const purge = (abandon: boolean, call = test.call()) => purgeNamed(test.world, { cwd: test.repository.root, name: id, abandon }, call);
    for (const _ of [1, 2]) {
      const error = (await purge(false).catch((thrown: unknown) => thrown)) as WtError;
      expect(error).toMatchObject({ code: "database_unreachable", message: "The server is gone." });
      expect(error.hints.at(-1)).toContain(`wt undelete ${id} --purge --abandon`);
    }
    expect(await tidyKept(test.world)).toEqual([]);
    const call = test.call();
    await purge(true, call);
    expect(call.events).toContainEqual({ type: "note", message: "db was left where it is: The server is gone." });
    broken.mend();
    expect(test.world.ledger.deleted()).toEqual([]);
    expect(test.repository.run(["for-each-ref", "refs/wt"])).toBe("");
    expect(existsSync(join(test.repository.root, ".git/wt/deleted", id))).toBe(false);
    expect(test.databases.postgres?.find("wt_shop_one_db")).not.toBeNull();
  });

  test.each([false, true])("a delete whose database cannot be reached goes on with that consent, purge: %p", async (purge) => {
    await using test = await keeping();
    await create(test, "one");
    const broken = breakRemoval(test);
    const error = (await remove(test, "one", { branch: true, purge }).catch((thrown: unknown) => thrown)) as WtError;
    expect(error.hints.at(-1)).toContain(`wt delete one --branch ${purge ? "--purge " : ""}--abandon`);
    const result = await remove(test, "one", { branch: true, purge, abandon: true });
    expect(result.abandoned).toEqual([{ what: "db", reason: "The server is gone." }]);
    expect(test.world.ledger.environments().map(({ slug }) => slug)).not.toContain("one");
    broken.mend();
    if (purge) return;
    expect((await undelete(test, "one")).removedResources).toEqual(["db"]);
  });

  test("does not hold what is made again: a large ignored directory goes, and setup is due when it comes back", async () => {
    await using test = await keeping();
    const { environment } = await create(test, "heavy");
    mkdirSync(join(environment.path, "node_modules/big"), { recursive: true });
    writeFileSync(join(environment.path, "node_modules/big/file"), Buffer.alloc(40 * 1024 * 1024, 1));
    writeFileSync(join(environment.path, ".env"), "small\n");
    test.world.ledger.putSetupStamp({ environmentId: idOf(test, "heavy"), step: "npm ci", hash: "1" });
    const id = idOf(test, "heavy");
    await remove(test, "heavy");
    await settleKept(test.world, id);
    const record = test.world.ledger.deletedRecord(id);
    expect(record && keptOf(record)).toMatchObject({ dropped: ["node_modules/"] });
    await undelete(test, "heavy");
    expect(readFileSync(join(environment.path, ".env"), "utf8")).toBe("small\n");
    expect(existsSync(join(environment.path, "node_modules"))).toBe(false);
    expect(test.world.ledger.setupStamp(id, "npm ci")).toBeNull();
  });

  test("for as long as wt.yaml says, unless the daemon's own variable says otherwise; a broken wt.yaml stops no deletion", async () => {
    await using test = await testWorld({ ...files, "wt.yaml": `undelete_days: 30\n${files["wt.yaml"]}` }, { postgres: {} });
    delete test.world.env.WT_UNDELETE_DAYS;
    const daysOf = async (name: string) => {
      const { undeleteUntil } = await remove(test, name, { force: true });
      return Math.round((Date.parse(undeleteUntil ?? "") - test.world.clock.now()) / 86_400_000);
    };
    await create(test, "file");
    expect(await daysOf("file")).toBe(30);
    const { environment } = await create(test, "broken");
    test.repository.write("wt.yaml", "undelete_days: [", environment.path);
    expect(await daysOf("broken")).toBe(7);
    await create(test, "variable");
    test.world.env.WT_UNDELETE_DAYS = "2";
    expect(await daysOf("variable")).toBe(2);
  });

  test("is nothing after --purge or with no days, and then a rescue ref keeps what --force gives up only without --purge", async () => {
    await using test = await keeping();
    for (const [name, days, purge] of [
      ["purged", "7", true],
      ["rescued", "0", false],
    ] as const) {
      test.world.env.WT_UNDELETE_DAYS = days;
      const { environment } = await create(test, name);
      test.repository.write("new.txt", "n", environment.path);
      const result = await remove(test, name, { force: true, purge });
      expect(result.undeleteUntil).toBeNull();
      expect(result.rescueRefs.length > 0).toBe(!purge);
    }
    expect(test.world.ledger.deleted()).toEqual([]);
    expect(existsSync(join(test.repository.root, ".git/wt/deleted"))).toBe(false);
  });
});

function idOf(test: TestWorld, slug: string): string {
  return test.world.ledger.environments().find((one) => one.slug === slug)?.id ?? "";
}
