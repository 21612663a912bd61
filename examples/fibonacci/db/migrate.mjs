// `npm run migrate`: applies the files of migrations/ that this database has not seen, in the order of their names, each in a transaction.
import { readdir, readFile } from "node:fs/promises";
import pg from "pg";

const directory = new URL("migrations/", import.meta.url);
const client = new pg.Client({ connectionString: process.env.DATABASE_URL });

async function apply(name) {
  const sql = await readFile(new URL(name, directory), "utf8");
  await client.query("BEGIN");
  try {
    await client.query(sql);
    await client.query("INSERT INTO migrations (name) VALUES ($1)", [name]);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
  console.log(`applied ${name}`);
}

await client.connect();
try {
  // Of two runs at once the second waits, and then finds nothing to do.
  await client.query("SELECT pg_advisory_lock(hashtext('migrations'))");
  await client.query("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())");
  const { rows } = await client.query("SELECT name FROM migrations");
  const applied = new Set(rows.map(({ name }) => name));
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).sort();
  for (const name of names) if (!applied.has(name)) await apply(name);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await client.end();
}
