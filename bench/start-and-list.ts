// How fast the program starts, and `wt list` against `git worktree list` and worktrunk on the same repository.
import { existsSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type BenchWorld, sourceFiles } from "./bench-world.ts";
import type { BenchRow } from "./gateway.ts";
import { type Contestant, compared, skipped, takeTurns } from "./measure.ts";

export async function benchStart(world: BenchWorld, rounds: number): Promise<BenchRow[]> {
  const time = (name: string, command: string[]) => async () => ({ [name]: (await world.run(command)).totalMs });
  const result = await takeTurns(
    [time("wt", [world.program, "--version"]), time("bun", [process.execPath, "-e", "0"]), time("git", ["git", "--version"])],
    rounds * 3,
  );
  const { wt = Number.NaN, bun = Number.NaN, git = Number.NaN } = result;
  const row = { what: "wt --version", measure: "time", value: wt };
  return [
    compared({ ...row, peer: ["bun -e 0", bun], bar: { text: "≤ 15 ms", met: wt <= 15 } }),
    compared({ ...row, peer: ["git --version", git] }),
  ];
}

/** `wt` of worktrunk, another program of the same name; null with a line that says why. */
export function findWorktrunk(): { program: string; version: string } | null {
  const program = process.env.BENCH_WORKTRUNK ?? join(homedir(), ".cargo/bin/wt");
  if (!existsSync(program)) {
    skipped("worktrunk", "not found; BENCH_WORKTRUNK names its wt");
    return null;
  }
  const said = Bun.spawnSync([program, "--version"], { stdout: "pipe", stderr: "pipe" }).stdout.toString().trim();
  const version = /(\d+\.\d+\.\d+)/.exec(said)?.[1] ?? "";
  const help = Bun.spawnSync([program, "--help"], { stdout: "pipe", stderr: "pipe" });
  if (version && /worktrunk|git worktree management/i.test(`${help.stdout}${help.stderr}`)) return { program, version };
  skipped("worktrunk", `${program} is another program`);
  return null;
}

export async function benchList(world: BenchWorld, rounds: number): Promise<BenchRow[]> {
  const repository = await world.repository("list", sourceFiles(1_000));
  const worktrunk = findWorktrunk();
  const rows: BenchRow[] = [];
  let present = 1;
  for (const count of [1, 10, 50, 100]) {
    for (; present < count; present++) {
      await world.git(repository, ["worktree", "add", "-q", "-b", `branch-${present}`, `${repository}.worktrees/branch-${present}`]);
    }
    // The daemon meets the worktrees, and what it has been told once it keeps: see docs/benchmarks.md.
    for (let time = 0; time < 3; time++) {
      await world.wt(repository, ["list"]);
      await Bun.sleep(600 + 20 * count);
    }
    rows.push(...(await benchWarm(world, { repository, count, worktrunk: worktrunk?.program ?? null }, rounds)));
  }
  rows.push(...(await benchChanged(world, { repository, count: 100, worktrunk: worktrunk?.program ?? null }, rounds)));
  await world.stop();
  return rows;
}

interface Listing {
  repository: string;
  count: number;
  worktrunk: string | null;
}

async function benchWarm(world: BenchWorld, { repository, count, worktrunk }: Listing, rounds: number): Promise<BenchRow[]> {
  const result = await takeTurns(
    [...ownLists(world, { repository, count }), ...peerLists(world, { repository, count, worktrunk })],
    rounds,
  );
  const { first = 0, text = 0, json = 0, git = 0, worktrunk: other } = result;
  const environments = `${count} ${count === 1 ? "worktree" : "worktrees"}`;
  const what = `wt list, ${environments}`;
  const fast = (value: number) => ({ text: "≤ 50 ms", met: value <= 50 });
  const rows = [
    compared({ what, measure: "first line", value: first, peer: ["git worktree list", git] }),
    compared({ what, measure: "complete", value: text, peer: ["git worktree list", git], bar: fast(text) }),
    compared({
      what: `wt list --json, ${environments}`,
      measure: "complete",
      value: json,
      peer: ["git worktree list", git],
      bar: fast(json),
    }),
  ];
  if (other !== undefined) {
    rows.push(compared({ what, measure: "complete", value: text, peer: ["worktrunk", other], bar: { text: "< 1 ×", met: text < other } }));
  }
  return rows;
}

/** Nothing that was known before holds any more: git has to be asked about every worktree. */
async function benchChanged(world: BenchWorld, { repository, count, worktrunk }: Listing, rounds: number): Promise<BenchRow[]> {
  const touchAll = (round: number) => {
    for (let index = 1; index < count; index++) {
      writeFileSync(`${repository}.worktrees/branch-${index}/src/part-0/file-0.ts`, `// changed in round ${round}\n`);
    }
  };
  const contestants = [ownLists(world, { repository, count })[0], ...peerLists(world, { repository, count, worktrunk })]
    .filter((one) => one !== undefined)
    .map(
      (one): Contestant =>
        async (round) => {
          touchAll(round);
          return one(round);
        },
    );
  const { first = 0, text = 0, git = 0, worktrunk: other } = await takeTurns(contestants, rounds);
  const what = `wt list, ${count} worktrees, a file changed in each since the last time`;
  const rows = [
    compared({ what, measure: "first line", value: first, peer: ["git worktree list", git], bar: { text: "≤ 50 ms", met: first <= 50 } }),
    compared({ what, measure: "complete", value: text, peer: ["git worktree list", git] }),
  ];
  if (other !== undefined) {
    rows.push(compared({ what, measure: "complete", value: text, peer: ["worktrunk", other], bar: { text: "< 1 ×", met: text < other } }));
  }
  return rows;
}

function ownLists(world: BenchWorld, { repository, count }: Omit<Listing, "worktrunk">): Contestant[] {
  return [
    async () => {
      const timed = await world.wt(repository, ["list"]);
      requireLines("wt list", timed.stdout, count + 1);
      if (/unknown|…/.test(timed.stdout)) throw new Error(`wt list does not know everything:\n${timed.stdout}`);
      return { first: timed.firstMs, text: timed.totalMs };
    },
    async () => {
      const timed = await world.wt(repository, ["list", "--json"]);
      const { environments } = JSON.parse(timed.stdout) as { environments: { git: unknown }[] };
      if (environments.length !== count || environments.some((one) => one.git === null)) throw new Error("wt list --json is incomplete");
      return { json: timed.totalMs };
    },
  ];
}

function peerLists(world: BenchWorld, { repository, count, worktrunk }: Listing): Contestant[] {
  const git: Contestant = async () => {
    const timed = await world.git(repository, ["worktree", "list"]);
    requireLines("git worktree list", timed.stdout, count);
    return { git: timed.totalMs };
  };
  if (worktrunk === null) return [git];
  const other: Contestant = async () => {
    const timed = await world.run([worktrunk, "list"], { cwd: repository });
    requireLines("worktrunk's wt list", timed.stdout + timed.stderr, count);
    return { worktrunk: timed.totalMs };
  };
  return [git, other];
}

function requireLines(who: string, output: string, count: number): void {
  const lines = output.split("\n").filter((line) => line.trim() !== "").length;
  if (lines < count) throw new Error(`${who} printed ${lines} lines instead of ${count}:\n${output}`);
}
