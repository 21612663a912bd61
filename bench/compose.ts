// Environments of a Compose project: the services that are the app's in each and the heavy ones once, against everything in each.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { bookshelfEnvironment, bookshelfFiles, ownDatabase } from "../examples/bookshelf.ts";
import { ensureComposeImages } from "../scripts/compose-images.ts";
import { findContainerLeaks } from "../scripts/container-leaks.ts";
import { composeLabels, labels } from "../src/runtime/compose/labels.ts";
import type { ComposeModel } from "../src/runtime/compose/transform/compose-model.ts";
import { transformModel } from "../src/runtime/compose/transform/transform-model.ts";
import type { BenchWorld } from "./bench-world.ts";
import { openPeer, type Peer, type PeerStack } from "./compose-peer.ts";
import { type Cost, costOf, proportionalBytes } from "./container-cost.ts";
import { untilAnswer } from "./first-answer.ts";
import type { BenchRow } from "./gateway.ts";
import { type Contestant, compared, formatted, median, skipped, takeTurns, timeCommand } from "./measure.ts";
import type { NamedTable, SuiteResult } from "./table.ts";

/** Until servers that have just been started do nothing any more. */
const settleMs = 10_000;
const peerName = "docker compose up per worktree";

export async function benchCompose(world: BenchWorld, quick: boolean): Promise<SuiteResult> {
  const reason = whyNot();
  if (reason) {
    skipped("Compose", reason);
    return { rows: [], tables: [] };
  }
  // What is shared by environments outlives them, and goes with the world.
  const removeShared = world.atEnd(async () => {
    await world.stop();
    await findContainerLeaks(world.directory);
  });
  const repository = await makeRepository(world);
  const peer = await openPeer(world, repository);
  // The first one builds the images and starts what is shared.
  await world.wt(repository, ["create", "warm"]);
  await world.wt(repository, ["delete", "warm", "--force", "--branch"]);
  const rows = [...(await firstAnswers(world, { repository, peer, rounds: quick ? 1 : 5 })), await transformTime(world, repository)];
  const { lines, compared: costs } = await manyEnvironments(world, { repository, peer, counts: quick ? [1, 2] : [1, 3, 10] });
  await removeShared();
  return { rows: [...rows, ...costs], tables: [lines] };
}

function whyNot(): string | null {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "memory of containers is read as root on Linux";
  if (!Bun.which("docker")) return "docker is not installed";
  const version = Bun.spawnSync(["docker", "compose", "version", "--short"], { stdio: ["ignore", "pipe", "ignore"] });
  if (version.exitCode !== 0) return "docker has no Compose v2";
  return Bun.spawnSync(["docker", "info"], { stdio: ["ignore", "ignore", "ignore"] }).exitCode === 0 ? null : "no Docker engine answers";
}

async function makeRepository(world: BenchWorld): Promise<string> {
  const images = await ensureComposeImages(console.log);
  const repository = await world.repository("bookshelf", { ...bookshelfFiles(), "wt.yaml": ownDatabase });
  writeFileSync(join(repository, ".env"), bookshelfEnvironment(images, "key-of-a-person-1234"));
  await world.wt(repository, ["trust", "--yes"]);
  return repository;
}

interface Contest {
  repository: string;
  peer: Peer;
}

async function firstAnswers(world: BenchWorld, { repository, peer, rounds }: Contest & { rounds: number }): Promise<BenchRow[]> {
  const own: Contestant = async (round) => {
    const name = `own-${round}`;
    const startMs = performance.now();
    const host = `${name}.localhost:${world.gatewayPort}`;
    const [answered, created] = await Promise.all([untilAnswer(world.gatewayPort, { host }), world.wt(repository, ["create", name])]);
    await world.wt(repository, ["delete", name, "--force", "--branch"]);
    return { answer: answered - startMs, command: created.totalMs };
  };
  const full: Contestant = async (round) => {
    const stack = await peer.up(`turn-${round}`);
    const answered = await untilAnswer(stack.port, {});
    await peer.down(stack);
    return { full: answered - stack.startedMs };
  };
  const { answer = 0, command = 0, full: peerMs = 0 } = await takeTurns([own, full], rounds);
  const what = "wt create of a Compose project (Django, Vite, Celery), its own database in the shared server, images built";
  const against = [`git worktree add, docker compose up of everything`, peerMs] as const;
  return [
    compared({ what, measure: "to the first HTTP 200 at its URL", value: answer, peer: against }),
    compared({ what, measure: "until the command ends (Healthy)", value: command, peer: against }),
  ];
}

