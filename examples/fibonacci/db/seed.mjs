// `npm run seed`: the first numbers, as this branch computes them. What is there already stays.
import pg from "pg";
import { fibonacci, label } from "../backend/algorithm.mjs";

const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
try {
  for (let n = 0; n <= 10; n += 1) {
    const values = [n, String(fibonacci(n).value), label];
    await client.query("INSERT INTO numbers (n, value, algorithm) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", values);
  }
} finally {
  await client.end();
}
