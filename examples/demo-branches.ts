// The branches of the demo: each computes the numbers in its own way, looks its own way and has a migration of its own. All three call theirs
// 0003, as branches do; in one database for all they could not live together.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { git, type World } from "./demo-world.ts";

export interface Variant {
  branch: string;
  label: string;
  accent: string;
  /** Body of `fibonacci(n)`. */
  code: string;
  /** Name without `.sql`. */
  migration: string;
  sql: string;
  /** What its database then has besides the app's own, as the server names it. */
  relations: Record<string, string>;
  /** Which numbers the demo asks this branch for, and no other. */
  asks: number[];
}

const numbers = "n integer, value numeric, algorithm text, computed_at timestamptz, requests integer";

export const variants: readonly Variant[] = [
  {
    branch: "ada/fib-1-memoised",
    label: "memoised",
    accent: "#b3541e",
    code: `const known = [0n, 1n];

/** The n-th Fibonacci number; what was computed once is remembered. */
export function fibonacci(n) {
  let steps = 0;
  while (known.length <= n) {
    known.push(known.at(-1) + known.at(-2));
    steps += 1;
  }
  return { value: known[n], steps };
}
`,
    migration: "0003_memo",
    sql: `CREATE TABLE memo (n integer PRIMARY KEY, value numeric NOT NULL);
INSERT INTO memo VALUES (0, 0), (1, 1), (2, 1), (3, 2), (4, 3), (5, 5);
`,
    relations: { memo: "n integer, value numeric", numbers },
    asks: [91, 92],
  },
  {
    branch: "ben/fib-2-matrix",
    label: "matrix",
    accent: "#2f7d4f",
    code: `function multiply([a, b, c, d], [e, f, g, h]) {
  return [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h];
}

/** The n-th Fibonacci number from powers of [[1, 1], [1, 0]] by repeated squaring. */
export function fibonacci(n) {
  let [result, base, steps] = [[1n, 0n, 0n, 1n], [1n, 1n, 1n, 0n], 0];
  for (let left = n; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = multiply(result, base);
    base = multiply(base, base);
    steps += 1;
  }
  return { value: result[1], steps };
}
`,
    migration: "0003_matrix_powers",
    sql: `CREATE TABLE matrix_powers (power integer PRIMARY KEY, entries numeric[] NOT NULL);
INSERT INTO matrix_powers VALUES (1, '{1,1,1,0}'), (2, '{2,1,1,1}'), (4, '{5,3,3,2}'), (8, '{34,21,21,13}');
`,
    relations: { matrix_powers: "power integer, entries numeric[]", numbers },
    asks: [93],
  },
  {
    branch: "cleo/fib-3-doubling",
    label: "fast doubling",
    accent: "#7a3fb0",
    code: `/** The n-th Fibonacci number from F(2k) and F(2k+1). */
export function fibonacci(n) {
  let [a, b, steps] = [0n, 1n, 0];
  for (const bit of n.toString(2)) {
    [a, b] = [a * (2n * b - a), a * a + b * b];
    if (bit === "1") [a, b] = [b, a + b];
    steps += 1;
  }
  return { value: a, steps };
}
`,
    migration: "0003_digits",
    sql: `ALTER TABLE numbers ALTER COLUMN value TYPE text;
ALTER TABLE numbers ADD COLUMN digits integer GENERATED ALWAYS AS (length(value)) STORED;
CREATE VIEW long_numbers AS SELECT n, digits FROM numbers WHERE digits > 9;
`,
    relations: {
      long_numbers: "n integer, digits integer",
      numbers: `${numbers.replace("numeric", "text")}, digits integer`,
    },
    asks: [94, 95, 96],
  },
];

/** Commits each variant on a branch of its own and goes back to main. */
export async function commitVariants(world: World): Promise<void> {
  for (const { branch, label, accent, code, migration, sql } of variants) {
    await git(world, ["switch", "-q", "-c", branch, "main"]);
    writeFileSync(join(world.repository, "backend/algorithm.mjs"), `export const label = ${JSON.stringify(label)};\n\n${code}`);
    writeFileSync(
      join(world.repository, "frontend/src/theme.js"),
      `// How this branch looks.\nexport const accent = ${JSON.stringify(accent)};\n`,
    );
    writeFileSync(join(world.repository, `db/migrations/${migration}.sql`), sql);
    await git(world, ["add", "."]);
    await git(world, ["commit", "-q", "-m", `fibonacci: ${label}`]);
  }
  await git(world, ["switch", "-q", "main"]);
}
