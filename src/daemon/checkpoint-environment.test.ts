import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestWorld, testWorld } from "../../test/support/daemon-world.ts";
import { checkpointEnvironment, diffWithCheckpoint, listWholeCheckpoints, removeWholeCheckpoint } from "./checkpoint-environment.ts";
import { createEnvironment } from "./create-environment.ts";
import { deleteEnvironment } from "./delete-environment.ts";
import { putFileEntry } from "./file-checkpoints.ts";
import { beginOperation } from "./journaled-run.ts";
import { settleOperations } from "./recovery.ts";
import { restoreEnvironment } from "./restore-environment.ts";
import { undeleteEnvironment } from "./undelete-environment.ts";

const files = {
  "wt.yaml": "project: shop\nresources:\n  db: { type: postgres, branch: own }\nservices: {}\n",
  "a.txt": "one\n",
  ".gitignore": ".env\n",
};

interface Work {
  test: TestWorld;
  path: string;
  id: string;
  target: { cwd: string };
}

async function withWork(test: TestWorld): Promise<Work> {
  const request = { cwd: test.repository.root, branch: "work", up: false, env: test.repository.env, git: "skip" as const };
  const { environment } = await createEnvironment(test.world, request, test.call());
  const id = test.world.ledger.environments().find(({ slug }) => slug === "work")?.id ?? "";
  return { test, path: environment.path, id, target: { cwd: environment.path } };
}

const db = "wt_shop_work_db";
const take = ({ test, target }: Work, id: string | null = "one", ignored = false) =>
  checkpointEnvironment(test.world, { target, id, ignored }, test.call());
const restore = ({ test, target }: Work, id = "one") =>
  restoreEnvironment(test.world, { target, id, restart: false, env: test.repository.env }, test.call());
const list = async ({ test, target }: Work) => (await listWholeCheckpoints(test.world, { target })).checkpoints;
const read = (work: Work, file: string) => readFileSync(join(work.path, file), "utf8");

function change(work: Work, text: string): void {
  work.test.repository.write("a.txt", `${text}\n`, work.path);
  work.test.repository.write("new.txt", `${text}\n`, work.path);
  work.test.databases.postgres?.write(db, text);
}

