// `npm run demo`: three branches of a small app, each in a running environment with a database of its own, made at once by the real `wt`.
// With `--compose` the app is a Compose project, and the environments are containers.
import { parseArgs } from "node:util";
import type { RunningEnvironment } from "./demo-checks.ts";
import { composeStory } from "./demo-compose.ts";
import { fibonacciStory } from "./demo-fibonacci.ts";
import { removeWorld } from "./demo-removal.ts";
import type { Stage, StoryBranch } from "./demo-story.ts";
import { cleanCommand, findWorld, makeWorld, need, type World, wt } from "./demo-world.ts";

const onTerminal = Boolean(process.stdout.isTTY && process.stdin.isTTY);
const startedAtMs = Date.now();
const colours = ["33", "32", "35"];
let interrupted = false;
process.on("SIGINT", () => interrupt());
process.on("SIGTERM", () => interrupt());
process.on("SIGHUP", () => interrupt());

const { values } = parseArgs({
  options: { clean: { type: "string" }, compose: { type: "boolean" }, keep: { type: "boolean" }, delete: { type: "boolean" } },
  strict: true,
});
const story = values.compose ? composeStory : fibonacciStory;
process.exit(values.clean === undefined ? await demo() : await clean(values.clean));

async function demo(): Promise<number> {
  const reason = story.prevented();
  if (reason !== null) {
    print(reason);
    return 1;
  }
  heading("A repository with three branches");
  const world = await makeWorld(story);
  try {
    await story.prepare(world, (line) => print(`  ${line}`));
    await need(world, ["trust", "--yes"]);
    stopIfInterrupted();
    await createAll(world);
    stopIfInterrupted();
    await showAll(world);
  } catch (error) {
    print("");
    // Of what Ctrl-C reached as well, the failure says nothing more.
    print(interrupted ? "Interrupted." : error instanceof Error ? error.message : String(error));
    await remove(world);
    return interrupted ? 130 : 1;
  }
  if (values.keep || (onTerminal && !values.delete)) {
    sayHowToLookAround(world);
    return 0;
  }
  const problems = await remove(world);
  if (problems.length > 0) return 1;
  print(`\nDone in ${seconds()} s, nothing left behind.`);
  return interrupted ? 130 : 0;
}

async function createAll(world: World): Promise<void> {
  heading("wt create, three times at once");
  const width = Math.max(...story.branches.map(({ label }) => label.length)) + 1;
  const created = await Promise.all(
    story.branches.map(async (branch) => {
      const label = inColour(branch, branch.label.padEnd(width));
      const finished = await wt(world, ["create", branch.branch], (line) => {
        if (story.tellsSomething(line)) print(`  ${label} ${line}`);
      });
      return { branch, finished };
    }),
  );
  stopIfInterrupted();
  const failed = created.filter(({ finished }) => finished.code !== 0);
  if (failed.length > 0) {
    const sentence = ({ branch, finished }: (typeof created)[number]) =>
      `wt create ${branch.branch} ended with code ${finished.code}.\n${finished.stderr.trim()}`;
    throw new Error(failed.map(sentence).join("\n"));
  }
  print(`  three environments after ${seconds()} s`);
}

async function showAll(world: World): Promise<void> {
  heading("wt list");
  for (const line of (await need(world, ["list"])).split("\n")) print(`  ${line}`);
  const { environments } = JSON.parse(await need(world, ["list", "--json"])) as { environments: RunningEnvironment[] };
  for (const branch of story.branches) requireHealthy(environments, branch);
  const stage: Stage = {
    heading,
    say: (line) => print(`  ${line}`),
    sayOf: (branch) => (line) => print(`  ${inColour(branch, line)}`),
    failOn,
    goOn: stopIfInterrupted,
  };
  await story.show(world, environments, stage);
}

function requireHealthy(environments: readonly RunningEnvironment[], { branch }: StoryBranch): void {
  const environment = environments.find((candidate) => candidate.branch === branch);
  if (!environment) throw new Error(`wt list does not show the branch ${branch}.`);
  if (environment.status !== "Healthy") throw new Error(`${environment.slug} is ${environment.status}, not Healthy.`);
}

function failOn(problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(`The demo failed:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
}

function sayHowToLookAround(world: World): void {
  heading("They are running. Look around:");
  print(`  . ${world.root}/demo-env.sh        # this shell then sees the demo's world`);
  for (const line of story.lookAround) print(`  ${line}`);
  heading("Clean up:");
  print(`  ${cleanCommand(world)}`);
}

async function clean(root: string): Promise<number> {
  const world = findWorld(root);
  if (!world) {
    console.error(`${root} is not a directory that the demo made.`);
    return 2;
  }
  return (await remove(world)).length === 0 ? 0 : 1;
}

async function remove(world: World): Promise<string[]> {
  heading("Cleaning up");
  const problems = await removeWorld(world, (line) => print(`  ${line}`));
  for (const problem of problems) print(`  ${paint("31", problem)}`);
  return problems;
}

function interrupt(): void {
  if (!interrupted) print("\nInterrupted; cleaning up.");
  interrupted = true;
}

function stopIfInterrupted(): void {
  if (interrupted) throw new Error("Interrupted.");
}

function seconds(): string {
  return ((Date.now() - startedAtMs) / 1000).toFixed(1);
}

function inColour(branch: StoryBranch, text: string): string {
  return paint(colours[story.branches.indexOf(branch)] ?? "0", text);
}

function paint(colour: string, text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? `\x1b[${colour}m${text}\x1b[0m` : text;
}

function heading(text: string): void {
  print(`\n${paint("1", text)}`);
}

function print(text: string): void {
  console.log(text);
}
