// What the measured databases hold: SQL that every contestant loads, and a client that all are asked with.
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";

export interface Dataset {
  name: "small" | "large";
  /** SQL file that makes it. */
  file: string;
  /** Gives one row of its largest table. */
  query: string;
  rounds: number;
}

export type Datasets = { [name in Dataset["name"]]: Dataset };
/** As they lie on the disk. */
export type Sizes = { [name in Dataset["name"]]: { bytes: number; files: number } };

/** The rows of `pgbench -i` at this scale, made by the server as `pgbench -i -I dtGvp` has it; 70 is a gigabyte. */
function pgbenchSql(scale: number): string {
  return `CREATE TABLE pgbench_branches (bid int NOT NULL, bbalance int, filler char(88)) WITH (fillfactor = 100);
CREATE TABLE pgbench_tellers (tid int NOT NULL, bid int, tbalance int, filler char(84)) WITH (fillfactor = 100);
CREATE TABLE pgbench_accounts (aid int NOT NULL, bid int, abalance int, filler char(84)) WITH (fillfactor = 100);
CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
INSERT INTO pgbench_branches (bid, bbalance) SELECT bid, 0 FROM generate_series(1, ${scale}) AS bid;
INSERT INTO pgbench_tellers (tid, bid, tbalance) SELECT tid, (tid - 1) / 10 + 1, 0 FROM generate_series(1, ${scale * 10}) AS tid;
INSERT INTO pgbench_accounts (aid, bid, abalance, filler) SELECT aid, (aid - 1) / 100000 + 1, 0, '' FROM generate_series(1, ${scale * 100_000}) AS aid;
ALTER TABLE pgbench_branches ADD PRIMARY KEY (bid);
ALTER TABLE pgbench_tellers ADD PRIMARY KEY (tid);
ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid);
`;
}

/** Many small files: a table of a real app has an index or two, a place for long values, and maps of its free space. */
function manyTablesSql(tables: number): string {
  const one = (number: number) => `CREATE TABLE t${number} (id int PRIMARY KEY, name text NOT NULL, body text);
CREATE INDEX ON t${number} (name);
INSERT INTO t${number} SELECT id, 'name ' || id, repeat(md5(id::text), 2) FROM generate_series(1, 150) AS id;
`;
  return Array.from({ length: tables }, (_, index) => one(index + 1)).join("");
}

export function writeDatasets(directory: string, quick: boolean): Datasets {
  const write = (name: string, text: string) => {
    const file = join(directory, `${name}.sql`);
    writeFileSync(file, text, { mode: 0o644 });
    return file;
  };
  return {
    small: { name: "small", file: write("small", manyTablesSql(150)), query: "SELECT name FROM t150 WHERE id = 77", rounds: quick ? 2 : 5 },
    large: {
      name: "large",
      file: write("large", pgbenchSql(quick ? 3 : 70)),
      query: "SELECT abalance FROM pgbench_accounts WHERE aid = 77777",
      rounds: quick ? 2 : 3,
    },
  };
}

export interface Answers {
  /** From `startMs` to the answer to a first, trivial query: connected, authenticated, answered. */
  ms: number;
  /** From then on to a row of the largest table. */
  rowMs: number;
}

/** A client's whole way. */
export async function firstAnswers(url: string, query: string, startMs: number): Promise<Answers> {
  return withClient(url, async (client) => {
    await client.unsafe("SELECT 1");
    const ms = performance.now() - startMs;
    const rows: unknown[] = await client.unsafe(query);
    if (rows.length !== 1) throw new Error(`${query} gave ${rows.length} rows`);
    return { ms, rowMs: performance.now() - startMs - ms };
  });
}

export async function withClient<T>(url: string, use: (client: SQL) => Promise<T>): Promise<T> {
  const client = new SQL({ url, max: 1, connectionTimeout: 120 });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** The directories of the databases in a stopped cluster, by object id. */
export function readSizes(cluster: string, oids: Record<Dataset["name"], string>): Sizes {
  const size = (oid: string) => {
    const directory = join(cluster, "base", oid);
    const files = readdirSync(directory).map((name) => statSync(join(directory, name)).size);
    return { bytes: files.reduce((sum, each) => sum + each, 0), files: files.length };
  };
  return { small: size(oids.small), large: size(oids.large) };
}
