// The part that differs from branch to branch.
export const label = "iterative";

/** The n-th Fibonacci number, with the work it took. */
export function fibonacci(n) {
  let [previous, current] = [0n, 1n];
  for (let step = 0; step < n; step += 1) [previous, current] = [current, previous + current];
  return { value: previous, steps: n };
}
