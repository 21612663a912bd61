// Every way to a database of one's own, measured in turns on one file system.
import type { Branches } from "./database-branches.ts";
import type { Answers, Dataset } from "./database-content.ts";
import { checkpoint, createOnShared, dropFromShared, type SharedServer, type Strategy, strategies } from "./database-peer.ts";
import { dropCaches, type Place } from "./database-places.ts";
import { type Contestant, median, skipped, takeTurns } from "./measure.ts";

export interface Arena {
  place: Place;
  branches: Branches;
  shared: SharedServer;
  /** How many are made at once. */
  many: number[];
  manyRounds: number;
}

export interface Line {
  fileSystem: string;
  dataset: "small" | "large";
  how: string;
  own: boolean;
  /** To the first answer. */
  ms: number;
  /** From there to a row of the largest table. */
  rowMs: number;
  bytes: number;
  many: { count: number; ms: number; bytesEach: number }[];
  wake: { warmMs: number; coldMs: number } | null;
}

interface Way {
  how: string;
  own: boolean;
  create(name: string): Promise<Answers>;
  /** Everything that was made is on the file system. */
  settle(): Promise<void>;
  remove(names: readonly string[]): Promise<void>;
}

/** What takes more each is made one by one only: so many at once would fill the disk. */
const manyBelowBytes = 150e6;
const longestMs = 6_000;

export async function benchDataset(arena: Arena, dataset: Dataset): Promise<Line[]> {
  const { shared } = arena;
  const ways: Way[] = [
    await ownWay(arena.branches, dataset),
    ...(Object.keys(strategies) as Strategy[]).map((strategy) => ({
      how: strategy,
      own: false,
      create: (name: string) => createOnShared(shared, { dataset, strategy, name }),
      settle: () => checkpoint(shared),
      remove: (names: readonly string[]) => dropFromShared(shared, names),
    })),
  ];
  return measure(arena, dataset, ways);
}

/** Ours alone, for a way of copying that the machine would not choose by itself. */
export async function benchOwn(arena: Arena, dataset: Dataset): Promise<Line[]> {
  return measure(arena, dataset, [await ownWay(arena.branches, dataset)]);
}

async function ownWay(branches: Branches, dataset: Dataset): Promise<Way> {
  // The first branch builds the template.
  await branches.create("first", dataset);
  const method = await branches.methodOf("first");
  await branches.remove(["first"]);
  return {
    how: `wt, ${method}`,
    own: true,
    create: (name) => branches.create(name, dataset),
    settle: async () => undefined,
    remove: (names) => branches.remove(names),
  };
}

async function measure(arena: Arena, dataset: Dataset, ways: readonly Way[]): Promise<Line[]> {
  const { place, branches } = arena;
  const medians = await takeTurns(
    ways.map((way) => oneByOne(place, way)),
    dataset.rounds,
  );
  const lines: Line[] = [];
  for (const way of ways) {
    const bytes = medians[`${way.how} bytes`] ?? Number.NaN;
    const ms = medians[`${way.how} ms`] ?? Number.NaN;
    lines.push({
      fileSystem: place.fileSystem,
      dataset: dataset.name,
      how: way.how,
      own: way.own,
      ms,
      rowMs: medians[`${way.how} row`] ?? Number.NaN,
      bytes,
      many:
        bytes < manyBelowBytes || dataset.name === "small"
          ? await atOnce({ ...arena, manyRounds: way.own ? arena.manyRounds : 1 }, way, ms)
          : [],
      wake: way.own ? await benchWake(branches, dataset) : null,
    });
  }
  return lines;
}

function oneByOne(place: Place, way: Way): Contestant {
  return async (round) => {
    const name = `one_${round}`;
    const before = place.usedBytes();
    const { ms, rowMs } = await way.create(name);
    await way.settle();
    const bytes = place.usedBytes() - before;
    await way.remove([name]);
    return { [`${way.how} ms`]: ms, [`${way.how} row`]: rowMs, [`${way.how} bytes`]: bytes };
  };
}

/** So many at once: until the last has answered. Left out where one by one they would already take this long: minutes tell nothing more. */
async function atOnce({ place, many, manyRounds }: Arena, way: Way, oneMs: number): Promise<Line["many"]> {
  const found: Line["many"] = [];
  let eachMs = oneMs;
  for (const count of many) {
    if (eachMs * count > longestMs) break;
    const names = Array.from({ length: count }, (_, index) => `many_${index}`);
    const times: number[] = [];
    const taken: number[] = [];
    for (let round = 0; round < manyRounds; round++) {
      const before = place.usedBytes();
      const startMs = performance.now();
      await Promise.all(names.map((name) => way.create(name)));
      times.push(performance.now() - startMs);
      await way.settle();
      taken.push((place.usedBytes() - before) / count);
      await way.remove(names);
    }
    found.push({ count, ms: median(times), bytesEach: median(taken) });
    eachMs = median(times) / count;
  }
  return found;
}

async function benchWake(branches: Branches, dataset: Dataset): Promise<Line["wake"]> {
  const name = "sleeper";
  await branches.create(name, dataset);
  const warm: number[] = [];
  const cold: number[] = [];
  for (let round = 0; round < dataset.rounds; round++) {
    await branches.sleep(name);
    warm.push((await branches.wake(name)).ms);
    await branches.sleep(name);
    if (dropCaches()) cold.push((await branches.wake(name)).ms);
    else if (round === 0) skipped("a cold wake", "only root may drop Linux's caches");
  }
  await branches.remove([name]);
  return { warmMs: median(warm), coldMs: median(cold) };
}
