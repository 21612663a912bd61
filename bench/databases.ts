// A database of its own: how long until it answers and what it costs, against `CREATE DATABASE … TEMPLATE` on the same file system.
import { join } from "node:path";
import { type BenchWorld, makeWorld } from "./bench-world.ts";
import { type Branches, openBranches } from "./database-branches.ts";
import { type Datasets, readSizes, writeDatasets } from "./database-content.ts";
import { benchCreateWithDatabase } from "./database-create.ts";
import { findPostgres, makeCluster, type Postgres, startShared } from "./database-peer.ts";
import { openDirectory, type Place, placeKinds } from "./database-places.ts";
import { databaseRows, databaseTable } from "./database-table.ts";
import { type Arena, benchDataset, type Line } from "./database-ways.ts";
import { skipped } from "./measure.ts";
import type { SuiteResult } from "./table.ts";

/** Until a server that has just been started does nothing any more. */
const settleMs = 1_000;

export async function benchDatabases(world: BenchWorld, quick: boolean): Promise<SuiteResult> {
  const kinds = placeKinds(quick);
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
  const branches = await openBranches(join(inner.directory, "state/worldtree"), join(inner.directory, "scratch"));
  console.log(`${fileSystem}: the driver copies by ${branches.method}`);
  const arena: Arena = { place, branches, shared, many: quick ? [2, 3] : [8, 30], manyRounds: quick ? 1 : 3 };
  const lines: Line[] = [];
  for (const dataset of [datasets.small, datasets.large]) lines.push(...(await benchDataset(arena, dataset)));
  const memory = await benchMemory(branches, datasets, quick ? 3 : 20);
  await branches.close();
  const create = await benchCreateWithDatabase(inner, { shared, dataset: datasets.large });
  await removeInner();
  await shared.stop();
  return { fileSystem, method: branches.method, lines, memory, create };
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