describe("one checkpoint holds files and databases", () => {
  test("restore brings both back, and what was there before is a checkpoint too", async () => {
    await using test = await testWorld(files, { postgres: {} });
    const work = await withWork(test);
    change(work, "first");
    expect(await take(work)).toMatchObject({
      environment: "work",
      checkpoint: { id: "one", resources: ["db"], automatic: false },
      leftOut: [],
    });
    change(work, "second");
    test.repository.write("later.txt", "later\n", work.path);
    test.repository.commit({ "committed.txt": "c\n" }, { directory: work.path });
    const result = await restore(work);
    expect(result).toMatchObject({ restored: "one", resources: ["db"], commitsSince: 1 });
    expect([read(work, "a.txt"), read(work, "new.txt"), test.databases.postgres?.read(db)]).toEqual(["first\n", "first\n", "first"]);
    expect(existsSync(join(work.path, "later.txt"))).toBe(false);
    await restore(work, result.before);
    expect([read(work, "a.txt"), read(work, "later.txt"), test.databases.postgres?.read(db)]).toEqual(["second\n", "later\n", "second"]);
    expect((await list(work)).map(({ id, automatic }) => [id === "one" ? id : "time", automatic])).toEqual([
      ["one", false],
      ["time", true],
      ["time", true],
    ]);
    const { files: changed } = await diffWithCheckpoint(test.world, { target: work.target, id: "one" });
    expect(changed.map(({ status, path }) => `${status} ${path}`)).toEqual([
      "changed a.txt",
      "added committed.txt",
      "added later.txt",
      "changed new.txt",
    ]);
    expect(test.reported).toEqual([]);
  });

  test("when the database cannot go back, the files do not either", async () => {
    await using test = await testWorld(files, { postgres: {} });
    const work = await withWork(test);
    change(work, "first");
    await take(work);
    change(work, "second");
    test.databases.postgres?.find(db)?.checkpoints.delete("one");
    await expect(restore(work)).rejects.toMatchObject({ kind: "not_found" });
    expect([read(work, "a.txt"), read(work, "new.txt"), test.databases.postgres?.read(db)]).toEqual(["second\n", "second\n", "second"]);
  });

  test("a failure leaves nothing of it; a name is taken once; an unknown one is refused", async () => {
    await using test = await testWorld(files, { postgres: {} });
    const work = await withWork(test);
    change(work, "first");
    await take(work);
    await expect(take(work)).rejects.toMatchObject({ code: "checkpoint_exists" });
    await expect(take(work, "Not a name")).rejects.toMatchObject({ code: "checkpoint_name_invalid" });
    await expect(restore(work, "nothing")).rejects.toMatchObject({ code: "checkpoint_unknown" });
    const abort = new AbortController();
    const call = test.call(abort.signal);
    const emit = call.emit;
    call.emit = (event) => {
      emit(event);
      abort.abort(new Error("interrupted"));
    };
    await expect(checkpointEnvironment(test.world, { target: work.target, id: "two", ignored: false }, call)).rejects.toThrow(
      "interrupted",
    );
    expect((await list(work)).map(({ id }) => id)).toEqual(["one"]);
    expect([...(test.databases.postgres?.find(db)?.checkpoints.keys() ?? [])]).toEqual(["one"]);
    expect(test.repository.run(["for-each-ref", "--format=%(refname)", "refs/wt"]).split("\n")).toHaveLength(3);
    await removeWholeCheckpoint(test.world, { target: work.target, id: "one" }, test.call());
    expect(await list(work)).toEqual([]);
    expect([...(test.databases.postgres?.find(db)?.checkpoints.keys() ?? [])]).toEqual([]);
    expect(test.repository.run(["for-each-ref", "refs/wt"])).toBe("");
  });

  test("without resources, of the main worktree, with ignored files", async () => {
    await using test = await testWorld({ "a.txt": "one\n", ".gitignore": ".env\n" }, {});
    const target = { cwd: test.repository.root };
    test.repository.write(".env", "1\n");
    await checkpointEnvironment(test.world, { target, id: null, ignored: true }, test.call());
    const [made] = (await listWholeCheckpoints(test.world, { target })).checkpoints;
    rmSync(join(test.repository.root, ".env"));
    test.repository.write("a.txt", "two\n");
    await restoreEnvironment(test.world, { target, id: made?.id ?? "", restart: false, env: test.repository.env }, test.call());
    expect(readFileSync(join(test.repository.root, ".env"), "utf8")).toBe("1\n");
    expect(readFileSync(join(test.repository.root, "a.txt"), "utf8")).toBe("one\n");
  });

  test("of those that restores made by themselves the last five stay", async () => {
    await using test = await testWorld(files, { postgres: {} });
    const work = await withWork(test);
    await take(work);
    for (let number = 0; number < 7; number++) await restore(work);
    expect((await list(work)).filter(({ automatic }) => automatic)).toHaveLength(5);
  });

  test("they go with the environment, and come back with it", async () => {
    await using test = await testWorld(files, { postgres: {} });
    test.world.env.WT_UNDELETE_DAYS = "7";
    const work = await withWork(test);
    change(work, "first");
    await take(work);
    change(work, "second");
    await deleteEnvironment(test.world, { target: { ...test.target, name: "work" }, force: true, branch: true }, test.call());
    await undeleteEnvironment(test.world, { cwd: test.repository.root, name: "work", up: false, env: test.repository.env }, test.call());
    await restore(work);
    expect([read(work, "a.txt"), test.databases.postgres?.read(db)]).toEqual(["first\n", "first"]);
    const purge = { target: { ...test.target, name: "work" }, force: true, branch: true, purge: true };
    await deleteEnvironment(test.world, purge, test.call());
    expect(test.repository.run(["for-each-ref", "refs/wt"])).toBe("");
  });
});

describe("a daemon that died", () => {
  test("in the middle of a restore: the next one carries it on", async () => {
    await using test = await testWorld(files, { postgres: {} });
    const work = await withWork(test);
    change(work, "first");
    await take(work);
    change(work, "second");
    await take(work, "before");
    const data = { whole: "one", before: "before" };
    beginOperation(test.world, { environmentId: work.id, kind: "restore", data });
    // Half of it was done.
    test.repository.write("a.txt", "first\n", work.path);
    await settleOperations(test.world);
    expect([read(work, "a.txt"), read(work, "new.txt"), test.databases.postgres?.read(db)]).toEqual(["first\n", "first\n", "first"]);
    expect(test.world.ledger.operations()).toEqual([]);
  });

  test("in the middle of a checkpoint: nothing of it stays", async () => {
    await using test = await testWorld(files, { postgres: {} });
    const work = await withWork(test);
    await take(work);
    const [entry] = await list(work);
    putFileEntry(test.world, work.id, {
      id: "one",
      createdAtMs: 1,
      state: "intended",
      head: entry?.head ?? null,
      branch: "work",
      ignored: false,
      automatic: false,
    });
    await settleOperations(test.world);
    expect(test.repository.run(["for-each-ref", "refs/wt"])).toBe("");
  });
});
