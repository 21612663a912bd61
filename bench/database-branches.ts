// Our side of the comparison: branches made by the driver itself, the very code the daemon runs.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../src/os/clock.ts";
import { createPostgresDriver, type PostgresDriver } from "../src/resource/postgres/postgres-driver.ts";
import type { ResourceCall, ResourceOptions, ResourceSpec } from "../src/resource/resource-driver.ts";
import { freePort } from "./bench-world.ts";
import { type Answers, type Dataset, firstAnswers } from "./database-content.ts";
import { measuredMajor } from "./database-peer.ts";
import { processesIn } from "./database-places.ts";

export interface Branches {
  /** Makes a branch and asks it. The first of a dataset also builds the template. */
  create(name: string, dataset: Dataset): Promise<Answers>;
  /** How it was copied, as the driver says. */
  methodOf(name: string): Promise<string>;
  sleep(name: string): Promise<void>;
  /** Connects to a sleeping branch. */
  wake(name: string): Promise<Answers>;
  remove(names: readonly string[]): Promise<void>;
  /** Memory of all servers that run, in bytes, shared pages divided among those that share them; null where the system does not tell. */
  memoryBytes(): { bytes: number; servers: number } | null;
  close(): Promise<void>;
}

/** `stateDirectory` as the daemon has it, so that a daemon which comes later finds the templates. */
export async function openBranches(stateDirectory: string, scratch: string): Promise<Branches> {
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  mkdirSync(scratch, { recursive: true });
  const failures: unknown[] = [];
  const driver = createPostgresDriver({ stateDirectory, clock: systemClock, report: (error) => failures.push(error) });
  const made = new Map<string, { spec: ResourceSpec; url: string; dataset: Dataset }>();
  const environments = join(stateDirectory, "environments");
  const find = (name: string) => {
    const found = made.get(name);
    if (!found) throw new Error(`there is no branch ${name}`);
    return found;
  };
  return {
    async create(name, dataset) {
      const spec = specOf(driver, { name, dataset, environments, scratch });
      const startMs = performance.now();
      const { values } = await driver.ensure(spec, quietCall());
      const url = values.url ?? "";
      made.set(name, { spec, url, dataset });
      return firstAnswers(url, dataset.query, startMs);
    },
    async methodOf(name) {
      const observed = await driver.observe(find(name).spec);
      if (observed.state !== "ready" || observed.detail === null) throw new Error(`the branch ${name} is ${observed.state}`);
      // `PostgreSQL 18.4, overlay (the first use of a table copies it whole)`
      return observed.detail.replace(/^.*?, /, "").replace(/ \(the .*/, "");
    },
    async sleep(name) {
      // The server may not have noticed yet that the last client left.
      for (let attempt = 0; !(await driver.sleep(find(name).spec)); attempt++) {
        if (attempt === 500) throw new Error(`the branch ${name} is in use`);
        await Bun.sleep(10);
      }
    },
    async wake(name) {
      const { url, dataset } = find(name);
      return firstAnswers(url, dataset.query, performance.now());
    },
    async remove(names) {
      await Promise.all(names.map((name) => driver.remove(find(name).spec)));
      for (const name of names) made.delete(name);
    },
    memoryBytes: () => memoryOf(environments),
    async close() {
      for (const { spec } of made.values()) await driver.remove(spec);
      await driver.close();
      if (failures.length > 0) throw new Error(`The driver reported: ${failures.map(String).join("; ")}`);
    },
  };
}

/**
 * From the next driver on, large databases are copied in full, too, where the driver would take an overlay: what it found out about this machine
 * is changed to that.
 */
export function forgetOverlay(stateDirectory: string): void {
  const file = join(stateDirectory, "postgres/clone-method.json");
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), large: null }));
}

/** As in a wt.yaml with `type: postgres` and these. */
export function writtenOptions(dataset: Dataset): ResourceOptions {
  return { version: measuredMajor, from: dataset.file };
}

interface Wanted {
  name: string;
  dataset: Dataset;
  environments: string;
  scratch: string;
}

function specOf(driver: PostgresDriver, { name, dataset, environments, scratch }: Wanted): ResourceSpec {
  const parsed = driver.parseOptions(writtenOptions(dataset));
  if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
  return {
    environmentId: name,
    nonce: crypto.randomUUID(),
    name: "db",
    label: `wt_bench_${name.replaceAll("-", "_")}_db`,
    options: parsed.options,
    directory: join(environments, name, "resources/db"),
    worktree: scratch,
    mainWorktree: scratch,
    main: false,
    port: freePort(),
  };
}

function quietCall(): ResourceCall {
  return {
    abort: new AbortController().signal,
    report: () => undefined,
    run: async (command) => {
      throw new Error(`nothing should be run, but ${command} is`);
    },
  };
}

function memoryOf(environments: string): { bytes: number; servers: number } | null {
  const pids = processesIn(environments);
  let bytes = 0;
  const servers = new Set<string>();
  for (const pid of pids) {
    try {
      const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1];
      bytes += Number(kilobytes) * 1024;
      // The postmaster is the one that the others call their parent.
      servers.add(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "");
    } catch {
      // It ended meanwhile.
    }
  }
  const postmasters = pids.filter((pid) => servers.has(String(pid))).length;
  return pids.length === 0 ? null : { bytes, servers: postmasters };
}
