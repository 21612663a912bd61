// The rows as a table on the screen and in docs/benchmarks.md.
import { readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, loadavg, release, totalmem, type } from "node:os";
import { basename } from "node:path";
import type { BenchRow } from "./gateway.ts";
import { formatted } from "./measure.ts";
import { findWorktrunk } from "./start-and-list.ts";

const begin = "<!-- measured: written by `npm run bench -- --write`, not by hand -->";
const end = "<!-- /measured -->";
const header = ["what", "measure", "value", "compared with", "ratio", "bar", ""];

function cellsOf(row: BenchRow): string[] {
  const ratio = Number.isNaN(row.ratio) || row.peer === "none" ? "" : `${row.ratio.toFixed(2)} ×`;
  return [
    row.what,
    row.measure,
    formatted(row.value, row.unit),
    row.peer,
    ratio,
    row.bar,
    row.bar === "" ? "" : row.met ? "met" : "NOT MET",
  ];
}

export function printTable(rows: readonly BenchRow[]): void {
  const lines = [header, ...rows.map(cellsOf)];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => Bun.stringWidth(line[column] ?? ""))));
  for (const line of lines) {
    const cells = line.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - Bun.stringWidth(cell)));
    console.log(cells.join("  ").trimEnd());
  }
}

/** Replaces the marked part of the page; everything around it stays. */
export function writeTable(path: string, rows: readonly BenchRow[], machine: readonly string[]): void {
  const page = readFileSync(path, "utf8");
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${path} has no place for the table: a line ${begin} and a line ${end}.`);
  const cellText = (cell: string) => cell.replaceAll("|", "\\|");
  const lines = [header, header.map(() => "---"), ...rows.map(cellsOf)].map((cells) => `| ${cells.map(cellText).join(" | ")} |`);
  const text = [begin, "", ...machine.map((line) => `- ${line}`), "", ...lines, "", ""].join("\n");
  writeFileSync(path, page.slice(0, from) + text + page.slice(to));
}

/** What the numbers were measured on and with. */
export function describeMachine(directory: string): string[] {
  const processors = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const worktrunk = findWorktrunk();
  const versions: [string, string | null][] = [
    ["Bun", Bun.version],
    ["git", versionOf(["git", "--version"])],
    ["worktrunk", worktrunk?.version ?? null],
    ["Node", versionOf(["node", "--version"])],
    ["Caddy", versionOf(["caddy", "version"])],
    ["wrk", versionOf(["wrk", "--version"])],
  ];
  return [
    `Date: ${new Date().toISOString().slice(0, 10)}`,
    `Machine: ${processors.length} × ${processors[0]?.model.trim() ?? "unknown processor"}, ${memory} GB, ${type()} ${release()} ${arch()}`,
    `Files in: ${basename(directory) === "shm" ? "memory (tmpfs)" : "the temporary directory"}; load when it began: ${loadavg()[0]?.toFixed(1)}`,
    `With: ${versions.map(([name, version]) => `${name} ${version ?? "(missing)"}`).join(", ")}`,
  ];
}

function versionOf(command: string[]): string | null {
  if (!Bun.which(command[0] ?? "")) return null;
  const { stdout, stderr } = Bun.spawnSync(command, { stdout: "pipe", stderr: "pipe" });
  return /\d+\.\d+(\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? "?";
}
