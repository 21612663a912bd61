// `wt create` and `wt delete` without services against git's own commands, and twenty creates at once.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type BenchWorld, sourceFiles } from "./bench-world.ts";
import type { BenchRow } from "./gateway.ts";
import { type Contestant, compared, median, takeTurns } from "./measure.ts";

const fileCount = 10_000;

export async function benchWorktrees(world: BenchWorld, rounds: number): Promise<BenchRow[]> {
  const repository = await world.repository("large", sourceFiles(fileCount));
  await world.wt(repository, ["list"]);
  const result = await takeTurns([own(world, repository), bare(world, repository), ownJson(world, repository)], rounds);
  await world.stop();
  const { create = 0, remove = 0, json = 0, add = 0, bareRemove = 0 } = result;
  const files = `${fileCount.toLocaleString("en")} files`;
  return [
    compared({
      what: `wt create --no-up, ${files}`,
      measure: "time",
      value: create,
      peer: ["git worktree add", add],
      bar: { text: "≤ 1.3 ×", met: create <= 1.3 * add },
    }),
    compared({
      what: `wt create --no-up --json, ${files}`,
      measure: "time, with git's status",
      value: json,
      peer: ["git worktree add", add],
    }),
    compared({ what: `wt delete, ${files}`, measure: "time", value: remove, peer: ["git worktree remove", bareRemove] }),
  ];
}

function own(world: BenchWorld, repository: string): Contestant {
  return async (round) => {
    const create = await world.wt(repository, ["create", `own-${round}`, "--no-up"]);
    const remove = await world.wt(repository, ["delete", `own-${round}`]);
    await untilTrashIsEmpty(repository);
    return { create: create.totalMs, remove: remove.totalMs };
  };
}

function ownJson(world: BenchWorld, repository: string): Contestant {
  return async (round) => {
    const create = await world.wt(repository, ["create", `json-${round}`, "--no-up", "--json"]);
    await world.wt(repository, ["delete", `json-${round}`]);
    await untilTrashIsEmpty(repository);
    return { json: create.totalMs };
  };
}

function bare(world: BenchWorld, repository: string): Contestant {
  return async (round) => {
    const path = `${repository}.bare/bare-${round}`;
    const add = await world.git(repository, ["worktree", "add", "-q", "-b", `bare-${round}`, path]);
    const remove = await world.git(repository, ["worktree", "remove", path]);
    await world.git(repository, ["branch", "-q", "-D", `bare-${round}`]);
    return { add: add.totalMs, bareRemove: remove.totalMs };
  };
}

/** Deleted worktrees are removed in the background; that must not slow down whoever comes next. */
async function untilTrashIsEmpty(repository: string): Promise<void> {
  const trash = join(repository, ".git/wt/trash");
  for (;;) {
    let names: string[] = [];
    try {
      names = readdirSync(trash);
    } catch {
      return;
    }
    if (names.length === 0) return;
    await Bun.sleep(10);
  }
}

const atOnce = 20;

export async function benchParallel(world: BenchWorld, rounds: number): Promise<BenchRow[]> {
  const repository = await world.repository("parallel", sourceFiles(1_000));
  await world.wt(repository, ["list"]);
  const numbers = Array.from({ length: atOnce }, (_, index) => index);
  const together: number[] = [];
  const oneByOne: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const startMs = performance.now();
    await Promise.all(numbers.map((index) => world.wt(repository, ["create", `at-once-${index}`, "--no-up"])));
    together.push(performance.now() - startMs);
    for (const index of numbers) await world.wt(repository, ["delete", `at-once-${index}`]);
    await untilTrashIsEmpty(repository);
    const bareStartMs = performance.now();
    const path = (index: number) => `${repository}.bare/one-${index}`;
    for (const index of numbers) await world.git(repository, ["worktree", "add", "-q", "-b", `one-${index}`, path(index)]);
    oneByOne.push(performance.now() - bareStartMs);
    for (const index of numbers) {
      await world.git(repository, ["worktree", "remove", path(index)]);
      await world.git(repository, ["branch", "-q", "-D", `one-${index}`]);
    }
  }
  await world.stop();
  const what = `${atOnce} × wt create --no-up at once, 1,000 files`;
  return [
    compared({ what, measure: "time", value: median(together), peer: [`${atOnce} × git worktree add, one by one`, median(oneByOne)] }),
  ];
}
