// `npm run test:histories [-- --commands 10000] [--seed N] [--histories 1 | --every-instant | --real]`: random histories of commands with crashes and a machine that refuses,
// on the daemon's own code; nothing may leak and no file may be lost. Every history has a seed, which is printed when it fails.
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { scenes, strikeEverywhere, ways } from "../test/histories/every-instant.ts";
import { emptyTally, type Tally } from "../test/histories/live-history.ts";
import { runHistories } from "../test/histories/run-histories.ts";

const { values } = parseArgs({
  options: {
    commands: { type: "string" },
    seed: { type: "string" },
    histories: { type: "string" },
    "every-instant": { type: "boolean" },
    real: { type: "boolean" },
  },
});
const place = mkdtempSync(join(quickPlace(), "wt-histories-"));
if (!values.real) process.env.TMPDIR = place;
process.exitCode = await (values.real ? real() : values["every-instant"] ? everyInstant() : main()).finally(() =>
  rmSync(place, { recursive: true, force: true }),
);

async function main(): Promise<number> {
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const only = values.histories === undefined ? null : Number(values.histories);
  const commands = only === null ? Number(values.commands ?? 10_000) : Number.POSITIVE_INFINITY;
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  let told = started;
  let tally = emptyTally();
  let lived = 0;
  const progress = (now: Tally) => {
    lived++;
    tally = now;
    if (Date.now() - told < 10_000) return;
    told = Date.now();
    console.log(
      `${String(seconds()).padStart(5)} s  ${lived} histories, ${now.commands} commands, ${now.crashes} crashes, ${now.errors} errors`,
    );
  };
  console.log(`Random histories from seed ${seed} on.`);
  const { failure } = await runHistories({ commands, seed, progress, ...(only === null ? {} : { histories: only }) });
  if (failure) {
    console.error(`\n${failure.message}\n\nSmallest: ${failure.smallest}`);
    console.error(`\nAgain: npm run test:histories -- --seed ${failure.seed} --histories 1`);
    return 1;
  }
  console.log(`\n${lived} histories in ${seconds()} s: nothing leaked, nothing lost.`);
  console.log(
    `${tally.commands} commands, of which ${tally.succeeded} came to their end; ${tally.crashes} crashes, ${tally.errors} errors of the machine.`,
  );
  const refusals = [...tally.refusals].sort((a, b) => b[1] - a[1]);
  console.log(`Refused or failed: ${refusals.map(([code, count]) => `${code} ${count}`).join(", ")}.`);
  return 0;
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
  for (const scene of scenes) {
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
  console.log(`\n${strikes} accidents, ${failures} failures.`);
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
