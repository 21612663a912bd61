// The schema of a real database as text. PostgreSQL 15 where the distribution has put it, else the embedded 18.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { SQL } from "bun";
import type { ResourceContent } from "../resource-driver.ts";
import { inspectDatabase } from "./inspect-database.ts";
import { createPostgresHarness, type PostgresHarness } from "./postgres-harness.conformance.ts";

setDefaultTimeout(60_000);
const version = existsSync("/usr/lib/postgresql/15/bin/postgres") ? 15 : 18;
const never = new AbortController().signal;

let world: PostgresHarness;
let url = "";
beforeAll(async () => {
  world = await createPostgresHarness();
  const spec = await world.spec("inspected", { version });
  url = (await world.driver.ensure(spec, world.call())).values.url ?? "";
});
afterAll(async () => {
  await world.dispose();
  expect(world.failures).toEqual([]);
});

/** A database of its own for each schema. */
async function inspected(name: string, sql: string, rows = false): Promise<ResourceContent> {
  await world.query(url, `CREATE DATABASE ${name}`);
  const at = new URL(url);
  at.pathname = `/${name}`;
  await world.query(at.href, sql);
  const client = new SQL({ url: at.href, max: 1 });
  try {
    return await inspectDatabase(async (text) => [...(await client.unsafe(text))], { abort: never, rows });
  } finally {
    await client.close();
  }
}

const everything = `
  CREATE SCHEMA "my shop";
  CREATE TYPE "my shop".mood AS ENUM ('sad', 'it''s ok', 'happy');
  CREATE DOMAIN "my shop".cents AS bigint DEFAULT 0 NOT NULL CONSTRAINT positive CHECK (VALUE >= 0);
  CREATE TYPE pair AS (a int, b text);
  CREATE TYPE span AS RANGE (subtype = float8);
  CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text COLLATE "C" NOT NULL UNIQUE, mood "my shop".mood DEFAULT 'happy',
    owed "my shop".cents, double numeric(12,2) GENERATED ALWAYS AS (2 * 1.5) STORED, tags text[] DEFAULT '{}'::text[]
  ) WITH (fillfactor = 70);
  CREATE TABLE "Orders" (
    id serial PRIMARY KEY, customer bigint REFERENCES customers ON DELETE CASCADE DEFERRABLE, placed timestamptz DEFAULT now(),
    during tstzrange, CONSTRAINT sane CHECK (id > 0 AND placed < 'infinity'), EXCLUDE USING gist (during WITH &&)
  );
  CREATE INDEX by_time ON "Orders" (placed DESC NULLS LAST) WHERE customer IS NOT NULL;
  CREATE UNIQUE INDEX by_lower ON customers (lower(name));
  CREATE TABLE events (at date NOT NULL, what text) PARTITION BY RANGE (at);
  CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE INDEX by_at ON events (at);
  CREATE UNLOGGED TABLE scratch (x int);
  CREATE TABLE child (extra int) INHERITS (scratch);
  CREATE VIEW rich WITH (security_barrier) AS SELECT c.id, c.name FROM customers c WHERE c.owed > 100;
  CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM "Orders" WITH NO DATA;
  CREATE UNIQUE INDEX one_total ON totals (n);
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    NEW.placed := now(); RETURN NEW; END$$;
  CREATE FUNCTION add(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
  CREATE PROCEDURE nothing() LANGUAGE sql AS '';
  CREATE AGGREGATE mul(int) (SFUNC = int4mul, STYPE = int, INITCOND = '1');
  CREATE TRIGGER touched BEFORE UPDATE ON "Orders" FOR EACH ROW EXECUTE FUNCTION touch();
  ALTER TABLE "Orders" DISABLE TRIGGER touched;
  CREATE RULE quiet AS ON DELETE TO scratch DO INSTEAD NOTHING;
  CREATE SEQUENCE tickets AS smallint START 5 CYCLE;
  CREATE STATISTICS both_columns ON at, what FROM events;
  ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
  CREATE POLICY mine ON customers FOR SELECT TO app, PUBLIC USING (name = current_user);
  CREATE TEMP TABLE passing (x int);
  INSERT INTO customers (name) VALUES ('a'), ('b');
`;

