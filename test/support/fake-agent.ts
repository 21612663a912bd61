// A program in the place of a coding agent: it takes Claude Code's arguments, calls the hooks of its settings as Claude Code documents them, and does
// what the test writes into its control directory. The real agents need an account and a network, so none of them is run in tests.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./hermetic-world.ts";

export interface FakeAgentStart {
  argv: string[];
  cwd: string;
  pid: number;
  tty: boolean;
  stdin: string;
  env: Record<string, string>;
}

export interface FakeAgent {
  /** To be put first on the PATH. */
  readonly bin: string;
  /** How it was started, the latest last. */
  starts(): FakeAgentStart[];
  started(count?: number): Promise<FakeAgentStart>;
  /** Calls the hooks of an event with this input, in the agent that was started last. */
  hook(event: string, input?: Record<string, unknown>): Promise<void>;
  /** A process of its own session, as `npm run dev &` makes one, started by `command` (default: directly). Gives its number. */
  spawn(command?: string[]): Promise<number>;
  /** Runs a command to its end, as the agent's tools do. */
  run(command: string[]): Promise<void>;
  exit(code: number): Promise<void>;
}

/** Programs called `name` (default `claude`) in a directory below `directory`. */
export function fakeAgent(directory: string, names: string[] = ["claude"]): FakeAgent {
  const bin = join(directory, "agent-bin");
  const control = join(directory, "agent-control");
  for (const path of [bin, control]) mkdirSync(path, { recursive: true });
  for (const name of names) {
    writeFileSync(join(bin, `${name}.js`), program(control));
    writeFileSync(join(bin, name), `#!/bin/sh\nexec ${process.execPath} --no-env-file ${join(bin, `${name}.js`)} "$@"\n`);
    chmodSync(join(bin, name), 0o755);
  }
  let orders = 0;
  const order = async (what: unknown): Promise<string> => {
    const number = String(++orders);
    writeFileSync(join(control, `${number}.tmp`), JSON.stringify(what));
    renameSync(join(control, `${number}.tmp`), join(control, `${number}.order`));
    const done = join(control, `${number}.done`);
    await eventually(
      () => existsSync(done),
      (there) => there,
    );
    return readFileSync(done, "utf8");
  };
  const starts = () =>
    readdirSync(control)
      .filter((name) => name.startsWith("start-") && name.endsWith(".json"))
      .sort()
      .map((name): FakeAgentStart => JSON.parse(readFileSync(join(control, name), "utf8")));
  return {
    bin,
    starts,
    async started(count = 1) {
      const all = await eventually(starts, (found) => found.length >= count);
      const last = all.at(-1);
      if (!last) throw new Error("the agent was not started");
      return last;
    },
    hook: async (event, input = {}) => void (await order({ hook: event, input })),
    spawn: async (command = []) => Number(await order({ spawn: command })),
    run: async (command) => void (await order({ run: command })),
    exit: async (code) => void (await order({ exit: code })),
  };
}

function program(control: string): string {
  return `
const fs = require("node:fs");
const { isatty } = require("node:tty");
const control = ${JSON.stringify(control)};
const argv = process.argv.slice(2);
const at = argv.indexOf("--settings");
const hooks = at === -1 ? {} : JSON.parse(fs.readFileSync(argv[at + 1], "utf8")).hooks;
const start = { argv, cwd: process.cwd(), pid: process.pid, tty: isatty(0), env: process.env };
const place = control + "/start-" + String(Date.now()).padStart(16, "0") + "-" + process.pid;
fs.writeFileSync(place + ".tmp", JSON.stringify(start));
fs.renameSync(place + ".tmp", place + ".json");
console.log("fake agent at work on", argv.at(-1) ?? "nothing");
async function call(event, input) {
  const json = JSON.stringify({ session_id: "s1", cwd: process.cwd(), hook_event_name: event, ...input });
  for (const group of hooks[event] ?? []) {
    for (const { command } of group.hooks) {
      const child = Bun.spawn(["/bin/sh", "-c", command], { stdin: new Blob([json]), stdout: "pipe", stderr: "pipe" });
      const [code, out, err] = [await child.exited, await new Response(child.stdout).text(), await new Response(child.stderr).text()];
      // What a hook of UserPromptSubmit prints would become a part of the conversation.
      if (code !== 0 || out !== "" || err !== "") fs.writeFileSync(control + "/hook-failed", event + " " + code + " " + out + err);
    }
  }
}
await call("SessionStart", { source: "startup" });
for (;;) {
  const order = fs.readdirSync(control).find((name) => name.endsWith(".order"));
  if (!order) { await Bun.sleep(10); continue; }
  const what = JSON.parse(fs.readFileSync(control + "/" + order, "utf8"));
  fs.unlinkSync(control + "/" + order);
  let answer = "";
  if (what.hook) await call(what.hook, what.input);
  if (what.run) await Bun.spawn(what.run, { stdio: ["ignore", "ignore", "ignore"] }).exited;
  if (what.spawn) {
    // The process says its own number: the one that starts it may be another.
    const place = control + "/" + order + ".pid";
    Bun.spawn([...what.spawn, "setsid", "sh", "-c", 'echo $$ > "$0.tmp"; mv "$0.tmp" "$0"; exec sleep 600', place], { stdio: ["ignore", "ignore", "ignore"] });
    while (!fs.existsSync(place)) await Bun.sleep(10);
    answer = fs.readFileSync(place, "utf8").trim();
  }
  const done = control + "/" + order.replace(".order", ".done");
  fs.writeFileSync(done + ".tmp", answer);
  fs.renameSync(done + ".tmp", done);
  if (what.exit !== undefined) process.exit(what.exit);
}
`;
}
