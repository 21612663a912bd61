// Random histories on the built program with real git, real processes and real databases: the daemon is killed while it works, or the machine refuses.
// Then the next daemon settles, nothing is left over and no file is lost. `npm run test:histories -- --real` runs a long one.
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { eventually, type HermeticWorld, hermeticWorld } from "../support/hermetic-world.ts";

const count = Number(process.env.WT_HISTORIES_REAL_COMMANDS ?? 40);
const seed = Number(process.env.WT_HISTORIES_SEED ?? 1);

const files: Record<string, string> = {
  "wt.yaml": `project: lived
copy: [.env]
setup: ["echo prepared > prepared.txt"]
resources:
  db: { type: sqlite, path: app.db, seed: "echo seeded > seeded.txt" }
services:
  web: { run: exec node server.mjs, route: / }
  worker: { run: exec sleep 1000000, needs: [db] }
`,
  ".gitignore": ".env\nprepared.txt\nseeded.txt\napp.db*\n",
  "tracked.txt": "as committed\n",
  "server.mjs": `import http from "node:http";
http.createServer((_, response) => response.end("here")).listen(Number(process.env.PORT), process.env.HOST);
`,
};

interface Step {
  branch: number;
  what: "create" | "delete" | "force" | "purge" | "undelete" | "up" | "down" | "checkpoint" | "restart" | "write" | "commit";
  accident: { kind: "kill"; afterMs: number } | { kind: "fault"; rule: string } | null;
}

const faults = ["kill", "kill-after", "enospc", "eio", "eacces-after"].flatMap((action) =>
  ["exec:git **", "write:**", "move:**", "remove:**", "before:*", "after:*"].map((place) => ({ action, place })),
);

const step: fc.Arbitrary<Step> = fc.record({
  branch: fc.nat({ max: 2 }),
  what: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom("create" as const, "undelete" as const) },
    { weight: 4, arbitrary: fc.constantFrom("delete" as const, "force" as const, "purge" as const) },
    { weight: 3, arbitrary: fc.constantFrom("up" as const, "down" as const, "restart" as const, "checkpoint" as const) },
    { weight: 3, arbitrary: fc.constantFrom("write" as const, "commit" as const) },
  ),
  accident: fc.oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("kill" as const), afterMs: fc.nat({ max: 500 }) }) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom(...faults), fc.integer({ min: 1, max: 12 }))
        .map(([{ action, place }, nth]) => ({ kind: "fault" as const, rule: `${action}#${nth}@${place}` })),
    },
  ),
});

const branches = ["a", "topic/b", "c"];
const slugs = ["a", "topic-b", "c"];

/** What the user wrote and did not give up, and where. */
interface Work {
  slug: string;
  content: string;
  committed: boolean;
}

test(
  `${count} commands from seed ${seed} on`,
  async () => {
    await using world = await hermeticWorld({ files });
    world.env.WT_UNDELETE_DAYS = "7";
    await world.ok(["daemon", "stop"]);
    await world.write({ ".env": "SECRET=1\n" });
    const steps = fc.sample(fc.array(step, { minLength: count, maxLength: count }), { seed, numRuns: 1 })[0] ?? [];
    const works: Work[] = [];
    const story: string[] = [];
    for (const one of steps) {
      story.push(`${JSON.stringify(one)} → ${await live(world, works, one)}`);
      const found = await violations(world, works);
      if (found.length > 0) throw new Error(`WT_HISTORIES_SEED=${seed}\n  ${found.join("\n  ")}\nThe story:\n  ${story.join("\n  ")}`);
    }
    for (const { slug, main } of (await world.list()).environments)
      if (!main) await world.ok(["delete", slug, "--force", "--branch", "--purge"]);
    expect((await world.list()).environments.map(({ slug }) => slug)).toEqual(["main"]);
    expect(world.processes()).toEqual([await world.daemonPid()]);
  },
  20 * 60_000,
);

async function live(world: HermeticWorld, works: Work[], { branch, what, accident }: Step): Promise<string> {
  const slug = slugs[branch] ?? "";
  if (what === "write" || what === "commit") return writeWork(world, works, { slug, commit: what === "commit" });
  if (what === "purge") for (const work of works.splice(0).filter((one) => one.slug !== slug)) works.push(work);
  const options: { env?: Record<string, string> } = {};
  if (accident?.kind === "fault") {
    await world.wt(["daemon", "stop"]);
    options.env = { WT_TEST_FAULT: accident.rule };
  }
  const running = world.wt(argumentsOf(what, { branch: branches[branch] ?? "", slug }), options);
  if (accident?.kind === "kill") {
    await Bun.sleep(accident.afterMs);
    killDaemon(world);
  }
  const { code, stderr } = await running;
  // What was armed must not strike the next command.
  if (accident?.kind === "fault") killDaemon(world);
  return `${code} ${stderr.trim().split("\n").at(-1) ?? ""}`.slice(0, 200);
}

