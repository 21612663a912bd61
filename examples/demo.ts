// `npm run demo`: three branches of a small app, each in a running environment with a database of its own, made at once by the real `wt`.
import { parseArgs } from "node:util";
import { commitVariants, type Variant, variants } from "./demo-branches.ts";
import { checkEnvironment, checkStranger, type RunningEnvironment } from "./demo-checks.ts";
import { type Branch, checkApart, checkSleep, showDatabase } from "./demo-databases.ts";
import { removeWorld } from "./demo-removal.ts";
import { cleanCommand, findWorld, makeWorld, need, type World, wt } from "./demo-world.ts";

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
    for (const { branch, label, migration } of variants)
      print(`  ${branch.padEnd(20)} computes Fibonacci numbers its own way (${label}) and has a migration ${migration}`);
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
      const finished = await wt(world, ["create", variant.branch], (line) => {
        if (tellsSomething(line)) print(`  ${label} ${line}`);
      });
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

/** Steps that ended, migrations, services; not what npm says, nor what the list below says again. */
function tellsSomething(line: string): boolean {
  return /: done in |: Running|applied 0|^\S+ {2}(?!URL)\w+ {2}\//.test(line) || /fail|error/i.test(line);
}

async function showAll(world: World): Promise<void> {
  heading("wt list");
  for (const line of (await need(world, ["list"])).split("\n")) print(`  ${line}`);
  const { environments } = JSON.parse(await need(world, ["list", "--json"])) as { environments: RunningEnvironment[] };
  const branches = variants.map((variant) => ({ variant, environment: findHealthy(environments, variant) }));
  heading("Each URL answers with its own branch's code");
  await each(branches, ({ environment, variant }, say) => checkEnvironment(environment, variant, say));
  failOn(await checkStranger(environments.flatMap((environment) => environment.url ?? [])));
  heading("Each branch has its own schema and its own rows");
  await each(branches, (branch, say) => showDatabase(world, branch, say));
  heading("None reaches another's");
  failOn(await checkApart(world, branches, (line) => print(`  ${line}`)));
  heading("What nobody uses sleeps, and a connection wakes it");
  await each(branches.slice(1, 2), (branch, say) => checkSleep(world, branch, say));
}

async function each(branches: readonly Branch[], check: (branch: Branch, say: (line: string) => void) => Promise<string[]>): Promise<void> {
  const problems: string[] = [];
  for (const branch of branches) {
    stopIfInterrupted();
    const colour = colours[variants.indexOf(branch.variant)] ?? "0";
    problems.push(...(await check(branch, (line) => print(`  ${paint(colour, line)}`))));
  }
  failOn(problems);
}

function findHealthy(environments: readonly RunningEnvironment[], { branch }: Variant): RunningEnvironment {
  const environment = environments.find((candidate) => candidate.branch === branch);
  if (!environment) throw new Error(`wt list does not show the branch ${branch}.`);
  if (environment.status !== "Healthy") throw new Error(`${environment.slug} is ${environment.status}, not Healthy.`);
  return environment;
}

function failOn(problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(`The demo failed:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
}

function sayHowToLookAround(world: World): void {
  heading("They are running. Look around:");
  print(`  . ${world.root}/demo-env.sh        # this shell then sees the demo's world`);
  print("  wt list --watch");
  print("  wt status ada-fib-1-memoised");
  print("  wt logs -f -e ada-fib-1-memoised");
  print("  wt db psql -e ada-fib-1-memoised    # \\dt shows its tables");
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
