// `npm run demo`: three branches of a small app, each in a running environment of its own, made at once by the real `wt`.
import { parseArgs } from "node:util";
import { commitVariants, type Variant, variants } from "./demo-branches.ts";
import { checkEnvironment, checkStranger, type RunningEnvironment } from "./demo-checks.ts";
import { cleanCommand, findWorld, makeWorld, removeWorld, type World, wt } from "./demo-world.ts";

const onTerminal = Boolean(process.stdout.isTTY && process.stdin.isTTY);
const startedAtMs = Date.now();
const colours = ["33", "32", "35"];
let interrupted = false;
process.on("SIGINT", () => interrupt());
process.on("SIGTERM", () => interrupt());

const { values } = parseArgs({
  options: { clean: { type: "string" }, keep: { type: "boolean" }, delete: { type: "boolean" } },
  strict: true,
});
process.exit(values.clean === undefined ? await demo() : await clean(values.clean));

async function demo(): Promise<number> {
  heading("A repository with three branches");
  const world = await makeWorld();
  try {
    await commitVariants(world);
    for (const variant of variants) print(`  ${variant.branch.padEnd(22)} computes Fibonacci numbers its own way: ${variant.label}`);
    await need(world, ["trust", "--yes"]);
    stopIfInterrupted();
    await createAll(world);
    stopIfInterrupted();
    await showAll(world);
  } catch (error) {
    print("");
    print(error instanceof Error ? error.message : String(error));
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
  const created = await Promise.all(
    variants.map(async (variant, index) => {
      const label = paint(colours[index] ?? "0", variant.label.padEnd(14));
      const finished = await wt(world, ["create", variant.branch], (line) => print(`  ${label} ${line}`));
      return { variant, finished };
    }),
  );
  stopIfInterrupted();
  const failed = created.filter(({ finished }) => finished.code !== 0);
  if (failed.length > 0) {
    throw new Error(failed.map(({ variant, finished }) => `wt create ${variant.branch} ended with code ${finished.code}.`).join("\n"));
  }
  print(`  three environments after ${seconds()} s`);
}

async function showAll(world: World): Promise<void> {
  heading("wt list");
  for (const line of (await need(world, ["list"])).split("\n")) print(`  ${line}`);
  const { environments } = JSON.parse(await need(world, ["list", "--json"])) as { environments: RunningEnvironment[] };
  heading("Each URL answers with its own branch's code");
  const problems: string[] = [];
  for (const [index, variant] of variants.entries()) {
    stopIfInterrupted();
    problems.push(...(await checkOne(environments, variant, colours[index] ?? "0")));
  }
  problems.push(...(await checkStranger(environments.flatMap((environment) => environment.url ?? []))));
  if (problems.length > 0) throw new Error(`The demo failed:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
}

async function checkOne(environments: readonly RunningEnvironment[], variant: Variant, colour: string): Promise<string[]> {
  const environment = environments.find((each) => each.branch === variant.branch);
  if (!environment) return [`wt list does not show the branch ${variant.branch}.`];
  if (environment.status !== "Healthy") return [`${environment.slug} is ${environment.status}, not Healthy.`];
  return checkEnvironment(environment, variant, (line) => print(`  ${paint(colour, line)}`));
}

function sayHowToLookAround(world: World): void {
  heading("They are running. Look around:");
  print(`  . ${world.root}/demo-env.sh        # this shell then sees the demo's world`);
  print("  wt list --watch");
  print("  wt status ada-fib-1-memoised");
  print("  wt logs -f -e ada-fib-1-memoised");
  print("  wt open -e ada-fib-1-memoised       # or click a URL above; edit frontend/src/app.jsx and watch the page change");
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

/** What `wt` printed; throws with its words when it fails. */
async function need(world: World, command: readonly string[]): Promise<string> {
  const finished = await wt(world, command);
  if (finished.code === 0) return finished.stdout.trimEnd();
  throw new Error(`wt ${command.join(" ")} ended with code ${finished.code}:\n${finished.stderr || finished.stdout}`);
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

function paint(colour: string, text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? `\x1b[${colour}m${text}\x1b[0m` : text;
}

function heading(text: string): void {
  print(`\n${paint("1", text)}`);
}

function print(text: string): void {
  console.log(text);
}