function argumentsOf(what: Step["what"], { branch, slug }: { branch: string; slug: string }): string[] {
  switch (what) {
    case "create":
      return ["create", branch];
    case "delete":
      return ["delete", slug];
    case "force":
      return ["delete", slug, "--force", "--branch"];
    case "purge":
      return ["delete", slug, "--force", "--branch", "--purge"];
    case "checkpoint":
      return ["db", "checkpoint", "-e", slug];
    default:
      return [what, slug];
  }
}

/** Its pid is asked from the kernel: asking the daemon would start one. */
function killDaemon(world: HermeticWorld): void {
  for (const pid of world.processes()) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (command.includes("daemon") && command.includes("run")) process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}

async function writeWork(world: HermeticWorld, works: Work[], { slug, commit }: { slug: string; commit: boolean }): Promise<string> {
  const path = `${world.repository}.worktrees/${slug}`;
  if (!existsSync(join(path, ".git"))) return "no worktree";
  const content = `work ${crypto.randomUUID()}\n`;
  const name = commit ? `committed-${works.length}.txt` : `deep/${works.length}-${crypto.randomUUID().slice(0, 4)}.txt`;
  await mkdir(dirname(join(path, name)), { recursive: true });
  await writeFile(join(path, name), content);
  if (commit) await world.git(["add", "--", name], path);
  if (commit) await world.git(["commit", "--quiet", "--message", "work", "--", name], path);
  works.push({ slug, content, committed: commit });
  return name;
}

async function violations(world: HermeticWorld, works: readonly Work[]): Promise<string[]> {
  const environments = (await settled(world)).filter(({ main }) => !main);
  const found: string[] = [];
  const parent = `${world.repository}.worktrees`;
  const paths = new Set(environments.map(({ path }) => path));
  for (const { slug, path } of environments) if (!existsSync(join(path, ".git"))) found.push(`${slug} has no worktree`);
  for (const name of existsSync(parent) ? readdirSync(parent) : [])
    if (!paths.has(join(parent, name))) found.push(`the directory ${name} is left`);
  const listed = (await world.git(["worktree", "list", "--porcelain"]))
    .split("\n")
    .flatMap((line) => line.match(/^worktree (.+)$/)?.[1] ?? []);
  for (const path of listed) if (path !== world.repository && !paths.has(path)) found.push(`the registration of ${path} is left`);
  const ports = environments.flatMap(({ services }) => services.flatMap(({ port }) => port ?? []));
  if (new Set(ports).size !== ports.length) found.push("a port is leased twice");
  const running = () => {
    const daemons = 1;
    return world.processes().length - daemons;
  };
  const wanted = async () => (await world.list()).environments.flatMap(({ services }) => services.filter(({ pid }) => pid !== null)).length;
  const [expected, real] = await eventually(
    async () => [await wanted(), running()] as const,
    ([a, b]) => a === b,
  );
  if (expected !== real) found.push(`${real} processes run, and ${expected} belong to services`);
  const git = join(world.repository, ".git");
  for (const name of new Bun.Glob("**/*.lock").scanSync({ cwd: git, dot: true })) found.push(`the lock ${name} is left`);
  return [...found, ...(await lost(world, works, [...paths, join(git, "wt")]))];
}

async function settled(world: HermeticWorld) {
  await world.ok(["list"]);
  const inFlight = async () => JSON.parse(await world.ok(["daemon", "status", "--json"])).daemon.operationsInFlight as number;
  expect(await eventually(inFlight, (left) => left === 0, 30_000)).toBe(0);
  return (await world.list()).environments;
}

/** In a file, or reachable from a ref. */
async function lost(world: HermeticWorld, works: readonly Work[], directories: string[]): Promise<string[]> {
  const objects = await world.git(["rev-list", "--objects", "--all", "--indexed-objects"]);
  const reachable = new Set(objects.split("\n").map((line) => line.slice(0, 40)));
  const contents = new Set<string>();
  for (const directory of directories.filter(existsSync)) {
    for (const name of new Bun.Glob("**/deep/*.txt").scanSync({ cwd: directory, dot: true }))
      contents.add(readFileSync(join(directory, name), "utf8"));
  }
  const blob = (content: string) => new Bun.CryptoHasher("sha1").update(`blob ${Buffer.byteLength(content)}\0${content}`).digest("hex");
  return works
    .filter(({ content }) => !reachable.has(blob(content)) && !contents.has(content))
    .map((work) => `lost: ${JSON.stringify(work)}`);
}
