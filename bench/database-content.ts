// What the measured databases hold: SQL that every contestant loads, and a client that all are asked with.
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";

export interface Dataset {
  name: "small" | "large";
  /** SQL file that makes it. */
  file: string;
  /** The first query of a new database; gives one row. */
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

/** A client's whole way: connect, ask, hear the answer, leave. */
export async function ask(url: string, query: string): Promise<Record<string, unknown>> {
  return withClient(url, async (client) => {
    const rows: Record<string, unknown>[] = await client.unsafe(query);
    if (!rows[0]) throw new Error(`${query} gave no row`);
    return rows[0];
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
