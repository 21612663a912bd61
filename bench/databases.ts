// A database of its own: how long until it answers and what it costs, against `CREATE DATABASE … TEMPLATE` on the same file system.
import { join } from "node:path";
import { type BenchWorld, makeWorld } from "./bench-world.ts";
import { type Branches, forgetOverlay, openBranches } from "./database-branches.ts";
import { type Datasets, readSizes, writeDatasets } from "./database-content.ts";
import { benchCreateWithDatabase } from "./database-create.ts";
import { findPostgres, makeCluster, type Postgres, startShared } from "./database-peer.ts";
import { openDirectory, type Place, placeKinds } from "./database-places.ts";
import { databaseRows, databaseTable } from "./database-table.ts";
import { type Arena, benchDataset, benchOwn, type Line } from "./database-ways.ts";
import { skipped } from "./measure.ts";
import type { SuiteResult } from "./table.ts";

/** Until a server that has just been started does nothing any more. */
const settleMs = 1_000;

export async function benchDatabases(world: BenchWorld, quick: boolean): Promise<SuiteResult> {
  const kinds = placeKinds({ small: quick, what: "databases" });
  const result: SuiteResult = { rows: [], tables: [] };
  if (kinds.length === 0) return result;
  const postgres = await findPostgres(join(world.directory, "programs"));
  const datasets = writeDatasets(world.directory, quick);
  const seed = openDirectory();
  const removeSeed = world.atEnd(() => seed.remove());
  console.log(`making the databases with PostgreSQL ${postgres.programs.version}`);
  const cluster = join(seed.directory, "cluster");
  const sizes = await makeCluster(postgres, cluster, [datasets.small, datasets.large]).then((oids) => readSizes(cluster, oids));
  const lines: Line[] = [];
  for (const kind of kinds) {
    const place = kind.open();
    const removePlace = world.atEnd(() => place.remove());
    const measured = await benchPlace(world, { place, postgres, cluster, datasets, quick });
    lines.push(...measured.lines);
    result.rows.push(...databaseRows({ ...measured, sizes, quick }));
    await removePlace();
  }
  await removeSeed();
  result.tables.push(databaseTable(lines, sizes));
  return result;
}

interface Round {
  place: Place;
  postgres: Postgres;
  /** Stopped; copied to every place. */
  cluster: string;
  datasets: Datasets;
  quick: boolean;
}

async function benchPlace(world: BenchWorld, { place, postgres, cluster, datasets, quick }: Round) {
  const { fileSystem } = place;
  const inner = makeWorld(place.directory);
  const removeInner = world.atEnd(inner.remove);
  await inner.adopt(world.program);
  const data = join(place.directory, "shared");
  await world.run(["cp", "-a", cluster, data]);
  const shared = await startShared(postgres, data);
  const state = join(inner.directory, "state/worldtree");
  const open = () => openBranches(state, join(inner.directory, "scratch"));
  const arena: Arena = { place, branches: await open(), shared, many: quick ? [2, 3] : [8, 30], manyRounds: quick ? 1 : 3 };
  const lines: Line[] = [];
  for (const dataset of [datasets.small, datasets.large]) {
    console.log(`${fileSystem}: the ${dataset.name} database`);
    lines.push(...(await benchDataset(arena, dataset)));
  }
  const memory = await benchMemory(arena.branches, datasets, quick ? 3 : 20);
  await arena.branches.close();
  console.log(`${fileSystem}: wt create`);
  const create = await benchCreateWithDatabase(inner, { shared, dataset: datasets.large });
  if (lines.some(({ how }) => how === "wt, overlay")) {
    forgetOverlay(state);
    const branches = await open();
    lines.push(...(await benchOwn({ ...arena, branches }, datasets.large)));
    await branches.close();
  }
  await removeInner();
  await shared.stop();
  return { fileSystem, lines, memory, create };
}

/** Of so many servers that idle at once. */
async function benchMemory(branches: Branches, { small }: Datasets, count: number): Promise<{ bytes: number; servers: number } | null> {
  const names = Array.from({ length: count }, (_, index) => `idle-${index}`);
  await Promise.all(names.map((name) => branches.create(name, small)));
  await Bun.sleep(settleMs);
  const memory = branches.memoryBytes();
  await branches.remove(names);
  if (!memory) skipped("memory of idle databases", "needs Linux's /proc");
  else if (memory.servers !== count) throw new Error(`There should be ${count} servers, but ${memory.servers} were found.`);
  return memory;
}
