// What a shell asks for at every press of TAB and before every prompt, with a hundred environments; with and without a daemon.
import { type BenchWorld, sourceFiles } from "./bench-world.ts";
import type { BenchRow } from "./gateway.ts";
import { type Contestant, compared, takeTurns } from "./measure.ts";
import { findWorktrunk } from "./start-and-list.ts";

const environments = 100;
/** Of branches on a remote that nobody has checked out. */
const remoteBranches = 1_000;

export async function benchShell(world: BenchWorld, rounds: number): Promise<BenchRow[]> {
  const repository = await world.repository("shell", sourceFiles(100));
  for (let index = 1; index < environments; index++) {
    await world.git(repository, ["worktree", "add", "-q", "-b", `branch-${index}`, `${repository}.worktrees/branch-${index}`]);
  }
  const head = (await world.git(repository, ["rev-parse", "HEAD"])).stdout.trim();
  await makeRemoteBranches(world, repository, head);
  await world.git(repository, ["pack-refs", "--all"]);
  await world.wt(repository, ["list"]);
  await world.run(["sleep", "0.5"]);
  const worktrunk = findWorktrunk()?.program ?? null;
  const rows = await benchOnce(world, repository, { rounds, when: "", worktrunk });
  await world.stop();
  return [...rows, ...(await benchOnce(world, repository, { rounds, when: ", no daemon", worktrunk: null }))];
}

async function makeRemoteBranches(world: BenchWorld, repository: string, head: string): Promise<void> {
  const commands = Array.from({ length: remoteBranches }, (_, index) => `create refs/remotes/origin/feature-${index} ${head}\n`);
  const file = `${repository}-refs`;
  await Bun.write(file, commands.join(""));
  await world.run(["sh", "-c", `git -C '${repository}' update-ref --stdin <'${file}'`]);
}

interface Round {
  rounds: number;
  when: string;
  worktrunk: string | null;
}

async function benchOnce(world: BenchWorld, cwd: string, { rounds, when, worktrunk }: Round): Promise<BenchRow[]> {
  const time = (name: string, args: string[], expected: number): Contestant => {
    return async () => {
      const timed = await world.wt(cwd, args);
      const lines = timed.stdout.split("\n").filter((line) => line !== "").length;
      if (lines !== expected) throw new Error(`wt ${args.join(" ")} printed ${lines} lines instead of ${expected}`);
      return { [name]: timed.totalMs };
    };
  };
  const result = await takeTurns(
    [
      time("names", ["__complete", "--", "switch", "branch-"], environments - 1),
      time("branches", ["__complete", "--", "create", "feature-"], remoteBranches),
      time("prompt", ["prompt"], 1),
      async () => ({ git: (await world.git(cwd, ["for-each-ref", "--format=%(refname)", "refs/heads"])).totalMs }),
      ...(worktrunk === null ? [] : [peerCompletion(world, cwd, worktrunk)]),
    ],
    rounds,
  );
  const { names = Number.NaN, branches = Number.NaN, prompt = Number.NaN, git = Number.NaN, peer } = result;
  const row = (what: string, value: number, limit: number) =>
    compared({
      what: `${what}, ${environments} environments${when}`,
      measure: "time",
      value,
      peer: ["git for-each-ref refs/heads", git],
      bar: { text: `≤ ${limit} ms`, met: value <= limit },
    });
  const what = `wt switch branch-<TAB>, ${environments} environments${when}`;
  const bar = { text: "< 1 ×", met: names < (peer ?? 0) };
  return [
    row("wt switch branch-<TAB>", names, 30),
    ...(peer === undefined ? [] : [compared({ what, measure: "time", value: names, peer: ["worktrunk", peer], bar })]),
    row(`wt create feature-<TAB> (${remoteBranches} remote branches)`, branches, 30),
    row("wt prompt", prompt, 10),
  ];
}

/** As worktrunk's own completion of bash asks it. */
function peerCompletion(world: BenchWorld, cwd: string, worktrunk: string): Contestant {
  const env = { ...world.env, COMPLETE: "bash", _CLAP_COMPLETE_INDEX: "2", _CLAP_IFS: "\n" };
  return async () => {
    const timed = await world.run([worktrunk, "--", "wt", "switch", "branch-"], { cwd, env });
    const lines = timed.stdout.split("\n").filter((line) => line.startsWith("branch-")).length;
    if (lines !== environments - 1) throw new Error(`worktrunk completed ${lines} names instead of ${environments - 1}:\n${timed.stdout}`);
    return { peer: timed.totalMs };
  };
}
