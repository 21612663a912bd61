// What each branch's database holds, that none reaches another's, and that one wakes by itself. Asked through `wt db` and as any client would.
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import type { Variant } from "./demo-branches.ts";
import { ask, index, parse, type RunningEnvironment } from "./demo-checks.ts";
import { need, type World, wt } from "./demo-world.ts";

type Say = (line: string) => void;

export interface Branch {
  variant: Variant;
  environment: RunningEnvironment;
}

/** Fills the branch's database through its API, shows what is in it; gives the checks that failed, in sentences. */
export async function showDatabase(world: World, { variant, environment }: Branch, say: Say): Promise<string[]> {
  const { slug, url } = environment;
  for (const n of variant.asks) await ask(url ?? "", `/api/fibonacci/${n}`);
  const expect = expectations(slug);
  const relations = await readRelations(world, slug);
  expect("tables and views", relations, { ...variant.relations, migrations: "name text, applied_at timestamptz" });
  const migrations = (await query(world, slug, "SELECT name FROM migrations ORDER BY name")).flat();
  expect("migrations", migrations, ["0001_numbers.sql", "0002_requests.sql", `${variant.migration}.sql`]);
  const [rows = []] = await query(
    world,
    slug,
    "SELECT array_agg(n ORDER BY n) FILTER (WHERE n > 10), string_agg(DISTINCT algorithm, ', '), count(*) FROM numbers",
  );
  expect("rows of numbers", rows, [`{${[index, ...variant.asks].join(",")}}`, variant.label, String(12 + variant.asks.length)]);
  const page = parse((await ask(url ?? "", "/api/numbers")).text);
  expect("what its API says", page.migrations, ["0001_numbers", "0002_requests", variant.migration]);
  const [[version = ""] = []] = await query(world, slug, "SHOW server_version");
  say(`${variant.branch}  ${await databaseUrl(world, slug, "hidden")}  PostgreSQL ${version}, schema ${variant.migration}`);
  for (const [name, columns] of Object.entries(relations)) {
    if (name === "migrations") continue;
    const [[count = ""] = []] = await query(world, slug, `SELECT count(*) FROM ${name}`);
    const shown = name === "numbers" ? `${count} rows: 0 to 10, ${rows[0]?.replace(/[{}]/g, "").replaceAll(",", ", ")}` : `${count} rows`;
    say(`  ${name.padEnd(13)}  ${columns}`);
    say(`  ${"".padEnd(13)}  ${shown}`);
  }
  return expect.problems;
}

/** One branch's password opens no other's, and what one destroys is there in the others. */
export async function checkApart(world: World, [first, ...others]: readonly Branch[], say: Say): Promise<string[]> {
  if (!first) return [];
  const problems: string[] = [];
  const name = first.variant.branch;
  const own = new URL(await databaseUrl(world, first.environment.slug));
  for (const { variant, environment } of others) {
    const target = new URL(await databaseUrl(world, environment.slug));
    target.password = own.password;
    const refusal = await connectError(target.href);
    if (refusal !== "28P01") problems.push(`${variant.branch}'s database answered ${name}'s password with ${refusal ?? "an open door"}.`);
  }
  say(`${name}'s password opens neither of the other two: refused by both servers`);
  await query(world, first.environment.slug, "DROP TABLE numbers");
  const broken = await ask(first.environment.url ?? "", `/api/fibonacci/${index}`);
  if (broken.status !== 500) problems.push(`${name} has no table any more, but answered ${broken.status}: ${broken.text}`);
  say(`${name}: DROP TABLE numbers  →  its API says ${parse(broken.text).error ?? broken.text}`);
  for (const { variant, environment } of others) {
    const count = parse((await ask(environment.url ?? "", "/api/numbers")).text).count;
    if (count !== 12 + variant.asks.length) problems.push(`${variant.branch} should still have its numbers, but has ${count}.`);
    say(`${variant.branch}: still ${count} numbers`);
  }
  const startMs = performance.now();
  await need(world, ["db", "reset", "-e", first.environment.slug, "--yes"]);
  const takenMs = performance.now() - startMs;
  const healed = parse((await ask(first.environment.url ?? "", "/api/numbers")).text);
  if (healed.count !== 11) problems.push(`${name} should have its seed again after the reset, but has ${healed.count} numbers.`);
  say(`${name}: wt db reset  →  ${healed.count} numbers, its seed, after ${takenMs.toFixed(0)} ms`);
  return problems;
}

