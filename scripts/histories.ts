// `npm run test:histories [-- --commands 10000] [--seed N] [--histories 1 | --one-world | --every-instant [--scene NAME] | --real]`: random histories of commands with crashes and a machine
// that refuses, on the daemon's own code; nothing may leak and no file may be lost. Every history has a seed, which is printed when it fails.
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { scenes, strikeEverywhere, ways } from "../test/histories/every-instant.ts";
import type { Tally } from "../test/histories/live-history.ts";
import { runLongHistory } from "../test/histories/long-history.ts";
import { runHistories } from "../test/histories/run-histories.ts";

const { values } = parseArgs({
  options: {
    commands: { type: "string" },
    seed: { type: "string" },
    histories: { type: "string" },
    "one-world": { type: "boolean" },
    "every-instant": { type: "boolean" },
    /** Of every-instant: only operations with this in their name. */
    scene: { type: "string" },
    real: { type: "boolean" },
  },
});
const place = mkdtempSync(join(quickPlace(), "wt-histories-"));
if (!values.real) process.env.TMPDIR = place;
const started = Date.now();
process.exitCode = await chosen()().finally(() => rmSync(place, { recursive: true, force: true }));

function chosen(): () => Promise<number> {
  if (values.real) return real;
  if (values["every-instant"]) return everyInstant;
  return values["one-world"] ? oneWorld : manyWorlds;
}

async function manyWorlds(): Promise<number> {
  const seed = seedAsked();
  const only = values.histories === undefined ? null : Number(values.histories);
  const commands = only === null ? commandsAsked() : Number.POSITIVE_INFINITY;
  const tell = teller();
  let lived = 0;
  const progress = (now: Tally) => tell(`${++lived} histories`, now);
  console.log(`Random histories from seed ${seed} on.`);
  const { failure, tally } = await runHistories({ commands, seed, progress, ...(only === null ? {} : { histories: only }) });
  if (failure) {
    console.error(`\n${failure.message}\n\nSmallest: ${failure.smallest}`);
    console.error(`\nAgain: npm run test:histories -- --seed ${failure.seed} --histories 1`);
    return 1;
  }
  console.log(`\n${lived} histories in ${seconds()} s: nothing leaked, nothing lost.`);
  sumUp(tally);
  return 0;
}

/** All in one history: what is left by one command is there for thousands of others. */
async function oneWorld(): Promise<number> {
  const seed = seedAsked();
  const tell = teller();
  let lived = 0;
  const progress = (now: Tally, happenings: number) => {
    lived = happenings;
    tell(`${happenings} happenings`, now);
  };
  console.log(`One random history from seed ${seed}.`);
  const { failure, tally } = await runLongHistory({ commands: commandsAsked(), seed, progress });
  if (failure) {
    console.error(`\n${failure.message}\n\nSmallest: ${failure.smallest ?? "none of the last happenings alone fails on a new world"}`);
    console.error(
      `\nHappening ${failure.at} failed. Again: npm run test:histories -- --one-world --seed ${seed} --commands ${tally.commands}`,
    );
    return 1;
  }
  console.log(`\nOne history of ${lived} happenings in ${seconds()} s: nothing leaked, nothing lost.`);
  sumUp(tally);
  return 0;
}

function seedAsked(): number {
  return Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
}

function commandsAsked(): number {
  return Number(values.commands ?? 10_000);
}

function seconds(): number {
  return Math.round((Date.now() - started) / 1000);
}

/** Says now and then how far it is. */
function teller(): (lived: string, tally: Tally) => void {
  let told = started;
  return (lived, { commands, crashes, errors }) => {
    if (Date.now() - told < 10_000) return;
    told = Date.now();
    console.log(`${String(seconds()).padStart(5)} s  ${lived}, ${commands} commands, ${crashes} crashes, ${errors} errors`);
  };
}

function sumUp({ commands, succeeded, crashes, errors, refusals }: Tally): void {
  console.log(`${commands} commands, of which ${succeeded} came to their end; ${crashes} crashes, ${errors} errors of the machine.`);
  const most = [...refusals].sort((a, b) => b[1] - a[1]);
  console.log(`Refused or failed: ${most.map(([code, count]) => `${code} ${count}`).join(", ")}.`);
}

/** The same on the built program, with real processes; a few hundred commands. */
async function real(): Promise<number> {
  const env = {
    ...process.env,
    TMPDIR: tmpdir(),
    WT_HISTORIES_REAL_COMMANDS: values.commands ?? "300",
    ...(values.seed === undefined ? {} : { WT_HISTORIES_SEED: values.seed }),
  };
  const command = [process.execPath, join(import.meta.dir, "test.ts"), "test/e2e/histories.test.ts"];
  return Bun.spawn(command, { env, stdio: ["ignore", "inherit", "inherit"] }).exited;
}

/** Each operation, cut off or refused in every way at every single instant of it. */
async function everyInstant(): Promise<number> {
  let failures = 0;
  let strikes = 0;
  const chosen = scenes.filter(({ name }) => name.includes(values.scene ?? ""));
  if (chosen.length === 0) {
    console.error(`There is no scene ${values.scene}; there are: ${scenes.map(({ name }) => name).join(", ")}.`);
    return 2;
  }
  for (const scene of chosen) {
    const counts: number[] = [];
    for (const way of ways) {
      const instants = await strikeEverywhere(scene, { way, first: 1, step: 1 }).catch((error: Error) => error);
      if (typeof instants === "number") counts.push(instants - 1);
      else {
        failures++;
        console.error(`\n${scene.name}, ${JSON.stringify(way)}:\n${instants.message}\n`);
      }
    }
    strikes += counts.reduce((sum, count) => sum + count, 0);
    console.log(`${scene.name.padEnd(32)} ${Math.max(0, ...counts)} instants, ${counts.length} of ${ways.length} ways hold`);
  }
  console.log(`\n${strikes} accidents in ${seconds()} s, ${failures} failures.`);
  return failures > 0 ? 1 : 0;
}

/** Where files are in memory this goes three times as fast. */
function quickPlace(): string {
  try {
    accessSync("/dev/shm", constants.W_OK);
    return "/dev/shm";
  } catch {
    return tmpdir();
  }
}
