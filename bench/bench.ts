// `npm run bench [-- <name>…] [--quick] [--write]`: every measurement against a named peer in the same run, printed as a table.
import { resolve } from "node:path";
import { type BenchWorld, benchDirectory, endChildren, makeWorld } from "./bench-world.ts";
import { benchClones } from "./clones.ts";
import { benchCompose } from "./compose.ts";
import { benchDaemonCost } from "./daemon-cost.ts";
import { placesParent } from "./database-places.ts";
import { benchDatabases } from "./databases.ts";
import { benchShell } from "./everyday-shell.ts";
import { benchFirstAnswer } from "./first-answer.ts";
import { type BenchRow, benchGateway } from "./gateway.ts";
import { benchPool } from "./pool.ts";
import { benchList, benchStart } from "./start-and-list.ts";
import { describeMachine, type Part, parts, printResults, type Results, type SuiteResult, writeResults } from "./table.ts";
import { benchParallel, benchWorktrees } from "./worktrees.ts";

interface Asked {
  quick: boolean;
  write: boolean;
  only: string[];
}

type Suite = (world: BenchWorld, asked: Asked) => Promise<BenchRow[] | SuiteResult>;

const suites: Record<string, Suite> = {
  start: (world, { quick }) => benchStart(world, quick ? 5 : 15),
  list: (world, { quick }) => benchList(world, quick ? 3 : 15),
  shell: (world, { quick }) => benchShell(world, quick ? 5 : 15),
  worktrees: (world, { quick }) => benchWorktrees(world, quick ? 3 : 11),
  parallel: (world, { quick }) => benchParallel(world, quick ? 1 : 3),
  answer: (world, { quick }) => benchFirstAnswer(world, quick ? 3 : 9),
  daemon: (world, { quick }) =>
    benchDaemonCost(world, quick ? { requests: 100_000, idleSeconds: 5 } : { requests: 1_000_000, idleSeconds: 30 }),
  gateway: async (_world, { quick }) => {
    if (!quick) return (await benchGateway()).rows;
    console.log("skipped: gateway (takes minutes; not with --quick)");
    return [];
  },
  clones: (world, { quick }) => benchClones(world, quick ? 1 : 3),
  databases: (world, { quick }) => benchDatabases(world, quick),
  pool: (world, { quick }) => benchPool(world, quick ? 2 : 7),
  compose: (world, { quick }) => benchCompose(world, quick),
};

const partNames = Object.keys(parts) as Part[];
const partOf = (name: string): Part => partNames.find((part) => (parts[part] as readonly string[]).includes(name)) ?? "everything else";

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  const asked = parseArguments(args);
  if (!asked) return 2;
  const machine = describeMachine(benchDirectory());
  const world = makeWorld();
  const removed = removeOnSignal(world.remove);
  const onDisk = describeMachine(placesParent());
  const results: { [part in Part]: Results } = {
    commands: { rows: [], tables: [], machine },
    clones: { rows: [], tables: [], machine: onDisk },
    databases: { rows: [], tables: [], machine: onDisk },
    pool: { rows: [], tables: [], machine },
    compose: { rows: [], tables: [], machine },
    "everything else": { rows: [], tables: [], machine },
  };
  try {
    await world.build();
    for (const name of asked.only) {
      console.log(`── ${name}`);
      const result = (await suites[name]?.(world, asked)) ?? [];
      results[partOf(name)].rows.push(...(Array.isArray(result) ? result : result.rows));
      if (!Array.isArray(result)) results[partOf(name)].tables.push(...result.tables);
    }
  } catch (error) {
    // The directory went away under a measurement that was interrupted.
    if (!removed.interrupted) throw error;
  } finally {
    await removed.remove();
  }
  let missed = 0;
  for (const part of new Set(asked.only.map(partOf))) {
    printResults(results[part]);
    if (asked.write) writeResults(resolve(import.meta.dir, "../docs/benchmarks.md"), part, results[part]);
    missed += results[part].rows.filter((row) => !row.met).length;
  }
  if (missed > 0) console.log(`\n${missed} of the bars ${missed === 1 ? "is" : "are"} not met.`);
  return 0;
}

function parseArguments(args: readonly string[]): Asked | null {
  const asked: Asked = { quick: false, write: false, only: [] };
  const names = Object.keys(suites);
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? "";
    if (argument === "--quick") asked.quick = true;
    else if (argument === "--write") asked.write = true;
    else if (argument === "--only" && names.includes(args[index + 1] ?? "")) asked.only.push(args[++index] ?? "");
    else if (names.includes(argument)) asked.only.push(argument);
    else {
      console.error(`Usage: npm run bench [-- [${names.join("|")}]… [--quick] [--write]]`);
      return null;
    }
  }
  if (asked.only.length === 0) asked.only = names;
  // A part of the page is written as a whole or not at all.
  const whole = names.every((name) => asked.only.includes(name) || asked.only.every((other) => partOf(other) !== partOf(name)));
  if (asked.write && (asked.quick || !whole)) {
    console.error(
      "--write is for a whole run, or for all of `start list shell`, `clones`, `databases`, `pool` or `compose`; leave out --quick and other names.",
    );
    return null;
  }
  return asked;
}

/** Ctrl-C in the middle of a measurement leaves nothing behind either. */
function removeOnSignal(remove: () => Promise<void>): { remove: () => Promise<void>; interrupted: boolean } {
  let removing: Promise<void> | null = null;
  const state = {
    interrupted: false,
    remove: () => {
      removing ??= remove();
      return removing;
    },
  };
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.on(signal, () => {
      state.interrupted = true;
      endChildren("SIGTERM");
      state.remove().finally(() => {
        endChildren("SIGKILL");
        process.exit(code);
      });
    });
  }
  return state;
}
