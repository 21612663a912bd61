// `wt create` that takes a prepared worktree, against the same create without a pool.
import { type BenchWorld, sourceFiles } from "./bench-world.ts";
import { exampleRepository, ownFirstAnswer } from "./first-answer.ts";
import type { BenchRow } from "./gateway.ts";
import { type Contestant, compared, skipped, takeTurns } from "./measure.ts";

export async function benchPool(world: BenchWorld, rounds: number): Promise<BenchRow[]> {
  const rows = await benchFiles(world, rounds);
  if (Bun.which("node") && Bun.which("npm")) rows.push(...(await benchExample(world, rounds)));
  else skipped("wt create of the example from the pool", "npm is not installed");
  await world.stop();
  return rows;
}

/** Nothing but files: what a pool saves is git's work. */
async function benchFiles(world: BenchWorld, rounds: number): Promise<BenchRow[]> {
  const repository = await world.repository("files", sourceFiles(10_000));
  await world.wt(repository, ["pool", "set", "1"]);
  const create =
    (key: string, args: readonly string[]): Contestant =>
    async (round) => {
      await world.wt(repository, ["pool", "refill"]);
      const { totalMs } = await world.wt(repository, ["create", `${key}-${round}`, "--no-up", ...args]);
      await world.wt(repository, ["delete", `${key}-${round}`, "--branch"]);
      return { [key]: totalMs };
    };
  const { pool = 0, fresh = 0 } = await takeTurns([create("pool", []), create("fresh", ["--no-pool"])], rounds);
  await world.wt(repository, ["pool", "set", "0"]);
  const what = "wt create --no-up from the pool, 10,000 files";
  return [compared({ what, measure: "time", value: pool, peer: ["the same without a pool", fresh] })];
}

async function benchExample(world: BenchWorld, rounds: number): Promise<BenchRow[]> {
  const repository = await exampleRepository(world);
  await world.wt(repository, ["pool", "set", "1"]);
  let prepared = 0;
  const own = ownFirstAnswer(world, repository);
  const fresh = ownFirstAnswer(world, repository, ["--no-pool"]);
  const fromPool: Contestant = async (round) => {
    const { stdout } = await world.wt(repository, ["pool", "refill", "--json"]);
    prepared = JSON.parse(stdout).pools[0].members[0].tookMs as number;
    const { answer = 0, command = 0, claim = 0 } = await own(round);
    return { answer, command, claim, prepared };
  };
  const without: Contestant = async (round) => {
    await world.wt(repository, ["pool", "refill"]);
    const { answer = 0, command = 0 } = await fresh(round);
    return { freshAnswer: answer, freshCommand: command };
  };
  const result = await takeTurns([fromPool, without], rounds);
  await world.wt(repository, ["pool", "set", "0"]);
  const { answer = 0, command = 0, claim = 0, freshAnswer = 0, freshCommand = 0, prepared: took = 0 } = result;
  const what = "wt create of the example (npm ci, database, three programs) from the pool";
  return [
    compared({ what, measure: "to the first HTTP 200 at its URL", value: answer, peer: ["the same without a pool", freshAnswer] }),
    compared({ what, measure: "until the command ends (Healthy)", value: command, peer: ["the same without a pool", freshCommand] }),
    compared({
      what,
      measure: "of it: the claim, until its programs start",
      value: claim,
      peer: null,
      bar: { text: "< 500 ms", met: claim < 500 },
    }),
    compared({ what, measure: "of it: its programs and the rest", value: answer - claim, peer: null }),
    compared({ what, measure: "what the background had spent on it before", value: took, peer: null }),
  ];
}
