// Carries the README's session out in a world of its own and writes what was printed into the README.
// With WT_TEST_BINARY, by that program; else by the checkout's own.
import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fibonacciStory } from "../examples/demo-fibonacci.ts";
import { removeWorld } from "../examples/demo-removal.ts";
import { makeWorld, type World } from "../examples/demo-world.ts";
import { type SessionCommand, story } from "./session-story.ts";

const readme = resolve(import.meta.dir, "../README.md");
const block = /(<!-- recorded by scripts\/record-session\.ts -->\n```\n)[\s\S]*?(```\n<!-- end of the recording -->)/;

const text = await Bun.file(readme).text();
if (!block.test(text)) throw new Error("README.md has no place for the recording.");
const recorded = await record();
await Bun.write(
  readme,
  text.replace(block, (_, before: string, after: string) => `${before}${recorded}${after}`),
);
console.log(recorded);

async function record(): Promise<string> {
  const world = await makeWorld(fibonacciStory);
  try {
    const env = environmentOf(world);
    let session = "";
    for (const command of story) session += await perform(world, command, env);
    return session;
  } finally {
    const problems = await removeWorld(world, () => undefined);
    for (const problem of problems) console.error(problem);
  }
}

/** `wt` on the PATH is the program that is recorded. */
function environmentOf(world: World): Record<string, string> {
  const bin = join(world.root, "bin");
  mkdirSync(bin);
  symlinkSync(process.env.WT_TEST_BINARY ?? resolve(import.meta.dir, "../bin/wt"), join(bin, "wt"));
  return { ...world.env, PATH: `${bin}:${world.env.PATH}`, NO_COLOR: "1" };
}

async function perform(
  world: World,
  { line, in: place, shown = isWorthShowing, remark }: SessionCommand,
  env: Record<string, string>,
): Promise<string> {
  const cwd = join(dirname(world.repository), place);
  // Both outputs in the order they were written, as on a terminal.
  const child = Bun.spawn(["sh", "-c", `exec 2>&1\n${line}`], { cwd, env, stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const output = await new Response(child.stdout).text();
  const code = await child.exited;
  if (code !== 0 && code !== 5) throw new Error(`${line} ended with code ${code}:\n${output}`);
  const lines = output.split("\n").filter((one) => one !== "" && shown(one));
  const prompt = `$ ${line}${remark ? `${" ".repeat(Math.max(2, 40 - line.length))}# ${remark}` : ""}`;
  return `${[prompt, ...lines.map((one) => asAtAda(world, one))].join("\n")}\n`;
}

/** Not what commands say that wt runs, steps that only begin, nor advice about the disk of whoever records. */
function isWorthShowing(line: string): boolean {
  return !/^ {2}\| | \.\.\.$|shares no blocks/.test(line);
}

/** The world lies in a temporary directory and at a port that was free. */
function asAtAda(world: World, line: string): string {
  const port = String(world.gatewayPort);
  // The title of the column of URLs, whose width follows the port's.
  const title = line.replace(/^URL +/, (found) => found.slice(0, found.length - (port.length - 4)));
  return title.replaceAll(world.root, "/home/ada/code").replaceAll(`:${port}`, ":7080");
}