/** Asleep it is no process at all; whoever connects to the same URL wakes it. */
export async function checkSleep(world: World, { variant, environment }: Branch, say: Say): Promise<string[]> {
  const { slug } = environment;
  const problems: string[] = [];
  const before = serverDirectories(world);
  await stopWhenUnused(world, slug);
  const asleep = serverDirectories(world);
  if (before && asleep && asleep.size !== before.size - 1)
    problems.push(`wt db stop ${slug} left ${asleep.size} of ${before.size} servers.`);
  const stateOf = async () => {
    const { environments } = JSON.parse(await need(world, ["list", "--json"])) as { environments: RunningEnvironment[] };
    return environments.find((each) => each.slug === slug)?.resources[0]?.state;
  };
  if ((await stateOf()) !== "Asleep") problems.push(`wt list says ${await stateOf()} about the database of ${slug}, not Asleep.`);
  say(`${variant.branch}: wt db stop  →  Asleep, no process, same URL`);
  const client = new SQL({ url: await databaseUrl(world, slug), max: 1 });
  const startMs = performance.now();
  try {
    const [row] = await client`SELECT count(*)::integer AS count FROM numbers`;
    say(`a client connects  →  ${row.count} numbers after ${(performance.now() - startMs).toFixed(0)} ms`);
    if (row.count !== 12 + variant.asks.length) problems.push(`${slug} woke with ${row.count} numbers.`);
  } finally {
    await client.close();
  }
  if ((await stateOf()) !== "Ready") problems.push(`wt list says ${await stateOf()} about the database of ${slug} after it woke.`);
  return problems;
}

/** The app's own pool lets go of its connections after a moment; until then the database is in use, and `wt db stop` says so. */
async function stopWhenUnused(world: World, slug: string): Promise<void> {
  const deadlineMs = Date.now() + 10_000;
  for (;;) {
    const stopped = await wt(world, ["db", "stop", "-e", slug]);
    if (stopped.code === 0) return;
    if (Date.now() > deadlineMs) throw new Error(`wt db stop -e ${slug} was refused for ten seconds: ${stopped.stderr.trim()}`);
    await Bun.sleep(100);
  }
}

/** Rows as text, through the prompt that is built into `wt`. */
async function query(world: World, slug: string, sql: string): Promise<string[][]> {
  const answer = await need(world, ["db", "psql", "-e", slug, "--json", "-c", sql]);
  return (JSON.parse(answer.trim().split("\n").at(-1) ?? "") as { rows: string[][] }).rows;
}

async function databaseUrl(world: World, slug: string, password: "with password" | "hidden" = "with password"): Promise<string> {
  const { url } = JSON.parse(await need(world, ["db", "url", "-e", slug, "--json"])) as { url: string };
  return password === "hidden" ? url.replace(/:[^:@/]+@/, "@") : url;
}

/** Every table and view with its columns. */
async function readRelations(world: World, slug: string): Promise<Record<string, string>> {
  const rows = await query(
    world,
    slug,
    `SELECT c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') GROUP BY 1 ORDER BY 1`,
  );
  return Object.fromEntries(rows.map(([name = "", columns = ""]) => [name, columns.replaceAll("timestamp with time zone", "timestamptz")]));
}

/** SQLSTATE of the refusal; null: it was let in. */
async function connectError(url: string): Promise<string | null> {
  const client = new SQL({ url, max: 1 });
  try {
    await client`SELECT 1`;
    return null;
  } catch (error) {
    return String((error as { errno?: unknown }).errno ?? error);
  } finally {
    await client.close();
  }
}

/** Where servers of this world's environments work; null where the machine does not tell. */
export function serverDirectories(world: World): Set<string> | null {
  if (!existsSync("/proc/self/cwd")) return null;
  const found = new Set<string>();
  const environments = join(world.env.XDG_STATE_HOME ?? "", "worldtree/environments/");
  for (const name of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    try {
      const directory = readlinkSync(join("/proc", name, "cwd"));
      if (directory.startsWith(environments)) found.add(directory);
    } catch {
      // Another user's, or gone meanwhile.
    }
  }
  return found;
}

interface Expectations {
  (what: string, seen: unknown, wanted: unknown): void;
  problems: string[];
}

function expectations(slug: string): Expectations {
  const problems: string[] = [];
  return Object.assign(
    (what: string, seen: unknown, wanted: unknown) => {
      if (!Bun.deepEquals(seen, wanted))
        problems.push(`${slug}: ${what} should be ${JSON.stringify(wanted)}, not ${JSON.stringify(seen)}.`);
    },
    { problems },
  );
}