/** Our part of reading a compose file, against Compose's. */
async function transformTime(world: BenchWorld, repository: string): Promise<BenchRow> {
  const read = await timeCommand(["docker", "compose", "config", "--format", "json"], { cwd: repository, env: world.env });
  const model = JSON.parse(read.stdout) as ComposeModel;
  const services = ["web", "worker", "vite"];
  const request = {
    role: "environment" as const,
    project: "bookshelf-bench",
    wtProject: "bookshelf",
    environmentId: "bench",
    nonce: "bench",
    slug: "bench",
    worktree: repository,
    repositoryRoot: repository,
    services,
    shared: ["db", "redis"],
    sharedVolumes: [],
    allow: [],
    dockerfiles: [],
    ports: [{ service: "web", target: 8000, hostPort: 20_000 }],
    variables: { web: [{ key: "PORT", value: "8000", origin: "wt", force: true }] },
    subnets: { default: "10.213.0.0/26" },
    sharedProject: "bookshelf-shared",
  };
  const times = Array.from({ length: 500 }, () => {
    const startMs = performance.now();
    transformModel(model, request);
    return performance.now() - startMs;
  });
  return compared({
    what: "the transform of that project's model (5 services)",
    measure: "time",
    value: median(times),
    peer: ["docker compose config", read.totalMs],
  });
}

interface Counted {
  own: Cost;
  asleep: Cost;
  full: Cost;
}

async function manyEnvironments(world: BenchWorld, { repository, peer, counts }: Contest & { counts: number[] }) {
  const results: [number, Counted][] = [];
  for (const count of counts) results.push([count, { ...(await ownCost(world, repository, count)), full: await fullCost(peer, count) }]);
  const rows = results.map(([count, { own, full }]) =>
    compared({
      what: `${environments(count)} of that project, idle`,
      measure: "memory (PSS) of all containers and the daemon",
      value: own.megabytes,
      unit: "MB",
      peer: [peerName, full.megabytes],
    }),
  );
  const cells = ({ containers, megabytes }: Cost) => [String(containers), formatted(megabytes, "MB")];
  const lines: NamedTable = {
    title: "Environments of the Compose example",
    header: [
      "environments",
      "containers",
      "memory",
      "all but one asleep: containers",
      "memory",
      `${peerName}: containers`,
      "memory",
      "ratio",
    ],
    lines: results.map(([count, { own, asleep, full }]) => [
      String(count),
      ...cells(own),
      ...(count === 1 ? ["", ""] : cells(asleep)),
      ...cells(full),
      `${(own.megabytes / full.megabytes).toFixed(2)} ×`,
    ]),
  };
  return { lines, compared: rows };
}

async function ownCost(world: BenchWorld, repository: string, count: number): Promise<{ own: Cost; asleep: Cost }> {
  const names = Array.from({ length: count }, (_, index) => `many-${index}`);
  for (const name of names) await world.wt(repository, ["create", name]);
  const own = await ownNow(world);
  for (const name of names.slice(1)) await world.wt(repository, ["down", name]);
  const asleep = await ownNow(world);
  for (const name of names) await world.wt(repository, ["delete", name, "--force", "--branch"]);
  return { own, asleep };
}

/** Everything of this world: what is shared and the daemon too. */
async function ownNow(world: BenchWorld): Promise<Cost> {
  await Bun.sleep(settleMs);
  const { containers, megabytes } = await costOf(labels.state, world.directory);
  return { containers, megabytes: megabytes + proportionalBytes(await world.daemonPid()) / 1e6 };
}

async function fullCost(peer: Peer, count: number): Promise<Cost> {
  const stacks: PeerStack[] = [];
  for (let index = 0; index < count; index++) {
    const stack = await peer.up(`many-${index}`);
    stacks.push(stack);
    await untilAnswer(stack.port, {});
  }
  await Bun.sleep(settleMs);
  const cost = await costOf(composeLabels.project, "wt-bench-peer-");
  for (const stack of stacks) await peer.down(stack);
  return cost;
}

function environments(count: number): string {
  return count === 1 ? "1 environment" : `${count} environments`;
}
