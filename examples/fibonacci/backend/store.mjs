import pg from "pg";

// Connections that nobody uses are closed after a while, so that a database which is not needed may rest.
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 5, idleTimeoutMillis: 1000 });
// The server may close an idle connection at any time; the next query opens another one.
pool.on("error", (error) => console.error(`an idle connection to the database ended: ${error.message}`));

/** Keeps a computed number; gives how often it was asked for. */
export async function record({ n, value, algorithm }) {
  const { rows } = await pool.query(
    `INSERT INTO numbers (n, value, algorithm, requests) VALUES ($1, $2, $3, 1)
     ON CONFLICT (n) DO UPDATE SET algorithm = EXCLUDED.algorithm, requests = numbers.requests + 1
     RETURNING requests`,
    [n, value, algorithm],
  );
  return rows[0].requests;
}

/** The migrations this database has seen, how many numbers it holds, and the largest of them with all their columns. */
export async function overview() {
  const [migrations, count, numbers] = await Promise.all([
    pool.query("SELECT name FROM migrations ORDER BY name"),
    pool.query("SELECT count(*)::integer AS count FROM numbers"),
    pool.query("SELECT * FROM numbers ORDER BY n DESC LIMIT 6"),
  ]);
  return {
    migrations: migrations.rows.map(({ name }) => name.replace(/\.sql$/, "")),
    count: count.rows[0].count,
    columns: numbers.fields.map(({ name }) => name),
    numbers: numbers.rows,
  };
}

export const close = () => pool.end();