test("everything people make is there, in words of its own", async () => {
  const { objects, version: said, rows } = await inspected("everything", everything, true);
  expect(said).toMatch(/^PostgreSQL \d+/);
  const seen = (kind: string) => objects.filter((one) => one.kind === kind).map(({ name, definition }) => `${name}: ${definition}`);
  const definition = (name: string) => objects.find((one) => one.name === name)?.definition.split("\n");
  expect(definition("public.customers")).toEqual([
    "double numeric(12,2) GENERATED ALWAYS AS (((2)::numeric * 1.5)) STORED",
    "id bigint GENERATED ALWAYS AS IDENTITY NOT NULL",
    'mood "my shop".mood DEFAULT \'happy\'::"my shop".mood',
    'name text COLLATE "C" NOT NULL',
    'owed "my shop".cents',
    "tags text[] DEFAULT '{}'::text[]",
    "CONSTRAINT customers_name_key UNIQUE (name)",
    "CONSTRAINT customers_pkey PRIMARY KEY (id)",
    "ENABLE ROW LEVEL SECURITY",
    "WITH (fillfactor=70)",
  ]);
  expect(definition('public."Orders"')).toEqual([
    "customer bigint",
    "during tstzrange",
    "id integer DEFAULT nextval('public.\"Orders_id_seq\"'::regclass) NOT NULL",
    "placed timestamp with time zone DEFAULT now()",
    'CONSTRAINT "Orders_customer_fkey" FOREIGN KEY (customer) REFERENCES public.customers(id) ON DELETE CASCADE DEFERRABLE',
    'CONSTRAINT "Orders_during_excl" EXCLUDE USING gist (during WITH &&)',
    'CONSTRAINT "Orders_pkey" PRIMARY KEY (id)',
    "CONSTRAINT sane CHECK (((id > 0) AND (placed < 'infinity'::timestamp with time zone)))",
  ]);
  expect(definition("public.events_2026")).toContain("PARTITION OF public.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')");
  expect(definition("public.events")).toContain("PARTITION BY RANGE (at)");
  expect(definition("public.child")).toEqual(["extra integer", "x integer", "INHERITS public.scratch"]);
  expect(definition("public.scratch")).toContain("UNLOGGED");
  expect(seen("index").map((text) => text.replace(/:.*/, ""))).toEqual([
    "by_at ON public.events",
    "by_lower ON public.customers",
    'by_time ON public."Orders"',
    "one_total ON public.totals",
  ]);
  expect(seen("enum")).toEqual([`"my shop".mood: 'sad'\n'it''s ok'\n'happy'`]);
  expect(seen("domain")).toEqual([`"my shop".cents: bigint\nDEFAULT 0\nNOT NULL\nCONSTRAINT positive CHECK ((VALUE >= 0))`]);
  expect(seen("type")).toEqual(["public.pair: a integer\nb text"]);
  expect(seen("range")).toEqual(["public.span: SUBTYPE double precision"]);
  expect(definition("public.rich")?.at(-1)).toBe("WITH (security_barrier=true)");
  expect(definition("public.totals")?.at(-1)).toBe("WITH NO DATA");
  expect(seen("function").map((text) => text.replace(/:[\s\S]*/, ""))).toEqual(
    expect.arrayContaining(["public.add(a integer, b integer)", "public.touch()"]),
  );
  expect(seen("procedure")).toHaveLength(1);
  expect(seen("aggregate")).toEqual(["public.mul(integer): SFUNC int4mul STYPE integer\nINITCOND '1'\nRETURNS integer"]);
  expect(seen("trigger")).toEqual([
    'touched ON public."Orders": CREATE TRIGGER touched BEFORE UPDATE ON public."Orders" FOR EACH ROW EXECUTE FUNCTION public.touch()\nDISABLED',
  ]);
  expect(seen("rule")).toEqual(["quiet ON public.scratch: CREATE RULE quiet AS\n    ON DELETE TO public.scratch DO INSTEAD NOTHING;"]);
  expect(seen("statistics")).toEqual(["public.both_columns: CREATE STATISTICS public.both_columns ON at, what FROM public.events"]);
  expect(seen("sequence")).toEqual([
    'public."Orders_id_seq": AS integer START 1 INCREMENT 1 MINVALUE 1 MAXVALUE 2147483647 CACHE 1\nOWNED BY public."Orders".id',
    "public.customers_id_seq: AS bigint START 1 INCREMENT 1 MINVALUE 1 MAXVALUE 9223372036854775807 CACHE 1\nOWNED BY public.customers.id",
    "public.tickets: AS smallint START 5 INCREMENT 1 MINVALUE 1 MAXVALUE 32767 CACHE 1 CYCLE",
  ]);
  expect(seen("policy")).toEqual(["mine ON public.customers: PERMISSIVE\nFOR SELECT\nTO PUBLIC\nUSING ((name = CURRENT_USER))"]);
  expect(seen("schema")).toEqual(['"my shop": ', "public: "]);
  expect(seen("extension")).toEqual([expect.stringMatching(/^plpgsql: VERSION/)]);
  expect(objects.some(({ name }) => name.includes("passing"))).toBe(false);
  expect(rows.find(({ table }) => table === "public.customers")).toEqual({ table: "public.customers", rows: 2, exact: true });
});

test("what was made in another order, or changed into the same, is the same", async () => {
  const direct = await inspected(
    "direct",
    "CREATE TABLE b (y int, x text DEFAULT 'a' NOT NULL); CREATE TABLE a (id int PRIMARY KEY); CREATE INDEX i ON b (x); CREATE INDEX j ON b (y)",
  );
  const roundabout = await inspected(
    "roundabout",
    `CREATE TABLE a (wrong text, id bigint); ALTER TABLE a ADD PRIMARY KEY (id); ALTER TABLE a DROP COLUMN wrong; ALTER TABLE a ALTER id TYPE int;
     CREATE TABLE c (x text); CREATE INDEX j ON c (x); DROP INDEX j; ALTER TABLE c RENAME TO b; ALTER TABLE b ADD y int; ALTER TABLE b ALTER x SET DEFAULT 'a', ALTER x SET NOT NULL;
     CREATE INDEX j ON b (y); CREATE INDEX i ON b (x)`,
  );
  expect(roundabout).toEqual(direct);
});

test("a table of very many rows is estimated, one of none is exact", async () => {
  const { rows } = await inspected(
    "many",
    "CREATE TABLE t AS SELECT generate_series(1, 1000005) AS x; CREATE TABLE empty (x int); ANALYZE t",
    true,
  );
  expect(rows).toEqual([
    { table: "public.empty", rows: 0, exact: true },
    { table: "public.t", rows: expect.any(Number), exact: false },
  ]);
  expect(Math.abs((rows[1]?.rows ?? 0) - 1_000_005)).toBeLessThan(50_000);
});

test("it cannot write", async () => {
  const client = new SQL({ url, max: 1 });
  try {
    await inspectDatabase(async (text) => [...(await client.unsafe(text))], { abort: never, rows: false });
    await expect((async () => await client.unsafe("CREATE TABLE t (x int)"))()).rejects.toThrow("read-only transaction");
  } finally {
    await client.close();
  }
});
