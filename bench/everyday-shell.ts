// What a shell asks for at every press of TAB and before every prompt, with a hundred environments; with and without a daemon.
import { type BenchWorld, sourceFiles } from "./bench-world.ts";
import type { BenchRow } from "./gateway.ts";
import { type Contestant, compared, takeTurns } from "./measure.ts";

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
  const rows = await benchOnce(world, repository, { rounds, when: "" });
  await world.stop();
  return [...rows, ...(await benchOnce(world, repository, { rounds, when: ", no daemon" }))];
}

async function makeRemoteBranches(world: BenchWorld, repository: string, head: string): Promise<void> {
  const commands = Array.from({ length: remoteBranches }, (_, index) => `create refs/remotes/origin/feature-${index} ${head}\n`);
  const file = `${repository}-refs`;
  await Bun.write(file, commands.join(""));
  await world.run(["sh", "-c", `git -C '${repository}' update-ref --stdin <'${file}'`]);
}

async function benchOnce(world: BenchWorld, cwd: string, { rounds, when }: { rounds: number; when: string }): Promise<BenchRow[]> {
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
    ],
    rounds,
  );
  const { names = Number.NaN, branches = Number.NaN, prompt = Number.NaN, git = Number.NaN } = result;
  const row = (what: string, value: number, limit: number) =>
    compared({
      what: `${what}, ${environments} environments${when}`,
      measure: "time",
      value,
      peer: ["git for-each-ref refs/heads", git],
      bar: { text: `≤ ${limit} ms`, met: value <= limit },
    });
  return [
    row("wt switch branch-<TAB>", names, 30),
    row(`wt create feature-<TAB> (${remoteBranches} remote branches)`, branches, 30),
    row("wt prompt", prompt, 10),
  ];
}
