// The branches of the demo: each computes the numbers in its own way and looks its own way.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { git, type World } from "./demo-world.ts";

export interface Variant {
  branch: string;
  label: string;
  accent: string;
  /** Body of `fibonacci(n)`. */
  code: string;
}

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
  },
];

/** Commits each variant on a branch of its own and goes back to main. */
export async function commitVariants(world: World): Promise<void> {
  for (const { branch, label, accent, code } of variants) {
    await git(world, ["switch", "-q", "-c", branch, "main"]);
    writeFileSync(join(world.repository, "backend/algorithm.mjs"), `export const label = ${JSON.stringify(label)};\n\n${code}`);
    writeFileSync(
      join(world.repository, "frontend/src/theme.js"),
      `// How this branch looks.\nexport const accent = ${JSON.stringify(accent)};\n`,
    );
    await git(world, ["commit", "-q", "-a", "-m", `fibonacci: ${label}`]);
  }
  await git(world, ["switch", "-q", "main"]);
}
