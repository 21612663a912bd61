// Time of commands that take turns: a noisy neighbour hits all of them alike.
import type { BenchRow } from "./gateway.ts";

export interface Timed {
  /** Until the first output. */
  firstMs: number;
  totalMs: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd: string;
  env: Record<string, string>;
}

/** Runs a command to its end; throws when it fails. */
export async function timeCommand(command: readonly string[], { cwd, env }: CommandOptions): Promise<Timed> {
  const startMs = performance.now();
  const child = Bun.spawn([...command], { cwd, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const errors = new Response(child.stderr).text();
  const decoder = new TextDecoder();
  let stdout = "";
  let firstMs = Number.NaN;
  for await (const chunk of child.stdout) {
    if (stdout === "") firstMs = performance.now() - startMs;
    stdout += decoder.decode(chunk, { stream: true });
  }
  const code = await child.exited;
  const totalMs = performance.now() - startMs;
  const stderr = await errors;
  if (code !== 0) throw new Error(`${command.join(" ")} ended with code ${code}: ${stderr || stdout}`);
  return { firstMs: Number.isNaN(firstMs) ? totalMs : firstMs, totalMs, stdout, stderr };
}

/** A contestant's numbers of one round, by name. */
export type Contestant = (round: number) => Promise<Record<string, number>>;

/** The medians over all rounds of every number; in each round everybody has a turn. The first round only warms up. */
export async function takeTurns(contestants: readonly Contestant[], rounds: number): Promise<Record<string, number>> {
  const seen: Record<string, number[]> = {};
  for (let round = 0; round <= rounds; round++) {
    // Every other round the other way around: what follows a heavy neighbour is not always the same one.
    for (const contestant of round % 2 === 0 ? contestants : [...contestants].reverse()) {
      const numbers = await contestant(round);
      if (round === 0) continue;
      for (const [name, value] of Object.entries(numbers)) {
        seen[name] ??= [];
        seen[name].push(value);
      }
    }
  }
  return Object.fromEntries(Object.entries(seen).map(([name, values]) => [name, median(values)]));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

export interface Compared {
  what: string;
  measure: string;
  value: number;
  unit?: string;
  /** Name and value of what it is compared with. */
  peer: readonly [string, number] | null;
  /** None: the row only informs. */
  bar?: { text: string; met: boolean };
}

export function compared({ what, measure, value, unit = "ms", peer, bar }: Compared): BenchRow {
  return {
    what,
    measure,
    value,
    unit,
    peer: peer ? `${peer[0]} (${formatted(peer[1], unit)})` : "",
    ratio: peer ? value / peer[1] : Number.NaN,
    bar: bar?.text ?? "",
    met: bar?.met ?? true,
  };
}

export function formatted(value: number, unit: string): string {
  const digits = Number.isInteger(value) || value >= 1000 ? 0 : value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  return `${value.toFixed(digits)}${unit ? ` ${unit}` : ""}`;
}

export function skipped(what: string, why: string): void {
  console.log(`skipped: ${what} (${why})`);
}
