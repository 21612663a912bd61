// The demo's usual story: a page, an API and a worker as processes, with a PostgreSQL server for each branch.
import { cpSync } from "node:fs";
import { basename, resolve } from "node:path";
import { commitVariants, type Variant, variants } from "./demo-branches.ts";
import { checkEnvironment, checkStranger, type RunningEnvironment } from "./demo-checks.ts";
import { type Branch, checkApart, checkSleep, showDatabase } from "./demo-databases.ts";
import type { Say, Stage, Story } from "./demo-story.ts";
import type { World } from "./demo-world.ts";

const example = resolve(import.meta.dir, "fibonacci");

export const fibonacciStory: Story = {
  name: "fibonacci",
  subject: "Fibonacci: a page, an API, a worker and a database",
  branches: variants,
  prevented: () => null,
  writeFiles: (repository) =>
    cpSync(example, repository, { recursive: true, filter: (path) => basename(path) !== "node_modules" && basename(path) !== "dist" }),
  async prepare(world, say) {
    await commitVariants(world);
    for (const { branch, label, migration } of variants)
      say(`${branch.padEnd(20)} computes Fibonacci numbers its own way (${label}) and has a migration ${migration}`);
  },
  // Steps that ended, migrations, services; not what npm says, nor what the list below says again.
  tellsSomething: (line) => /: done in |: Running|applied 0|^\S+ {2}(?!URL)\w+ {2}\//.test(line) || /fail|error/i.test(line),
  show,
  lookAround: [
    "wt list --watch",
    "wt status ada-fib-1-memoised",
    "wt logs -f -e ada-fib-1-memoised",
    "wt db psql -e ada-fib-1-memoised    # \\dt shows its tables",
    "wt open -e ada-fib-1-memoised       # or click a URL above; edit frontend/src/app.jsx and watch the page change",
  ],
};

async function show(world: World, environments: readonly RunningEnvironment[], stage: Stage): Promise<void> {
  const branches = variants.flatMap((variant) =>
    environments.filter(({ branch }) => branch === variant.branch).map((environment) => ({ variant, environment })),
  );
  stage.heading("Each URL answers with its own branch's code");
  await each(branches, stage, ({ environment, variant }, say) => checkEnvironment(environment, variant, say));
  stage.failOn(await checkStranger(environments.flatMap((environment) => environment.url ?? [])));
  stage.heading("Each branch has its own schema and its own rows");
  await each(branches, stage, (branch, say) => showDatabase(world, branch, say));
  stage.heading("None reaches another's");
  stage.failOn(await checkApart(world, branches, stage.say));
  stage.heading("What nobody uses sleeps, and a connection wakes it");
  await each(branches.slice(1, 2), stage, (branch, say) => checkSleep(world, branch, say));
}

type Check = (branch: Branch, say: Say) => Promise<string[]>;

async function each(branches: readonly { variant: Variant; environment: RunningEnvironment }[], stage: Stage, check: Check): Promise<void> {
  const problems: string[] = [];
  for (const branch of branches) {
    stage.goOn();
    problems.push(...(await check(branch, stage.sayOf(branch.variant))));
  }
  stage.failOn(problems);
}
